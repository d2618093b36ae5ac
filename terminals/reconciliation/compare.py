"""Lay the ledger, the registry, the postings and what was seen beside each other: one statement, no rows in Python.

FULL OUTER JOIN on the terminal's number and again on the LU (REC-01); postings of the actual user and
observed cards are the third and fourth source, so that two ledgers wrong together are found (REC-03).
"""

import json
from datetime import datetime
from typing import Any

from django.db import connection

from terminals.models import Run
from terminals.reconciliation.rules import Rules

_SIDES = """
  WITH side AS (
    SELECT o.id, CASE WHEN o.kind IN ('nw', 'retail') THEN o.kind ELSE '' END AS side FROM accesscontrol_organisation o
  ), posted AS (
    SELECT s.id AS staff, s.number, CASE WHEN o.kind = 'contractor' THEN p.engaged_for ELSE side.side END AS side
    FROM accesscontrol_staff s
    LEFT JOIN accesscontrol_posting p ON p.staff_id = s.id AND p.during @> %(at)s
    LEFT JOIN accesscontrol_organisation o ON o.id = p.organisation_id LEFT JOIN side ON side.id = o.id
  ), zone AS (
    SELECT place_id, CASE WHEN kind = 'contractor' THEN coalesce(nullif(assigned_side, ''), 'shared') ELSE kind END AS side
    FROM terminals_zoneownership WHERE during @> %(at)s
  ), room AS (
    SELECT p.id, b.code, p.floor, p.name, b.name AS site, b.name || ' ' || p.floor || ' ' || p.name AS words,
           coalesce(zone.side, 'shared') AS side
    FROM terminals_place p JOIN terminals_building b ON b.id = p.building_id LEFT JOIN zone ON zone.place_id = p.id
  )"""

_LEDGER = """
  ledger AS (
    SELECT l.id AS line, l.terminal_number AS number, l.lu, l.state, l.user_number <> '' AS used,
           o.id AS holder, coalesce(side.side, '') AS holder_side, room.id AS room, room.side AS zone, posted.side AS user_side
    FROM terminals_ledgerline l
    LEFT JOIN accesscontrol_organisation o ON o.code = l.holder_code LEFT JOIN side ON side.id = o.id
    LEFT JOIN room ON (room.code, room.floor, room.name) = (l.building_code, l.floor, l.room)
    LEFT JOIN posted ON posted.number = l.user_number AND l.user_number <> ''
    WHERE l.file_id = %(ledger)s
  )"""

