"""A large estate of terminals for measuring: everything agrees but for what is planted. SQL as the owner."""

from dataclasses import dataclass

import psycopg

TABLES = "terminals_ledgerfile, terminals_terminal, terminals_building, accesscontrol_staff, accesscontrol_organisation"
_BUILD = """
INSERT INTO accesscontrol_organisation (code, name, kind) VALUES ('NW', '計測ネットワーク', 'nw'), ('RT', '計測小売', 'retail');
INSERT INTO terminals_building (code, name, address) SELECT 'B-' || n, '拠点' || n, '計測市' FROM generate_series(1, 100) n;
INSERT INTO terminals_place (building_id, floor, name, clock_offset)
  SELECT id, '1F', side, 0 FROM terminals_building, unnest(ARRAY['nw', 'retail']) side;
INSERT INTO terminals_zoneownership (place_id, kind, assigned_side, during)
  SELECT id, name, '', tstzrange('2023-12-01', NULL) FROM terminals_place;
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
  SELECT n, CASE WHEN n % 3 = 0 THEN 'retail' ELSE 'nw' END AS side, 1 + n % 100 AS building,
         'NW-' || lpad(n::text, 6, '0') AS number, 'U' || lpad(n::text, 6, '0') AS lu, 'N-' || lpad(n::text, 5, '0') AS person
  FROM generate_series(0, %(terminals)s - 1) n;
INSERT INTO accesscontrol_staff (number, name, kana, email) SELECT person, '計測' || n, '', '' FROM plan;
INSERT INTO accesscontrol_posting (staff_id, organisation_id, department, duty, engaged_for, during)
  SELECT s.id, o.id, '計測課', 'inquiry', '', tstzrange('2023-12-01', NULL)
  FROM plan JOIN accesscontrol_staff s ON s.number = plan.person JOIN accesscontrol_organisation o ON o.kind = plan.side;
INSERT INTO terminals_terminal (number, asset_number, serial_number, status, suspended_reason)
  SELECT number, 'A-' || number, 'S-' || number, 'procured', '' FROM plan;
INSERT INTO terminals_luregistration (terminal_id, lu, terminal_class, during)
  SELECT t.id, plan.lu, plan.side, tstzrange('2023-12-01', NULL) FROM plan JOIN terminals_terminal t USING (number);
INSERT INTO terminals_deployment (terminal_id, holder_id, place_id, during)
  SELECT t.id, o.id, p.id, tstzrange('2023-12-01', NULL) FROM plan JOIN terminals_terminal t USING (number)
  JOIN accesscontrol_organisation o ON o.kind = plan.side
  JOIN terminals_building b ON b.code = 'B-' || plan.building JOIN terminals_place p ON p.building_id = b.id AND p.name = plan.side;
INSERT INTO terminals_lifeevent (terminal_id, kind, from_status, to_status, at, reason, evidence)
  SELECT id, 'taken_over', 'procured', 'deployed', '2023-12-01', '計測', '{}' FROM terminals_terminal;
INSERT INTO terminals_terminallastseen (terminal_id, seen_at) SELECT id, now() FROM terminals_terminal;
INSERT INTO terminals_stocktake (place_id, by_id, started_at, finished_at)
  SELECT p.id, (SELECT min(id) FROM accesscontrol_staff), now() - interval '1 day', now() - interval '1 day' FROM terminals_place p;
INSERT INTO terminals_sighting (stock_take_id, code, terminal_id, seen_at)
  SELECT k.id, t.number, t.id, now() - interval '1 day' FROM terminals_deployment d
  JOIN terminals_terminal t ON t.id = d.terminal_id JOIN terminals_stocktake k ON k.place_id = d.place_id;
INSERT INTO terminals_ledgerfile (received_at, channel, file_name, sha256, encoding, as_of, rows, bad_rows, state, outcome, accepted_at)
  VALUES (now(), 'upload', 'haibisaki.csv', repeat('0', 64), 'cp932', current_date, %(terminals)s, 0, 'accepted', '', now());
INSERT INTO terminals_ledgerline (file_id, line, terminal_number, asset_number, serial_number, lu, state, holder_code,
    building_code, floor, room, user_number)
  SELECT (SELECT max(id) FROM terminals_ledgerfile), n + 2, number, 'A-' || number, 'S-' || number, lu, 'deployed',
    CASE side WHEN 'nw' THEN 'NW' ELSE 'RT' END, 'B-' || building, '1F', side, person FROM plan;
"""
_PLANT = """
UPDATE terminals_ledgerline SET holder_code = 'RT' WHERE terminal_number IN (SELECT number FROM plan WHERE n % 1041 = 1 AND side = 'nw' LIMIT 96);
UPDATE terminals_ledgerline SET room = 'elsewhere' WHERE line % 2003 = 5;
DELETE FROM terminals_ledgerline WHERE line % 2503 = 7;
INSERT INTO terminals_ledgerline (file_id, line, terminal_number, asset_number, serial_number, lu, state, holder_code,
    building_code, floor, room, user_number)
  SELECT (SELECT max(id) FROM terminals_ledgerfile), 900000 + n, 'ZZ-' || lpad(n::text, 6, '0'), '', '', '', 'deployed', 'NW', 'B-1', '1F', 'nw', ''
  FROM generate_series(1, 100) n;
"""


@dataclass(frozen=True, slots=True)
class Estate:
    """How large an estate is, and how many of its discrepancies were planted, by kind."""

    terminals: int
    planted: dict[str, int]


def build(owner: psycopg.Connection, terminals: int) -> Estate:
    """Empty the registry and build an estate; what was planted is counted from the plan, not from a run."""
    with owner.transaction():
        owner.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
        for statement in _BUILD.split(";\n"):
            if statement.strip():
                owner.execute(statement.replace("%(terminals)s", str(terminals)).encode())
        for statement in _PLANT.split(";\n"):
            if statement.strip():
                owner.execute(statement.encode())
        planted = {
            "nw_at_retail": min(
                96, _count(owner, "SELECT count(*) FROM plan WHERE n % 1041 = 1 AND side = 'nw'")
            ),
            "place_differs": _count(
                owner, "SELECT count(*) FROM terminals_ledgerline WHERE room = 'elsewhere'"
            ),
            "not_in_ledger": _count(owner, "SELECT count(*) FROM plan WHERE (n + 2) % 2503 = 7"),
            "unregistered": 100,
        }
    owner.execute("ANALYZE")
    return Estate(terminals, planted)


def _count(owner: psycopg.Connection, statement: str) -> int:
    (number,) = owner.execute(statement.encode()).fetchone() or (0,)
    return int(number)
