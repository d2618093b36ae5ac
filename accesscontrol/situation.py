"""The facts claims are made from: plain values read from current rows at each request."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from accesscontrol.clearance import Claim, Clearance, Subject, decide


class TerminalFacts(Protocol):
    """What this app needs to know of a terminal; `terminals` brings the value, so nothing is imported."""

    @property
    def number(self) -> str:
        """端末番号."""

    @property
    def class_label(self) -> str:
        """用途区分 in words."""

    @property
    def terminal_class(self) -> str:
        """用途区分: nw, retail or empty."""

    @property
    def lu(self) -> str:
        """LU名."""

    @property
    def place_label(self) -> str:
        """設置場所."""

    @property
    def zone_label(self) -> str:
        """区画 in words."""

    @property
    def zone(self) -> str:
        """区画: nw, retail, shared, contractor or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingFacts:
    """Where the person works at this moment."""

    organisation: str
    organisation_kind: str
    department: str
    duty: str
    engaged_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """The card and the person behind it at this moment."""

    number: str
    kind: str
    company: str
    company_kind: str
    valid: bool
    suspended: bool
    staff_number: str
    staff_name: str
    posting: PostingFacts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A terminal and a card at an instant."""

    terminal: TerminalFacts | None
    card: CardFacts | None
    at: datetime


ClaimMaker = Callable[[Situation], Claim]


@cache
def _makers() -> tuple[ClaimMaker, ...]:
    return tuple(import_string(path) for path in settings.ACCESS_CLAIMS)


def claims(situation: Situation) -> list[Claim]:
    """Return what every rule of settings.ACCESS_CLAIMS says of a situation."""
    return [maker(situation) for maker in _makers()]


def clearance(situation: Situation) -> Clearance:
    """Decide what the terminal, the card and the place allow together."""
    return decide(claims(situation))


def terminal_clearance(situation: Situation) -> Clearance:
    """Decide what the terminal and its place allow before a card is shown."""
    return decide(_about(claims(situation), {Subject.TERMINAL, Subject.PLACE}))


def _about(made: Iterable[Claim], subjects: set[Subject]) -> list[Claim]:
    return [claim for claim in made if claim.subject in subjects]
