"""Figures for a search: exact over the newest entries that match, up to a fixed number, and saying so.

One reading of at most NEWEST entries answers all of them, so that their cost does not grow with the log.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connections
from django.utils import timezone

from audit.queries import ALIAS, Condition, entries, searching

NEWEST = 50_000
TOP = 5
MOST_DAYS = 62

_COUNTS = """
WITH counted AS MATERIALIZED ({newest}),
  points AS MATERIALIZED (SELECT point AS name, count(*) AS number FROM counted WHERE point IS NOT NULL GROUP BY 1),
  people AS MATERIALIZED (SELECT person AS name, count(*) AS number FROM counted WHERE person IS NOT NULL GROUP BY 1),
  terminals AS MATERIALIZED (SELECT terminal AS name, count(*) AS number FROM counted
    WHERE terminal IS NOT NULL GROUP BY 1)
SELECT 'entries', '', count(*), 0 FROM counted
UNION ALL SELECT 'points', '', count(*), 0 FROM points
UNION ALL SELECT 'people', '', count(*), 0 FROM people
UNION ALL SELECT 'terminals', '', count(*), 0 FROM terminals
UNION ALL SELECT 'masked', '', count(*), 0 FROM counted WHERE outcome = 'masked'
UNION ALL SELECT 'refused', '', count(*), 0 FROM counted WHERE outcome = 'refused'
UNION ALL SELECT 'oldest', min(logged_at)::text, 0, 0 FROM counted
UNION ALL SELECT 'day', to_char(logged_at AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD'), count(*),
  count(*) FILTER (WHERE outcome = 'refused') FROM counted GROUP BY 2
UNION ALL (SELECT 'point', name, number, 0 FROM points ORDER BY 3 DESC, 2 LIMIT {top})
UNION ALL (SELECT 'person', name, number, 0 FROM people ORDER BY 3 DESC, 2 LIMIT {top})
UNION ALL (SELECT 'terminal', name, number, 0 FROM terminals ORDER BY 3 DESC, 2 LIMIT {top})
"""
_NAMES = """
SELECT asked.person, (SELECT (e.payload::json) ->> 'person_name' FROM entry e
  WHERE e.person = asked.person ORDER BY e.logged_at DESC, e.id DESC LIMIT 1)
FROM unnest(%s::text[]) AS asked (person)
"""


@dataclass(frozen=True, slots=True)
class Top:
    """One of the most frequent: a number, the name that goes with it, and how often."""

    number: str
    name: str
    count: int
    share: int  # per cent of the first


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures of a search. `whole` is False when only the newest were counted, from `oldest` on."""

    entries: int
    points: int
    people: int
    terminals: int
    masked: int
    refused: int
    whole: bool
    oldest: datetime | None
    days: list[tuple[date, int, int]]
    top_points: list[Top]
    top_people: list[Top]
    top_terminals: list[Top]

    @property
    def exceptions(self) -> int:
        """Return how often something was withheld or refused."""
        return self.masked + self.refused


@searching()
def overview(condition: Condition) -> Overview:
    """Count the newest NEWEST entries of a search."""
    newest = entries(condition).order_by("-logged_at", "-id")[:NEWEST]
    statement, values = newest.values_list(
        "logged_at", "outcome", "point", "person", "terminal"
    ).query.sql_with_params()
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_COUNTS.format(newest=statement, top=TOP), values)
        rows = cursor.fetchall()
        people = [name for kind, name, _, _ in rows if kind == "person"]
        cursor.execute(_NAMES, [people])
        names = dict(cursor.fetchall())
    total = {kind: number for kind, _, number, _ in rows}
    (oldest,) = [name for kind, name, _, _ in rows if kind == "oldest"]
    since = datetime.fromisoformat(oldest) if oldest else None
    whole = total["entries"] < NEWEST
    counted = {name: (number, refused) for kind, name, number, refused in rows if kind == "day"}
    return Overview(
        **{name: total[name] for name in ("entries", "points", "people", "terminals", "masked", "refused")},
        whole=whole,
        oldest=since,
        days=_days(condition, counted, since if not whole else None),
        top_points=_tops(rows, "point", {}),
        top_people=_tops(rows, "person", names),
        top_terminals=_tops(rows, "terminal", {}),
    )


def _tops(rows: list[tuple[str, str, int, int]], wanted: str, names: dict[str, str | None]) -> list[Top]:
    found = sorted(
        ((number, name) for kind, name, number, _ in rows if kind == wanted), key=lambda row: -row[0]
    )
    most = max((number for number, _ in found), default=1)
    return [Top(name, names.get(name) or "", number, number * 100 // most) for number, name in found]


def _days(
    condition: Condition, counted: dict[str, tuple[int, int]], counted_since: datetime | None
) -> list[tuple[date, int, int]]:
    """Return (Tokyo day, entries, refusals) for the newest MOST_DAYS days that were counted."""
    first = timezone.localtime(max(condition.since, counted_since or condition.since)).date()
    last = timezone.localtime(condition.until - timedelta(microseconds=1)).date()
    first = max(first, last - timedelta(days=MOST_DAYS - 1))
    wanted = [first + timedelta(days=step) for step in range((last - first).days + 1)]
    return [(day, *counted.get(day.isoformat(), (0, 0))) for day in wanted]
