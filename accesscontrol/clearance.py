"""The lattice of clearance: everything must agree, or nothing is shown.

Pure. Each claim names a side and a level; the clearance is the meet of all claims. Sides that
differ meet in NOBODY, and a level can only be lowered. There is no override and no default that opens
(notice of 2023-01-27: the screens masked rightly, the binding of terminal, card and place did not).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce


class Side(StrEnum):
    """Whose view a claim allows. ANY is the top of the lattice, NOBODY the bottom."""

    ANY = "any"
    NW = "nw"
    RETAIL = "retail"
    NOBODY = "nobody"


class Level(StrEnum):
    """How much customer information a claim allows, from most to least."""

    FULL = "full"
    OUTAGE = "outage"
    NONE = "none"


class Subject(StrEnum):
    """What a claim speaks about; the pages group the verdict by it."""

    TERMINAL = "terminal"
    CARD = "card"
    PLACE = "place"


_LEVELS = (Level.NONE, Level.OUTAGE, Level.FULL)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a claim refuses: a code to quote, what happened, the rule, what to do.

    `alert` tells whether compliance is told at once (a disagreement is evidence of a wrong binding).
    """

    code: str
    title: str
    rule: str
    advice: str
    alert: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one fact allows. `reason` is quoted when this claim is the one that does not agree."""

    name: str
    subject: Subject
    side: Side
    statement: str
    reason: Reason
    level: Level = Level.FULL


@dataclass(frozen=True, slots=True)
class Clearance:
    """The meet of claims, with the reasons for refusal and every claim kept."""

    side: Side = Side.ANY
    level: Level = Level.FULL
    reasons: tuple[Reason, ...] = ()
    claims: tuple[Claim, ...] = ()

    @property
    def agreed(self) -> bool:
        """Whether the claims agree on one side: without that there is no session."""
        return self.side in {Side.NW, Side.RETAIL}

    @property
    def shows_customers(self) -> bool:
        """Whether any customer information may be shown at all."""
        return self.agreed and self.level is not Level.NONE

    def summary(self) -> tuple[str, ...]:
        """Return each claim as `name=side/level`, as the read log keeps them."""
        return tuple(f"{claim.name}={claim.side}/{claim.level}" for claim in self.claims)


def meet_sides(one: Side, other: Side) -> Side:
    """Return the greatest side below both: equal sides stay, ANY gives way, others meet in NOBODY."""
    if one is other or other is Side.ANY:
        return one
    return other if one is Side.ANY else Side.NOBODY


def meet_levels(one: Level, other: Level) -> Level:
    """Return the lower level."""
    return min(one, other, key=_LEVELS.index)


def meet(one: Clearance, other: Clearance) -> Clearance:
    """Return what both allow. Reasons and claims of both are kept."""
    return Clearance(
        meet_sides(one.side, other.side),
        meet_levels(one.level, other.level),
        one.reasons + other.reasons,
        one.claims + other.claims,
    )


def decide(claims: Iterable[Claim]) -> Clearance:
    """Return the clearance of all claims together; no claim at all allows nobody.

    The reasons name each claim that refuses by itself, and each that disagrees with the first claim
    that has a side (the terminal's class, in the order of settings.ACCESS_CLAIMS).
    """
    given = tuple(claims)
    if not given:
        return Clearance(Side.NOBODY, Level.NONE)
    met = reduce(meet, (Clearance(claim.side, claim.level, (), (claim,)) for claim in given))
    anchor = next((claim.side for claim in given if claim.side in {Side.NW, Side.RETAIL}), Side.ANY)
    reasons = tuple(claim.reason for claim in given if meet_sides(anchor, claim.side) is Side.NOBODY)
    if met.side is not Side.NOBODY:
        return Clearance(met.side, met.level, (), given)
    return Clearance(Side.NOBODY, Level.NONE, reasons, given)
