"""The viewer: who looks, with which card, on which terminal, where, why and when. Frozen."""

from dataclasses import dataclass
from datetime import datetime

from accesscontrol.clearance import Clearance
from accesscontrol.policy import VERSION
from accesscontrol.situation import CardFacts, Situation, TerminalFacts
from audit.choices import Purpose
from audit.entry import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Everything a disclosure needs to know, decided for this one request."""

    card: CardFacts
    terminal: TerminalFacts
    clearance: Clearance
    purpose: str
    purpose_reference: str
    at: datetime
    request: str

    @property
    def actor(self) -> Actor:
        """Return the viewer as the read log keeps it."""
        return describe(
            Situation(terminal=self.terminal, card=self.card, at=self.at),
            self.clearance,
            purpose=self.purpose,
            purpose_reference=self.purpose_reference,
        )

    @property
    def purpose_label(self) -> str:
        """Return the purpose in words."""
        return Purpose(self.purpose).label if self.purpose else ""


def describe(
    situation: Situation,
    clearance: Clearance,
    *,
    purpose: str = "",
    purpose_reference: str = "",
) -> Actor:
    """Return who and what is acting, as far as it is known, for the read log."""
    card, terminal = situation.card, situation.terminal
    posting = card.posting if card else None
    return Actor(
        person=card.staff_number if card else "",
        person_name=card.staff_name if card else "",
        company=posting.organisation if posting else (card.company if card else ""),
        department=posting.department if posting else "",
        side=clearance.side.value,
        card=card.number if card else "",
        card_kind=card.kind if card else "",
        terminal=terminal.number if terminal else "",
        terminal_class=terminal.terminal_class if terminal else "",
        lu=terminal.lu if terminal else "",
        place=terminal.place_label if terminal else "",
        zone=terminal.zone if terminal else "",
        purpose=purpose,
        purpose_reference=purpose_reference,
        policy=VERSION,
        claims=clearance.summary(),
    )
