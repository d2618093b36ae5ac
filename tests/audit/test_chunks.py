"""Which entries a chunk of the verification looks at."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from audit.chunks import QUIET, periods

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1) // timedelta(microseconds=1)
TIMES = st.lists(st.integers(0, 30 * 365 * DAY) | st.integers(9_000 * DAY, 9_020 * DAY))


@given(TIMES)
def test_every_time_lies_in_a_period_and_no_longer_quiet_inside_one(times):
    found = periods(times)
    moments = sorted(EPOCH + timedelta(microseconds=time) for time in times)
    inside = [[moment for moment in moments if each.since <= moment <= each.until] for each in found]
    assert [moment for period in inside for moment in period] == moments
    assert all(after - before <= QUIET for period in inside for before, after in pairwise(period))
    assert all(after.since - before.until > QUIET for before, after in pairwise(found))


def test_no_time_is_no_period():
    assert periods([]) == []
