"""Search of the read log: keyset pages, newest first, counts that say whether they are exact."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connections
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDay
from django.utils import timezone

from audit import words
from audit.choices import FIELD_LABELS, Action, Outcome, Purpose
from audit.entry import Actor
from audit.models import LogEntry

ALIAS = "log"
COUNT_LIMIT = 10_000
MOST_DAYS = 62
_ABSENT: dict[str, Any] = dict.fromkeys((*Actor.__slots__, "point", "subject"), "") | {"query": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What to look for. Empty means any; `since` is inclusive, `until` exclusive."""

    since: datetime
    until: datetime
    terminal: str = ""
    card: str = ""
    person: str = ""
    point: str = ""
    outcome: str = ""
    action: str = ""

    def chosen(self) -> dict[str, str]:
        """Return the conditions given, by name, for the entry that records this very search."""
        names = ("terminal", "card", "person", "point", "outcome", "action")
        given = {name: value for name in names if (value := str(getattr(self, name)))}
        return {"since": self.since.isoformat(), "until": self.until.isoformat(), **given}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as the pages show it: plain values only."""

    number: int
    logged_at: datetime
    action: str
    outcome: str
    purpose: str
    payload: str
    detail: dict[str, Any]

    @property
    def fields(self) -> list[str]:
        """Return the fields shown, in words."""
        return [FIELD_LABELS.get(name, name) for name in self.detail["fields"]]

    @property
    def masked(self) -> list[str]:
        """Return the fields withheld, in words."""
        return [FIELD_LABELS.get(name, name) for name in self.detail["masked"]]

    @property
    def card_kind(self) -> str:
        """Return the kind of card in words."""
        return words.word("card_kind", self.detail["card_kind"])

    @property
    def terminal_class(self) -> str:
        """Return the class of the terminal in words."""
        return words.word("terminal_class", self.detail["terminal_class"])

    @property
    def zone(self) -> str:
        """Return whose zone the place was, in words."""
        return words.word("zone", self.detail["zone"])

    @property
    def claims(self) -> list[str]:
        """Return what each claim allowed, in words."""
        return [words.claim(text) for text in self.detail["claims"]]

    @property
    def query(self) -> list[str]:
        """Return how was searched, in words."""
        return [words.query(name, value) for name, value in self.detail["query"].items()]


@dataclass(frozen=True, slots=True)
class Page:
    """One page, newest first; `older` is the cursor of the next page or None."""

    lines: list[Line]
    count: int
    exact: bool
    older: str | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The five figures above the list, for the same conditions."""

    entries: int
    points: int
    people: int
    terminals: int
    masked: int
    refused: int


@dataclass(frozen=True, slots=True)
class OwnReading:
    """One of a person's own look-ups."""

    number: int
    logged_at: datetime
    action: str
    outcome: str
    point: str
    purpose: str
    fields: tuple[str, ...]


def search(condition: Condition, *, cursor: str | None, rows: int) -> Page:
    """Return one page. A cursor that is not ours reads as the first page."""
    matching = _matching(condition)
    count = matching.order_by()[: COUNT_LIMIT + 1].count()
    if position := _position(cursor):
        logged_at, number = position
        matching = matching.filter(Q(logged_at__lt=logged_at) | Q(logged_at=logged_at, id__lt=number))
    found = list(matching.order_by("-logged_at", "-id")[: rows + 1])
    lines = [_line(entry) for entry in found[:rows]]
    older = _cursor(found[rows - 1]) if len(found) > rows else None
    return Page(lines, min(count, COUNT_LIMIT), count <= COUNT_LIMIT, older)


def entry(number: int) -> Line | None:
    """Return one entry by its number."""
    found = LogEntry.objects.using(ALIAS).filter(id=number).first()
    return _line(found) if found else None


def figures(condition: Condition) -> Figures:
    """Count entries, distinct points, people and terminals, and the exceptions."""
    counted = _matching(condition).aggregate(
        entries=Count("id"),
        points=Count("point", distinct=True),
        people=Count("person", distinct=True),
        terminals=Count("terminal", distinct=True),
        masked=Count("id", filter=Q(outcome=Outcome.MASKED)),
        refused=Count("id", filter=Q(outcome=Outcome.REFUSED)),
    )
    return Figures(**counted)


def by_day(condition: Condition) -> list[tuple[date, int, int]]:
    """Return (Tokyo day, entries, refusals) for each day of the period, at most MOST_DAYS."""
    days = (
        _matching(condition)
        .annotate(day=TruncDay("logged_at"))
        .values("day")
        .annotate(entries=Count("id"), refused=Count("id", filter=Q(outcome=Outcome.REFUSED)))
        .order_by("day")
    )
    counted = {day["day"].date(): (day["entries"], day["refused"]) for day in days}
    first = timezone.localtime(condition.since)
    span = (timezone.localtime(condition.until) - first).days + 1
    wanted = [first.date() + timedelta(days=step) for step in range(min(span, MOST_DAYS))]
    return [(day, *counted.get(day, (0, 0))) for day in wanted]


def own_readings(person: str, *, since: datetime, rows: int) -> list[OwnReading]:
    """Return a person's own look-ups, newest first (read with the narrow rights of every web process)."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT id, logged_at, action, outcome, point, purpose, fields FROM audit.entry"
            " WHERE person = %s AND logged_at >= %s AND point IS NOT NULL AND action = ANY(%s)"
            " ORDER BY logged_at DESC, id DESC LIMIT %s",
            [person, since, [Action.LIST.value, Action.OPEN.value, Action.PRINT.value], rows],
        )
        return [
            OwnReading(number, at, action, outcome, point, purpose or "", _names(fields))
            for number, at, action, outcome, point, purpose, fields in cursor.fetchall()
        ]


def times_opened(person: str, point: str, *, since: datetime) -> int:
    """Return how often a person opened a point since then."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM audit.entry WHERE person = %s AND point = %s AND action = %s"
            " AND logged_at >= %s",
            [person, point, Action.OPEN.value, since],
        )
        return int(cursor.fetchone()[0])


def covered_since() -> datetime | None:
    """Return the time of the first entry: before it the log says nothing."""
    first = LogEntry.objects.using(ALIAS).order_by("logged_at").values_list("logged_at", flat=True)
    return first.first()


def default_period(at: datetime) -> tuple[datetime, datetime]:
    """Return the last seven days up to `at`."""
    return at - timedelta(days=7), at + timedelta(minutes=1)


def _matching(condition: Condition) -> QuerySet[LogEntry]:
    where = Q(logged_at__gte=condition.since, logged_at__lt=condition.until)
    for name in ("terminal", "card", "person", "point", "outcome", "action"):
        if value := getattr(condition, name):
            where &= Q(**{name: value})
    return LogEntry.objects.using(ALIAS).filter(where)


def _line(found: LogEntry) -> Line:
    return Line(
        found.id,
        found.logged_at,
        Action(found.action).label,
        Outcome(found.outcome).label,
        Purpose(found.purpose).label if found.purpose else "",
        found.payload,
        _ABSENT | json.loads(found.payload),
    )


def _cursor(found: LogEntry) -> str:
    return f"{found.logged_at.isoformat()}_{found.id}"


def _position(cursor: str | None) -> tuple[datetime, int] | None:
    if not cursor:
        return None
    logged_at, _, number = cursor.partition("_")
    try:
        return datetime.fromisoformat(logged_at), int(number)
    except ValueError:
        return None


def _names(fields: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(json.loads(fields) if isinstance(fields, str) else fields)
