"""The lattice: everything must agree, or nothing is shown."""

from hypothesis import given
from hypothesis import strategies as st

from accesscontrol.clearance import (
    Claim,
    Clearance,
    Level,
    Reason,
    Side,
    Subject,
    decide,
    meet,
    meet_levels,
    meet_sides,
)

SIDES, LEVELS = st.sampled_from(Side), st.sampled_from(Level)
REASON = Reason("X-1", "試験", "試験", "試験")
CLEARANCES = st.builds(Clearance, SIDES, LEVELS)
CLAIMS = st.builds(
    lambda name, subject, side, level: Claim(
        name=name, subject=subject, side=side, level=level, statement="", reason=REASON
    ),
    st.text(max_size=3),
    st.sampled_from(Subject),
    SIDES,
    LEVELS,
)
BELOW = {
    Side.ANY: set(Side),
    Side.NW: {Side.NW, Side.NOBODY},
    Side.RETAIL: {Side.RETAIL, Side.NOBODY},
    Side.NOBODY: {Side.NOBODY},
}
DEPTH = [Level.NONE, Level.OUTAGE, Level.FULL]


def allowed(clearance):
    return clearance.side, clearance.level


@given(CLEARANCES, CLEARANCES)
def test_meet_is_commutative(one, other):
    assert allowed(meet(one, other)) == allowed(meet(other, one))


@given(CLEARANCES, CLEARANCES, CLEARANCES)
def test_meet_is_associative(one, two, three):
    assert allowed(meet(meet(one, two), three)) == allowed(meet(one, meet(two, three)))


@given(CLEARANCES)
def test_meet_is_idempotent_and_any_full_changes_nothing(one):
    assert allowed(meet(one, one)) == allowed(one)
    assert allowed(meet(one, Clearance())) == allowed(one)


@given(CLEARANCES, CLEARANCES)
def test_meet_is_never_above_either(one, other):
    met = meet(one, other)
    assert met.side in BELOW[one.side] & BELOW[other.side]
    assert DEPTH.index(met.level) <= min(DEPTH.index(one.level), DEPTH.index(other.level))


@given(st.lists(CLAIMS, max_size=6), CLAIMS)
def test_one_more_claim_never_raises_the_clearance(claims, one_more):
    before, after = decide(claims), decide([*claims, one_more])
    if claims:
        assert after.side in BELOW[before.side]
        assert DEPTH.index(after.level) <= DEPTH.index(before.level)


@given(st.lists(CLAIMS, max_size=6))
def test_only_claims_that_name_one_side_together_open_a_session(claims):
    decided = decide(claims)
    named = {claim.side for claim in claims} - {Side.ANY}
    assert decided.agreed is (len(named) == 1 and Side.NOBODY not in named)
    assert decided.shows_customers is (
        decided.agreed and all(claim.level is not Level.NONE for claim in claims)
    )
    if decided.side is Side.NOBODY:
        assert decided.level is Level.NONE


@given(st.lists(CLAIMS, min_size=1, max_size=6))
def test_a_refusal_by_claims_with_sides_always_gives_a_reason(claims):
    decided = decide(claims)
    if not decided.agreed and any(claim.side is not Side.ANY for claim in claims):
        assert decided.reasons


def test_no_claim_at_all_allows_nobody():
    assert allowed(decide([])) == (Side.NOBODY, Level.NONE)


def test_the_sides_of_two_companies_meet_in_nobody():
    assert meet_sides(Side.NW, Side.RETAIL) is Side.NOBODY
    assert meet_levels(Level.FULL, Level.OUTAGE) is Level.OUTAGE