_ONLINE = """
  twin AS (
    SELECT lu FROM terminals_luregistration WHERE during @> %(at)s GROUP BY lu HAVING count(*) > 1
  ), registered AS (
    SELECT r.terminal_id, count(*) AS lus, min(lower(r.during)) AS since, bool_or(twin.lu IS NOT NULL) AS shared,
           CASE WHEN count(*) = 1 THEN min(r.lu) ELSE min(r.lu) || '・' || max(r.lu) END AS lu,
           CASE WHEN min(r.terminal_class) = max(r.terminal_class) THEN min(r.terminal_class) ELSE '' END AS class
    FROM terminals_luregistration r LEFT JOIN twin ON twin.lu = r.lu
    WHERE r.during @> %(at)s GROUP BY r.terminal_id
  ), sighted AS (
    SELECT DISTINCT ON (s.terminal_id) s.terminal_id, s.seen_at, room.id AS room, room.side
    FROM terminals_sighting s JOIN terminals_stocktake t ON t.id = s.stock_take_id JOIN room ON room.id = t.place_id
    WHERE s.terminal_id IS NOT NULL AND s.seen_at <= %(at)s ORDER BY s.terminal_id, s.seen_at DESC
  ), audited AS (
    SELECT s.terminal_id, max(s.seen_at) AS at FROM terminals_sighting s
    JOIN terminals_stocktake t ON t.id = s.stock_take_id AND t.finished_at <= %(at)s
    WHERE s.terminal_id IS NOT NULL GROUP BY s.terminal_id
  ), shown AS (
    SELECT w.terminal_number AS number, w.started_at AS at, c.staff_id, c.company_id
    FROM accesscontrol_worksession w JOIN accesscontrol_card c ON c.id = w.card_id
    WHERE w.started_at > %(at)s - %(observed)s::interval AND w.started_at <= %(at)s
    UNION ALL
    SELECT a.terminal_number, a.raised_at, c.staff_id, c.company_id
    FROM accesscontrol_alert a JOIN accesscontrol_card c ON c.number = a.card_number
    WHERE a.raised_at > %(at)s - %(observed)s::interval AND a.raised_at <= %(at)s AND a.terminal_number <> ''
  ), carded AS (
    SELECT shown.number, shown.at,
           CASE WHEN o.kind = 'contractor' THEN p.engaged_for ELSE coalesce(o.kind, side.side) END AS side
    FROM shown LEFT JOIN side ON side.id = shown.company_id
    LEFT JOIN accesscontrol_posting p ON p.staff_id = shown.staff_id AND p.during @> shown.at
    LEFT JOIN accesscontrol_organisation o ON o.id = p.organisation_id
  ), contrary AS (
    SELECT t.id, max(c.at) AS at FROM carded c JOIN terminals_terminal t ON t.number = c.number
    JOIN registered r ON r.terminal_id = t.id AND c.at >= r.since
    WHERE c.side IN ('nw', 'retail') AND r.class IN ('nw', 'retail') AND c.side <> r.class GROUP BY t.id
  ), online AS (
    SELECT t.number, t.status, t.status IN ('deployed', 'relocating') AS live, coalesce(r.lus, 0) AS lus,
           coalesce(r.lu, '') AS lu, coalesce(r.class, '') AS class, coalesce(r.shared, false) AS shared,
           d.holder_id AS holder, coalesce(side.side, '') AS holder_side, lower(d.during) AS deployed_at,
           d.place_id AS room, room.side AS zone, sighted.room AS sighted_room, sighted.side AS sighted_zone,
           sighted.seen_at AS sighted_at, seen.seen_at AS used_at, audited.at AS audited_at, contrary.at AS contrary_at
    FROM terminals_terminal t
    LEFT JOIN registered r ON r.terminal_id = t.id
    LEFT JOIN terminals_deployment d ON d.terminal_id = t.id AND d.during @> %(at)s
    LEFT JOIN side ON side.id = d.holder_id LEFT JOIN room ON room.id = d.place_id
    LEFT JOIN sighted ON sighted.terminal_id = t.id AND (d.during IS NULL OR sighted.seen_at >= lower(d.during))
    LEFT JOIN audited ON audited.terminal_id = t.id
    LEFT JOIN terminals_terminallastseen seen ON seen.terminal_id = t.id
    LEFT JOIN contrary ON contrary.id = t.id
  )"""

_PAIRS = """
  pair AS (
    SELECT l.line, coalesce(l.number, o.number) AS number, l.number IS NOT NULL AS in_ledger,
           o.number IS NOT NULL AS in_registry, coalesce(l.state, '') AS state,
           coalesce(l.state = 'deployed', false) AS out, coalesce(l.lu, '') AS ledger_lu, coalesce(l.used, false) AS used,
           l.user_side, l.holder AS ledger_holder, coalesce(l.holder_side, '') AS ledger_side, l.room AS ledger_room,
           l.zone AS ledger_zone, coalesce(o.status, '') AS status, coalesce(o.live, false) AS live,
           coalesce(o.lus, 0) AS lus, coalesce(o.lu, '') AS lu, coalesce(o.class, '') AS class,
           coalesce(o.shared, false) AS shared, o.holder, coalesce(o.holder_side, '') AS holder_side, o.room, o.zone,
           o.deployed_at, o.sighted_room, o.sighted_zone, o.sighted_at, o.used_at, o.audited_at, o.contrary_at
    FROM ledger l FULL OUTER JOIN online o ON o.number = l.number
  )"""

