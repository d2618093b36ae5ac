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
    SELECT l.terminal_number AS number, l.lu, l.state, l.returned_on, l.user_number, l.holder_code,
           o.id AS holder, o.name AS holder_name, side.side AS holder_side, room.id AS room, room.side AS room_side,
           coalesce(room.words, concat_ws(' ', nullif(l.building_code, ''), nullif(l.floor, ''), nullif(l.room, ''))) AS room_words,
           coalesce(room.site, nullif(l.building_code, '')) AS site, posted.side AS user_side
    FROM terminals_ledgerline l
    LEFT JOIN accesscontrol_organisation o ON o.code = l.holder_code LEFT JOIN side ON side.id = o.id
    LEFT JOIN room ON (room.code, room.floor, room.name) = (l.building_code, l.floor, l.room)
    LEFT JOIN posted ON posted.number = l.user_number AND l.user_number <> ''
    WHERE l.file_id = %(ledger)s
  )"""

_ONLINE = """
  registered AS (
    SELECT r.terminal_id, count(*) AS lus, string_agg(r.lu, '・' ORDER BY r.lu) AS lu, min(lower(r.during)) AS since,
           CASE WHEN min(r.terminal_class) = max(r.terminal_class) THEN min(r.terminal_class) ELSE '' END AS class,
           bool_or(twin.times > 1) AS shared
    FROM terminals_luregistration r
    JOIN (SELECT lu, count(*) AS times FROM terminals_luregistration WHERE during @> %(at)s GROUP BY lu) twin ON twin.lu = r.lu
    WHERE r.during @> %(at)s GROUP BY r.terminal_id
  ), sighted AS (
    SELECT DISTINCT ON (s.terminal_id) s.terminal_id, s.seen_at, t.place_id AS room, t.finished_at
    FROM terminals_sighting s JOIN terminals_stocktake t ON t.id = s.stock_take_id
    WHERE s.terminal_id IS NOT NULL AND s.seen_at <= %(at)s ORDER BY s.terminal_id, s.seen_at DESC
  ), audited AS (
    SELECT s.terminal_id, max(s.seen_at) AS at FROM terminals_sighting s
    JOIN terminals_stocktake t ON t.id = s.stock_take_id AND t.finished_at <= %(at)s
    WHERE s.terminal_id IS NOT NULL GROUP BY s.terminal_id
  ), shown AS (
    SELECT w.terminal_number AS number, w.started_at AS at, c.number AS card, c.staff_id, c.company_id
    FROM accesscontrol_worksession w JOIN accesscontrol_card c ON c.id = w.card_id
    WHERE w.started_at > %(at)s - %(observed)s::interval AND w.started_at <= %(at)s
    UNION ALL
    SELECT a.terminal_number, a.raised_at, c.number, c.staff_id, c.company_id
    FROM accesscontrol_alert a JOIN accesscontrol_card c ON c.number = a.card_number
    WHERE a.raised_at > %(at)s - %(observed)s::interval AND a.raised_at <= %(at)s AND a.terminal_number <> ''
  ), carded AS (
    SELECT shown.number, shown.at, coalesce(nullif(posting.side, ''), side.side) AS side
    FROM shown LEFT JOIN side ON side.id = shown.company_id
    LEFT JOIN LATERAL (
      SELECT CASE WHEN o.kind = 'contractor' THEN p.engaged_for ELSE o.kind END AS side
      FROM accesscontrol_posting p JOIN accesscontrol_organisation o ON o.id = p.organisation_id
      WHERE p.staff_id = shown.staff_id AND p.during @> shown.at) posting ON true
  ), online AS (
    SELECT t.id, t.number, t.status, t.status IN ('deployed', 'relocating') AS live, coalesce(r.lus, 0) AS lus,
           coalesce(r.lu, '') AS lu, coalesce(r.class, '') AS class, coalesce(r.shared, false) AS shared,
           d.holder_id AS holder, o.name AS holder_name, side.side AS holder_side, lower(d.during) AS deployed_at,
           room.id AS room, room.side AS room_side, room.words AS room_words, room.site,
           sighted.room AS sighted_room, sighted.seen_at AS sighted_at, seen.seen_at AS used_at, audited.at AS audited_at,
           other.at AS other_card_at
    FROM terminals_terminal t
    LEFT JOIN registered r ON r.terminal_id = t.id
    LEFT JOIN terminals_deployment d ON d.terminal_id = t.id AND d.during @> %(at)s
    LEFT JOIN accesscontrol_organisation o ON o.id = d.holder_id LEFT JOIN side ON side.id = o.id
    LEFT JOIN room ON room.id = d.place_id
    LEFT JOIN sighted ON sighted.terminal_id = t.id AND (d.during IS NULL OR sighted.seen_at >= lower(d.during))
    LEFT JOIN audited ON audited.terminal_id = t.id
    LEFT JOIN terminals_terminallastseen seen ON seen.terminal_id = t.id
    LEFT JOIN (SELECT c.number, r.class, max(c.at) AS at FROM carded c JOIN terminals_terminal t ON t.number = c.number
               JOIN registered r ON r.terminal_id = t.id AND c.at >= r.since
               WHERE c.side IN ('nw', 'retail') AND r.class IN ('nw', 'retail') AND c.side <> r.class
               GROUP BY c.number, r.class) other ON other.number = t.number
  )"""

_PAIRS = """
  pair AS (
    SELECT coalesce(l.number, o.number) AS number, l.number IS NOT NULL AS in_ledger, o.number IS NOT NULL AS in_registry,
           coalesce(l.state, '') AS state, l.state = 'deployed' AS out, l.lu AS ledger_lu, l.returned_on, l.user_number,
           l.holder AS ledger_holder, l.holder_name AS ledger_holder_name, coalesce(l.holder_side, '') AS ledger_side,
           l.room AS ledger_room, l.room_side AS ledger_zone, l.room_words AS ledger_words, l.user_side,
           coalesce(o.status, '') AS status, coalesce(o.live, false) AS live, coalesce(o.lus, 0) AS lus,
           coalesce(o.lu, '') AS lu, coalesce(o.class, '') AS class, coalesce(o.shared, false) AS shared,
           o.holder, o.holder_name, coalesce(o.holder_side, '') AS holder_side, o.room, o.room_side, o.room_words,
           o.deployed_at, o.sighted_room, o.sighted_at, o.used_at, o.audited_at, o.other_card_at,
           coalesce(l.site, o.site, '所在不明') AS site, elsewhere.number AS lu_at
    FROM ledger l FULL OUTER JOIN online o ON o.number = l.number
    LEFT JOIN (SELECT r.lu, min(t.number) AS number FROM terminals_luregistration r
               JOIN terminals_terminal t ON t.id = r.terminal_id WHERE r.during @> %(at)s GROUP BY r.lu) elsewhere
      ON elsewhere.lu = l.lu AND l.lu <> '' AND elsewhere.number <> l.number
         AND NOT (o.lus >= 1 AND l.lu = ANY (string_to_array(o.lu, '・')))
  )"""

_JUDGED = """
  judged AS (
    SELECT pair.*, rule.kind, rule.odd FROM pair
    CROSS JOIN LATERAL (VALUES
      ('nw_at_retail', 'online', class = 'nw' AND (out AND ledger_side = 'retail' OR live AND holder_side = 'retail')),
      ('retail_at_nw', 'online', class = 'retail' AND (out AND ledger_side = 'nw' OR live AND holder_side = 'nw')),
      ('nw_zone', CASE WHEN live AND room_side <> 'nw' THEN 'online' WHEN out AND ledger_zone <> 'nw' THEN 'ledger' ELSE 'seen' END,
        class = 'nw' AND (out AND ledger_zone <> 'nw' OR live AND room_side <> 'nw'
                          OR live AND sighted_room IN (SELECT id FROM room WHERE side <> 'nw'))),
      ('transferred', 'ledger', out AND class <> '' AND user_number <> '' AND user_side IS DISTINCT FROM class),
      ('other_card', 'seen', other_card_at IS NOT NULL),
      ('residual_lu', 'online', lus > 0 AND in_registry AND (status NOT IN ('configuring', 'deployed', 'relocating')
        OR state IN ('returned', 'retired') OR state = 'in_stock' AND live)),
      ('unregistered', 'online', out AND lus = 0),
      ('not_in_ledger', 'ledger', NOT in_ledger AND (lus > 0 OR live)),
      ('duplicate_lu', 'online', shared OR lus > 1),
      ('lu_moved', 'online', lu_at IS NOT NULL),
      ('holder_differs', 'ledger', out AND live AND ledger_holder IS DISTINCT FROM holder
        AND (class = '' OR '' IN (ledger_side, holder_side) OR ledger_side = holder_side)),
      ('place_differs', CASE WHEN sighted_room IS DISTINCT FROM room AND sighted_room IS NOT NULL THEN 'seen' ELSE 'ledger' END,
        out AND live AND (ledger_room IS DISTINCT FROM room OR sighted_room IS NOT NULL AND sighted_room <> room)),
      ('not_seen', 'seen', live AND coalesce(greatest(used_at, sighted_at, deployed_at), '-infinity') < %(at)s - %(unseen)s::interval),
      ('not_audited', 'seen', live AND coalesce(audited_at, '-infinity') < %(at)s - %(audit)s::interval)
    ) AS rule (kind, odd, wrong)
    WHERE rule.wrong AND (%(only)s = '' OR rule.kind = %(only)s)
  )"""

_CLASS_WORDS = "CASE {} WHEN 'nw' THEN 'NW用' WHEN 'retail' THEN '小売用' ELSE '区分が一つでない' END"
_STATE_WORDS = (
    "CASE state WHEN 'in_stock' THEN '在庫' WHEN 'returned' THEN '返却' WHEN 'retired' THEN '廃棄' END"
)
_DAY = "to_char({} AT TIME ZONE 'Asia/Tokyo', 'YYYY/MM/DD HH24:MI')"
_FOUND = f"""
  INSERT INTO terminals_found
    (run_id, kind, terminal_number, lu, site, terminal_class, ledger_says, online_says, seen_says, odd_one)
  SELECT %(run)s, kind, number, CASE WHEN kind = 'lu_moved' THEN ledger_lu ELSE left(lu, 8) END, site, class,
    left(CASE WHEN NOT in_ledger THEN 'なし' WHEN out THEN concat_ws(' ', ledger_holder_name, ledger_words,
           CASE WHEN kind = 'transferred' THEN '使用者 ' || user_number END)
         ELSE concat_ws(' ', {_STATE_WORDS}, to_char(returned_on, 'YYYY/MM/DD')) END, 200),
    left(CASE WHEN NOT in_registry THEN '登録なし' ELSE concat_ws(' ',
           CASE WHEN lus = 0 THEN 'LU登録なし' ELSE {_CLASS_WORDS.format("class")} || '・' || lu END,
           CASE WHEN kind = 'lu_moved' THEN '（' || ledger_lu || ' は ' || lu_at || '）' END,
           CASE WHEN live THEN concat_ws(' ', holder_name, room_words) END) END, 200),
    left(CASE WHEN kind = 'other_card' THEN '別会社の職員証 ' || {_DAY.format("other_card_at")}
         WHEN sighted_at IS NOT NULL AND sighted_at >= coalesce(used_at, '-infinity')
           THEN (SELECT words FROM room WHERE room.id = sighted_room) || ' ' || {_DAY.format("sighted_at")}
         WHEN used_at IS NOT NULL THEN '最後の利用 ' || {_DAY.format("used_at")} ELSE 'なし' END, 200),
    odd
  FROM judged"""
_COMPARE = ",".join((_SIDES, _LEDGER, _ONLINE, _PAIRS, _JUDGED)) + _FOUND

_SITES = (
    ",".join((_SIDES, _LEDGER, _ONLINE, _PAIRS))
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
    ",".join((_SIDES, _LEDGER, _ONLINE, _PAIRS))
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
    """Write what is wrong at an instant into the run's findings; note their digest."""
    with connection.cursor() as cursor:
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
