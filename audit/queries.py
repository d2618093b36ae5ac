"""Search of the read log: keyset pages, newest first, and how much of a period the log covers.

Searches may read on a standby of the log (docs/scale.md). What leaves the house, what is decided and what
alarms reads on the primary, because a standby may be behind.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.db.models import Q, QuerySet

from audit import flags, words
from audit.choices import FIELD_LABELS, Action, Flag, Outcome
from audit.chunks import LATEST_ARRIVAL
from audit.entry import told
from audit.models import LogEntry

PRIMARY = "log"
ALIAS = settings.READ_LOG_SEARCH_ALIAS
NAMES = ("terminal", "card", "person", "point", "purpose", "outcome", "action")
_TIME_OF = """
SELECT (SELECT logged_at FROM leaf WHERE entry = %s), (SELECT logged_at FROM leaf ORDER BY index DESC LIMIT 1)
"""
_COVERAGE = """
SELECT (SELECT logged_at FROM entry ORDER BY logged_at LIMIT 1), (SELECT logged_at FROM leaf ORDER BY index DESC LIMIT 1),
  pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() END
"""
_DROPPED = "SELECT begins, ends FROM dropped_month WHERE begins < %s AND ends > %s"


class SearchUnavailable(Exception):
    """The database that searches read on does not answer: HTTP 503, while look-ups and the log go on."""


@contextmanager
def searching() -> Iterator[None]:
    """Say SearchUnavailable when the searches' database is away or too slow."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise SearchUnavailable from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What to look for. Empty means any; `since` is inclusive, `until` exclusive."""

    since: datetime
    until: datetime
    terminal: str = ""
    card: str = ""
    person: str = ""
    point: str = ""
    purpose: str = ""
    outcome: str = ""
    action: str = ""
    flags: tuple[str, ...] = ()

    def chosen(self) -> dict[str, str]:
        """Return the conditions given, by name, for the entry that records this very search."""
        given = {name: value for name in NAMES if (value := str(getattr(self, name)))}
        if self.flags:
            given["flags"] = ",".join(self.flags)
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
    def flags(self) -> list[Flag]:
        """Return what is flagged, without what the result says already."""
        return [flag for flag in flags.of(self.detail, self.logged_at) if flag is not Flag.EXCEPTION]

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
    older: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """For how much of a period there is a log at all, up to where it is sealed, and, on a standby, received.

    `received` is when the last entry or change that has arrived was committed; None when nothing has yet.
    """

    since: datetime | None
    percent: int
    sealed_until: datetime | None
    on_standby: bool
    received: datetime | None


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


@searching()
def search(condition: Condition, *, cursor: str | None, rows: int) -> Page:
    """Return one page. A cursor that is not ours reads as the first page."""
    matching = entries(condition)
    if position := _position(cursor):
        logged_at, number = position
        matching = matching.filter(Q(logged_at__lt=logged_at) | Q(logged_at=logged_at, id__lt=number))
    found = list(matching.order_by("-logged_at", "-id")[: rows + 1])
    lines = [_line(entry) for entry in found[:rows]]
    older = _cursor(found[rows - 1]) if len(found) > rows else None
    return Page(lines, older)


def entries(condition: Condition, *, alias: str = ALIAS) -> QuerySet[LogEntry]:
    """Return the entries a condition describes, in no order."""
    where = Q(logged_at__gte=condition.since, logged_at__lt=condition.until)
    for name in NAMES:
        if value := getattr(condition, name):
            where &= Q(**{name: value})
    for flag in condition.flags:
        where &= flags.where(flag)
    return LogEntry.objects.using(alias).filter(where)