# Each line is one kind of terminals.choices.Kind: when it is wrong, and which source is the odd one.
_RULES = {
    "nw_at_retail": (
        "class = 'nw' AND (out AND ledger_side = 'retail' OR live AND holder_side = 'retail')",
        "'online'",
    ),
    "retail_at_nw": (
        "class = 'retail' AND (out AND ledger_side = 'nw' OR live AND holder_side = 'nw')",
        "'online'",
    ),
    "nw_zone": (
        "class = 'nw' AND (out AND ledger_zone <> 'nw' OR live AND (zone <> 'nw' OR sighted_zone <> 'nw'))",
        "CASE WHEN live AND zone <> 'nw' THEN 'online' WHEN out AND ledger_zone <> 'nw' THEN 'ledger' ELSE 'seen' END",
    ),
    "transferred": ("out AND used AND class <> '' AND user_side IS DISTINCT FROM class", "'ledger'"),
    "other_card": ("contrary_at IS NOT NULL", "'seen'"),
    "residual_lu": (
        (
            "lus > 0 AND (status NOT IN ('configuring', 'deployed', 'relocating')"
            " OR state IN ('returned', 'retired') OR state = 'in_stock' AND live)"
        ),
        "'online'",
    ),
    "unregistered": ("out AND lus = 0", "'online'"),
    "not_in_ledger": ("NOT in_ledger AND (lus > 0 OR live)", "'ledger'"),
    "duplicate_lu": ("shared OR lus > 1", "'online'"),
    "lu_moved": (
        (
            "ledger_lu <> '' AND ledger_lu <> lu AND (SELECT count(*) > 0 AND NOT bool_or(t.number = pair.number)"
            " FROM terminals_luregistration r JOIN terminals_terminal t ON t.id = r.terminal_id"
            " WHERE r.lu = pair.ledger_lu AND r.during @> %(at)s)"
        ),
        "'online'",
    ),
    "holder_differs": (
        (
            "out AND live AND ledger_holder IS DISTINCT FROM holder"
            " AND (class = '' OR '' IN (ledger_side, holder_side) OR ledger_side = holder_side)"
        ),
        "'ledger'",
    ),
    "place_differs": (
        "out AND live AND (ledger_room IS DISTINCT FROM room OR sighted_room <> room)",
        "CASE WHEN sighted_room <> room THEN 'seen' ELSE 'ledger' END",
    ),
    "not_seen": (
        "live AND coalesce(greatest(used_at, sighted_at, deployed_at), '-infinity') < %(at)s - %(unseen)s::interval",
        "'seen'",
    ),
    "not_audited": ("live AND coalesce(audited_at, '-infinity') < %(at)s - %(audit)s::interval", "'seen'"),
}
_JUDGED = f"""
  judged AS (
    SELECT pair.*, unnest(array_remove(ARRAY[
      {", ".join(f"CASE WHEN {wrong} THEN '{kind}' END" for kind, (wrong, _) in _RULES.items())}], NULL)) AS kind
    FROM pair
  ), kept AS (
    SELECT judged.*, CASE kind {" ".join(f"WHEN '{kind}' THEN {odd}" for kind, (_, odd) in _RULES.items())} END AS odd
    FROM judged WHERE %(only)s = '' OR kind = %(only)s
  )"""

