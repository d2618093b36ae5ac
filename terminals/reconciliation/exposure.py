"""Exposure windows: from when to when a terminal's class and its holder, or its zone, did not go together.

Intersections of dated ranges, as the registry knows them now or as it knew them at an earlier time
(REC-08, XFR-05). The 96 terminals of new case 1 are such windows.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import TextChoices

_WINDOWS = """
  WITH lu AS (
    SELECT terminal_id, lu, during FROM terminals_luregistrationversion
    WHERE recorded @> %(known)s AND terminal_class = 'nw' AND during && %(period)s
  ), deployed AS (
    SELECT d.terminal_id, d.holder_id, d.place_id, d.during, o.name AS holder, o.kind
    FROM terminals_deploymentversion d JOIN accesscontrol_organisation o ON o.id = d.holder_id
    WHERE d.recorded @> %(known)s AND d.during && %(period)s
  ), zone AS (
    SELECT place_id, during FROM terminals_zoneownershipversion
    WHERE recorded @> %(known)s AND during && %(period)s
      AND (kind IN ('retail', 'shared') OR kind = 'contractor' AND assigned_side <> 'nw')
  ), wrong AS (
    SELECT 'holder' AS fault, lu.terminal_id, lu.lu, deployed.holder_id, deployed.place_id, deployed.during * lu.during AS during
    FROM lu JOIN deployed ON deployed.terminal_id = lu.terminal_id AND deployed.during && lu.during
    WHERE deployed.kind = 'retail'
    UNION ALL
    SELECT 'zone', lu.terminal_id, lu.lu, deployed.holder_id, deployed.place_id, deployed.during * lu.during * zone.during
    FROM lu JOIN deployed ON deployed.terminal_id = lu.terminal_id AND deployed.during && lu.during
    JOIN zone ON zone.place_id = deployed.place_id AND zone.during && (deployed.during * lu.during)
  ), joined AS (
    SELECT fault, terminal_id, lu, holder_id, place_id, unnest(range_agg(during * %(period)s)) AS during
    FROM wrong WHERE NOT isempty(during * %(period)s) GROUP BY fault, terminal_id, lu, holder_id, place_id
  )
  SELECT joined.fault, t.number, joined.lu, o.name, b.name || ' ' || p.floor || ' ' || p.name,
         lower(joined.during), upper(joined.during)
  FROM joined JOIN terminals_terminal t ON t.id = joined.terminal_id
  JOIN accesscontrol_organisation o ON o.id = joined.holder_id
  JOIN terminals_place p ON p.id = joined.place_id JOIN terminals_building b ON b.id = p.building_id
  ORDER BY lower(joined.during), t.number, joined.fault"""


class Fault(TextChoices):
    """What did not go together."""

    HOLDER = "holder", "NW用 × 配備先が小売"
    ZONE = "zone", "NW用 × 小売・共用の区画"


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of time; `ends` is None where the period asked for has no end and it is still so."""

    fault: str
    terminal: str
    lu: str
    holder: str
    place: str
    begins: datetime
    ends: datetime | None

    @property
    def fault_words(self) -> str:
        """Return what did not go together, in words."""
        return str(Fault(self.fault).label)

    def contains(self, at: datetime) -> bool:
        """Return whether it was so at an instant."""
        return self.begins <= at and (self.ends is None or at < self.ends)


def windows(
    *, since: datetime | None, until: datetime | None, known_at: datetime, fault: str = ""
) -> list[Window]:
    """Return every window within a period, as the registry knew it at `known_at`, earliest first."""
    given = {"period": DateTimeTZRange(since, until, "[)"), "known": known_at}
    with connection.cursor() as cursor:
        cursor.execute(_WINDOWS, given)
        found = [Window(*row) for row in cursor.fetchall()]
    return [window for window in found if fault in {"", window.fault}]


def terminals(found: list[Window]) -> int:
    """Return how many different terminals the windows are of."""
    return len({window.terminal for window in found})