def entry(number: int) -> Line | None:
    """Return one entry by its number, also when it has only just been written.

    Entries are ordered by time: a sealed one is found by its leaf's, the others after the last leaf.
    """
    numbered = LogEntry.objects.using(PRIMARY).filter(id=number)
    with connections[PRIMARY].cursor() as cursor:
        cursor.execute(_TIME_OF, [number])
        sealed, last = cursor.fetchone()
    if sealed:
        numbered = numbered.filter(logged_at=sealed)
    elif last:
        numbered = numbered.filter(logged_at__gte=last - LATEST_ARRIVAL)
    found = numbered.first()
    return _line(found) if found else None


def own_readings(person: str, *, since: datetime, rows: int) -> list[OwnReading]:
    """Return a person's own look-ups, newest first (read with the narrow rights of every web process)."""
    with connections[settings.READ_LOG_APP_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT id, logged_at, action, outcome, point, purpose, fields FROM audit.entry"
            " WHERE person = %s AND logged_at >= %s AND point IS NOT NULL AND action = ANY(%s)"
            " ORDER BY logged_at DESC, id DESC LIMIT %s",
            [person, since, [Action.LIST.value, Action.OPEN.value, Action.PRINT.value], rows],
        )
        return [
            OwnReading(number, at, action, outcome, point, purpose or "", tuple(json.loads(fields or "[]")))
            for number, at, action, outcome, point, purpose, fields in cursor.fetchall()
        ]


def times_opened(person: str, point: str, *, since: datetime) -> int:
    """Return how often a person opened a point since then."""
    with connections[settings.READ_LOG_APP_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM audit.entry WHERE person = %s AND point = %s AND action = %s"
            " AND logged_at >= %s",
            [person, point, Action.OPEN.value, since],
        )
        return int(cursor.fetchone()[0])


def points_shown(*, terminal: str, card: str, since: datetime, until: datetime) -> int:
    """Return how many supply points a card had before it on a terminal: listed, opened or printed."""
    condition = Condition(since=since, until=until, terminal=terminal, card=card)
    shown = entries(condition, alias=PRIMARY).filter(
        action__in=[Action.LIST, Action.OPEN, Action.PRINT], point__isnull=False
    )
    return shown.exclude(outcome=Outcome.REFUSED).values("point").distinct().count()


@searching()
def coverage(condition: Condition, *, at: datetime, alias: str = ALIAS) -> Coverage:
    """Return how much of the period up to `at` the log covers: from its first entry on, without months that were dropped.

    Asked before the entries are read, so that `received` never says more than they show.
    """
    with connections[alias].cursor() as cursor:
        cursor.execute(_COVERAGE)
        first, *standing = cursor.fetchone()
        until = min(condition.until, at)
        cursor.execute(_DROPPED, [until, condition.since])
        dropped = cursor.fetchall()
    asked = (until - condition.since).total_seconds()
    if first is None or asked <= 0:
        return Coverage(first, 0, *standing)
    since = max(condition.since, first)
    gaps = (_overlap(since, until, begins, ends) for begins, ends in dropped)
    there = (max(until - since, timedelta()) - sum(gaps, timedelta())).total_seconds()
    return Coverage(first, int(there * 100 / asked), *standing)


def _overlap(since: datetime, until: datetime, begins: datetime, ends: datetime) -> timedelta:
    return max(min(until, ends) - max(since, begins), timedelta())


def default_period(at: datetime) -> tuple[datetime, datetime]:
    """Return the last seven days up to `at`."""
    return at - timedelta(days=7), at + timedelta(minutes=1)


@searching()
def estimate(condition: Condition) -> int:
    """Return the planner's estimate of how many entries match, to two digits."""
    plan = json.loads(entries(condition).order_by().explain(format="json"))
    number = int(plan[0]["Plan"]["Plan Rows"])
    step: int = 10 ** max(len(str(number)) - 2, 0)
    return number // step * step


def _line(found: LogEntry) -> Line:
    return Line(
        found.id,
        found.logged_at,
        words.word("query.action", found.action),
        words.word("query.outcome", found.outcome),
        words.word("query.purpose", found.purpose or ""),
        found.payload,
        told(found.payload),
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