_CLASS_WORDS = "CASE class WHEN 'nw' THEN 'NW用' WHEN 'retail' THEN '小売用' ELSE '区分が一つでない' END"
_STATE_WORDS = (
    "CASE kept.state WHEN 'in_stock' THEN '在庫' WHEN 'returned' THEN '返却' WHEN 'retired' THEN '廃棄' END"
)
_DAY = "to_char({} AT TIME ZONE 'Asia/Tokyo', 'YYYY/MM/DD HH24:MI')"
_FOUND = f"""
  INSERT INTO terminals_found
    (run_id, kind, terminal_number, lu, site, terminal_class, ledger_says, online_says, seen_says, odd_one)
  SELECT %(run)s, kept.kind, kept.number, CASE WHEN kept.kind = 'lu_moved' THEN ledger_lu ELSE left(kept.lu, 8) END,
    coalesce(there.site, building.name, nullif(line.building_code, ''), here.site, '設置場所なし'), class,
    left(CASE WHEN NOT in_ledger THEN 'なし'
         WHEN out THEN concat_ws(' ', said.name, coalesce(there.words, nullif(concat_ws(' ', line.building_code, line.floor, line.room), '')),
           CASE WHEN kept.kind = 'transferred' THEN '使用者 ' || line.user_number END)
         ELSE concat_ws(' ', {_STATE_WORDS}, to_char(line.returned_on, 'YYYY/MM/DD')) END, 200),
    left(CASE WHEN NOT in_registry THEN '登録なし' ELSE concat_ws(' ',
           CASE WHEN lus = 0 THEN 'LU登録なし' ELSE {_CLASS_WORDS} || '・' || kept.lu END,
           CASE WHEN kept.kind = 'lu_moved' THEN '（' || ledger_lu || ' は別の端末）' END,
           CASE WHEN live THEN concat_ws(' ', holds.name, here.words) END) END, 200),
    left(CASE WHEN kept.kind = 'other_card' THEN '別会社の職員証 ' || {_DAY.format("contrary_at")}
         WHEN sighted_at IS NOT NULL AND sighted_at >= coalesce(used_at, '-infinity')
           THEN seen.words || ' ' || {_DAY.format("sighted_at")}
         WHEN used_at IS NOT NULL THEN '最後の利用 ' || {_DAY.format("used_at")} ELSE 'なし' END, 200),
    odd
  FROM kept
  LEFT JOIN terminals_ledgerline line ON line.id = kept.line
  LEFT JOIN terminals_building building ON building.code = line.building_code
  LEFT JOIN accesscontrol_organisation said ON said.id = ledger_holder
  LEFT JOIN accesscontrol_organisation holds ON holds.id = kept.holder
  LEFT JOIN room there ON there.id = ledger_room LEFT JOIN room here ON here.id = kept.room
  LEFT JOIN room seen ON seen.id = sighted_room"""
_COMPARE = ",".join((_SIDES, _LEDGER, _ONLINE, _PAIRS, _JUDGED)) + _FOUND

_POPULATION = """
  WITH pair AS (
    SELECT coalesce(l.number, o.number) AS number, l.number IS NOT NULL AS in_ledger, o.number IS NOT NULL AS in_registry,
           coalesce(l.site, o.site, '設置場所なし') AS site
    FROM (SELECT l.terminal_number AS number, coalesce(b.name, nullif(l.building_code, '')) AS site
          FROM terminals_ledgerline l LEFT JOIN terminals_building b ON b.code = l.building_code
          WHERE l.file_id = %(ledger)s) l
    FULL OUTER JOIN (
      SELECT t.number, b.name AS site FROM terminals_terminal t
      LEFT JOIN terminals_deployment d ON d.terminal_id = t.id AND d.during @> %(at)s
      LEFT JOIN terminals_place p ON p.id = d.place_id LEFT JOIN terminals_building b ON b.id = p.building_id
    ) o ON o.number = l.number
  )"""
