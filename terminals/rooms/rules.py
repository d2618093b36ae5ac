"""How long somebody was in a room, as far as the records cannot rule it out.

Entry readers lose exits and their clocks are off, so a stay is only ever widened: by the tolerance of
the clocks on both sides, and by the clock's known error on the side where it makes the stay longer.
Without a recorded exit it lasts until the person's next movement anywhere, else until now (CON-03).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple


class Movement(NamedTuple):
    """One record of entering, with the exit where there is one; `offset` is how far the clock is ahead."""

    key: int
    entered_at: datetime
    left_at: datetime | None
    offset: timedelta


class Span(NamedTuple):
    """A half-open stretch of time; `is_open` when its end is not on record."""

    since: datetime
    until: datetime
    is_open: bool = False


def earliest(recorded: datetime, offset: timedelta, margin: timedelta) -> datetime:
    """Return the earliest true time a reader's record can stand for."""
    return min(recorded, recorded - offset) - margin


def latest(recorded: datetime, offset: timedelta, margin: timedelta) -> datetime:
    """Return the latest true time a reader's record can stand for."""
    return max(recorded, recorded - offset) + margin


def stays(movements: Iterable[Movement], *, margin: timedelta, at: datetime) -> Iterator[tuple[int, Span]]:
    """Yield each record's key and stay, for all movements of one person."""
    ordered = sorted(movements, key=lambda movement: (movement.entered_at, movement.key))
    for movement, following in pairwise([*ordered, None]):
        if movement is None:
            continue
        since = earliest(movement.entered_at, movement.offset, margin)
        least = latest(movement.entered_at, movement.offset, margin)
        if movement.left_at is not None:
            until = latest(movement.left_at, movement.offset, margin)
        elif following is not None:
            until = latest(following.entered_at, following.offset, margin)
        else:
            until = at
        yield movement.key, Span(since, max(until, least), movement.left_at is None)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans that overlap or touch as one; it is open when the part that ends it is."""
    whole: list[Span] = []
    for span in sorted(spans):
        if whole and span.since <= whole[-1].until:
            last = whole.pop()
            ends = max(last, span, key=lambda each: (each.until, each.is_open))
            whole.append(Span(last.since, ends.until, ends.is_open))
        else:
            whole.append(span)
    return whole


def unseen(span: Span, reviewed_until: Iterable[datetime]) -> Span | None:
    """Return what of a meeting lies after everything that has been reviewed of it, if anything."""
    since = max([span.since, *reviewed_until])
    return Span(since, span.until, span.is_open) if since < span.until else None


class Share(NamedTuple):
    """A part of a bar: what it stands for, where it begins and how wide it is, in thousandths."""

    name: str
    start: int
    width: int


def ribbon(
    periods: Iterable[tuple[str, datetime | None, datetime | None]], *, since: datetime, until: datetime
) -> list[Share]:
    """Return periods as parts of a bar from `since` to `until`; an end that is open reaches the bar's."""
    whole = (until - since).total_seconds()
    shares = []
    for name, begins, ends in periods:
        start = round(1000 * (max(begins or since, since) - since).total_seconds() / whole)
        end = round(1000 * (min(ends or until, until) - since).total_seconds() / whole)
        if end > start:
            shares.append(Share(name, start, end - start))
    return shares
