"""A stay is only ever widened: whatever the records leave open counts as being there."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from terminals.rooms.rules import Movement, Span, merged, ribbon, stays, unseen

NOON = datetime(2024, 6, 3, 12, 0, tzinfo=UTC)
MARGIN = timedelta(minutes=2)
seconds = st.integers(-86_400, 86_400).map(lambda each: timedelta(seconds=each))
moments = seconds.map(lambda each: NOON + each)
margins = st.integers(0, 600).map(lambda each: timedelta(seconds=each))


@st.composite
def movements(draw) -> list[Movement]:
    made = []
    for key in range(draw(st.integers(1, 8))):
        entered = draw(moments)
        stayed = draw(st.none() | st.integers(0, 20_000))
        left = None if stayed is None else entered + timedelta(seconds=stayed)
        made.append(Movement(key, entered, left, draw(seconds) / 100))
    return made


@st.composite
def spans(draw) -> Span:
    since = draw(moments)
    return Span(since, since + timedelta(seconds=draw(st.integers(1, 20_000))), draw(st.booleans()))


@given(movements(), margins, moments)
def test_a_stay_covers_what_is_recorded_and_what_the_clock_may_have_meant(moved, margin, at):
    stayed = dict(stays(moved, margin=margin, at=at))
    assert set(stayed) == {movement.key for movement in moved}
    for movement in moved:
        span = stayed[movement.key]
        for offset in (timedelta(), movement.offset):
            assert span.since <= movement.entered_at - offset - margin
            assert span.until >= (movement.left_at or movement.entered_at) - offset + margin


@given(movements(), margins, margins, moments)
def test_more_tolerance_never_makes_a_stay_shorter(moved, margin, more, at):
    near = dict(stays(moved, margin=margin, at=at))
    wide = dict(stays(moved, margin=margin + more, at=at))
    assert all(wide[key].since <= span.since and span.until <= wide[key].until for key, span in near.items())


@given(movements(), moments, seconds)
def test_a_known_error_of_the_clock_never_makes_a_stay_shorter(moved, at, offset):
    right = [movement._replace(offset=timedelta()) for movement in moved]
    wrong = [movement._replace(offset=offset) for movement in moved]
    straight = dict(stays(right, margin=MARGIN, at=at))
    skewed = dict(stays(wrong, margin=MARGIN, at=at))
    assert all(
        skewed[key].since <= span.since and span.until <= skewed[key].until for key, span in straight.items()
    )


@given(movements(), moments)
def test_without_an_exit_a_stay_lasts_until_the_next_movement_or_until_now(moved, at):
    ordered = sorted(moved, key=lambda each: (each.entered_at, each.key))
    stayed = dict(stays(moved, margin=MARGIN, at=at))
    for movement, following in zip(ordered, [*ordered[1:], None], strict=True):
        assert stayed[movement.key].is_open == (movement.left_at is None)
        if movement.left_at is None:
            assert stayed[movement.key].until >= (following.entered_at if following else at)


@given(movements(), moments)
def test_an_exit_that_came_later_never_makes_a_stay_longer_than_it_was_held_open(moved, at):
    last = max(moved, key=lambda each: (each.entered_at, each.key))._replace(left_at=None)
    others = [movement for movement in moved if movement.key != last.key]
    at = max(at, last.entered_at)
    held = dict(stays([*others, last], margin=MARGIN, at=at))[last.key]
    closed = dict(stays([*others, last._replace(left_at=last.entered_at)], margin=MARGIN, at=at))[last.key]
    assert closed.since == held.since
    assert closed.until <= max(held.until, last.entered_at + MARGIN + abs(last.offset))


@given(st.lists(spans(), max_size=10), moments)
def test_merging_keeps_every_moment_and_adds_none(given_spans, moment):
    whole = merged(given_spans)

    def covers(parts: list[Span]) -> bool:
        return any(part.since <= moment < part.until for part in parts)

    assert covers(whole) == covers(given_spans)
    assert all(before.until < after.since for before, after in pairwise(whole))
    assert merged(whole) == whole


@given(spans(), st.lists(moments, max_size=5))
def test_what_is_left_of_a_meeting_begins_after_everything_reviewed(span, reviewed):
    left = unseen(span, reviewed)
    if left is None:
        assert max(reviewed) >= span.until
    else:
        assert left.since == max([span.since, *reviewed])
        assert (left.until, left.is_open) == (span.until, span.is_open)


def test_a_stay_of_which_nothing_has_been_reviewed_is_left_whole():
    span = Span(NOON, NOON + MARGIN)
    assert unseen(span, []) == span


def test_a_bar_shows_each_owner_in_its_place():
    day = timedelta(days=1)
    parts = ribbon(
        [("nw", None, NOON + day), ("shared", NOON + day, None), ("retail", NOON - 2 * day, NOON - day)],
        since=NOON,
        until=NOON + 4 * day,
    )
    assert [tuple(part) for part in parts] == [("nw", 0, 250), ("shared", 250, 750)]