_SITES = (
    _POPULATION
    + """
  SELECT site, count(*) FILTER (WHERE in_ledger), count(*) FILTER (WHERE in_registry),
         count(*), count(*) FILTER (WHERE bad.times IS NULL),
         coalesce(sum(bad.times), 0), coalesce(sum(bad.critical), 0)
  FROM pair LEFT JOIN (
    SELECT terminal_number, count(*) AS times, count(*) FILTER (WHERE kind = ANY (%(critical)s)) AS critical
    FROM terminals_found WHERE run_id = %(run)s GROUP BY terminal_number) bad ON bad.terminal_number = pair.number
  GROUP BY site ORDER BY count(*) DESC, site"""
)
_INSPECTED = (
    _POPULATION
    + """
  INSERT INTO terminals_inspected (run_id, site, terminal_number, is_fine)
  SELECT %(run)s, site, number, NOT EXISTS (
    SELECT FROM terminals_found f WHERE f.run_id = %(run)s AND f.terminal_number = pair.number) FROM pair"""
)
_SOURCES = """
  SELECT (SELECT count(*) FROM terminals_ledgerline WHERE file_id = %(ledger)s),
    (SELECT jsonb_build_object('rows', count(*), 'sha256', encode(sha256(convert_to(coalesce(string_agg(
       concat_ws('|', t.number, t.status, r.lu, r.terminal_class), E'\\n' ORDER BY t.number, r.lu), ''), 'UTF8')), 'hex'))
     FROM terminals_terminal t LEFT JOIN terminals_luregistration r ON r.terminal_id = t.id AND r.during @> %(at)s),
    (SELECT jsonb_build_object('rows', count(*), 'sha256', encode(sha256(convert_to(coalesce(string_agg(
       concat_ws('|', s.number, p.organisation_id, p.engaged_for), E'\\n' ORDER BY s.number), ''), 'UTF8')), 'hex'))
     FROM accesscontrol_posting p JOIN accesscontrol_staff s ON s.id = p.staff_id WHERE p.during @> %(at)s),
    (SELECT jsonb_build_object('rows', count(*)) FROM accesscontrol_worksession
     WHERE started_at > %(at)s - %(observed)s::interval AND started_at <= %(at)s)"""
_DIGEST = """
  SELECT encode(sha256(convert_to(coalesce(string_agg(
    concat_ws('|', kind, terminal_number, lu), E'\\n' ORDER BY kind, terminal_number, lu), ''), 'UTF8')), 'hex'), count(*)
  FROM terminals_found WHERE run_id = %(run)s"""


def sources(run: Run, *, rules: Rules, at: datetime) -> dict[str, Any]:
    """Return what will be compared: rows and SHA-256 of each source."""
    ledger, *others = _row(_SOURCES, _given(run, rules, at))
    online, postings, observed = map(json.loads, others)
    held = {"rows": ledger}
    if run.ledger is not None:
        held |= {"file": run.ledger.file_name, "sha256": run.ledger.sha256, "as_of": str(run.ledger.as_of)}
    return {"ledger": held, "online": online, "postings": postings, "observed": observed}


def compare(run: Run, *, rules: Rules, at: datetime) -> None:
    """Write what is wrong at an instant into the run's findings; note their digest. Needs a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute(_COMPARE, _given(run, rules, at))
    run.digest, run.found = _row(_DIGEST, {"run": run.pk})


def sites(run: Run, *, rules: Rules, critical: list[str], at: datetime) -> list[dict[str, Any]]:
    """Count by building: in the ledger, in the registry, alike, differing, critical."""
    names = ("site", "ledger", "online", "terminals", "alike", "differing", "critical")
    with connection.cursor() as cursor:
        cursor.execute(_SITES, _given(run, rules, at) | {"critical": critical})
        return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchall()]


def keep_inspected(run: Run, *, rules: Rules, at: datetime) -> int:
    """Keep the list of every terminal a run looked at (TRM-08); return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_INSPECTED, _given(run, rules, at))
        return int(cursor.rowcount)


def _given(run: Run, rules: Rules, at: datetime) -> dict[str, Any]:
    return {
        "run": run.pk,
        "ledger": run.ledger_id,
        "at": at,
        "only": run.only_kind,
        "unseen": rules.unseen,
        "audit": rules.audit,
        "observed": rules.observed,
    }


def _row(statement: str, given: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return cursor.fetchone()


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else int(value)
