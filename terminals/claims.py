"""The claims a terminal makes: its registration, its class, its holder in the ledger, its place."""

from accesscontrol.choices import OrganisationKind
from accesscontrol.clearance import Claim, Reason, Side, Subject
from accesscontrol.situation import Situation
from terminals import reasons
from terminals.choices import TerminalClass, TerminalStatus, ZoneKind
from terminals.recognition import RecognisedTerminal

READ_LOG_WORDS = {
    "terminal_class": dict(TerminalClass.choices),
    "zone": dict(ZoneKind.choices),
    "claim": {
        "registration": "端末の登録と状態",
        "terminal_class": "用途区分",
        "ledger_holder": "配備先の会社",
        "place": "設置場所の区画",
    },
}


def registration(situation: Situation) -> Claim:
    """The terminal is known, deployed, not suspended, and has one LU that is its own."""
    terminal = _terminal(situation)
    if terminal is None:
        return _claim("registration", Side.NOBODY, "不明な端末", reasons.UNKNOWN)
    fault = registration_fault(terminal)
    if fault:
        return _claim("registration", Side.NOBODY, f"{terminal.number} {terminal.status_label}", fault)
    return _claim("registration", Side.ANY, f"{terminal.number}（{terminal.status_label}）", reasons.UNKNOWN)


def registration_fault(terminal: RecognisedTerminal) -> Reason | None:
    """Return what is wrong with a terminal's registration, if anything."""
    if terminal.suspended:
        return reasons.SUSPENDED
    if terminal.status != TerminalStatus.DEPLOYED:
        return reasons.NOT_DEPLOYED
    if not terminal.registrations:
        return reasons.NO_LU
    if len(terminal.registrations) > 1 or terminal.registrations[0].elsewhere:
        return reasons.LU_DUPLICATED
    return None


def terminal_class(situation: Situation) -> Claim:
    """The side the terminal is set to (用途区分)."""
    terminal = _terminal(situation)
    if terminal is None or not terminal.terminal_class:
        return _claim("terminal_class", Side.NOBODY, "用途区分なし", reasons.NO_LU)
    return _claim("terminal_class", Side(terminal.terminal_class), terminal.class_label, reasons.NO_LU)


def ledger_holder(situation: Situation) -> Claim:
    """The company that holds the terminal in the ledger (case ②: NW setting at a retail holder)."""
    terminal = _terminal(situation)
    sides = {OrganisationKind.NW: Side.NW, OrganisationKind.RETAIL: Side.RETAIL}
    if terminal is None or not terminal.holder:
        return _claim("ledger_holder", Side.NOBODY, "配備先なし", reasons.NOT_DEPLOYED)
    if terminal.holder_kind == OrganisationKind.CONTRACTOR:
        # A contractor's room speaks for whom it works; its slot is the place's claim.
        return _claim("ledger_holder", Side.ANY, f"配備先 {terminal.holder}", reasons.HOLDER_DISAGREES)
    side = sides.get(OrganisationKind(terminal.holder_kind), Side.NOBODY)
    return _claim("ledger_holder", side, f"配備先 {terminal.holder}", reasons.HOLDER_DISAGREES)


def place(situation: Situation) -> Claim:
    """The zone the terminal stands in (case ①: NW terminals in a shared lobby)."""
    terminal = _terminal(situation)
    if terminal is None or not terminal.zone:
        return _claim("place", Side.NOBODY, "区画なし", reasons.NO_ZONE, Subject.PLACE)
    statement = f"{terminal.zone_label} {terminal.place_label}"
    if terminal.zone == ZoneKind.SHARED:
        return _claim("place", Side.NOBODY, statement, reasons.SHARED_ZONE, Subject.PLACE)
    named = terminal.assigned_side if terminal.zone == ZoneKind.CONTRACTOR else terminal.zone
    if not named:
        return _claim("place", Side.NOBODY, statement, reasons.NO_ZONE, Subject.PLACE)
    return _claim("place", Side(named), statement, reasons.ZONE_DISAGREES, Subject.PLACE)


def _terminal(situation: Situation) -> RecognisedTerminal | None:
    terminal = situation.terminal
    return terminal if isinstance(terminal, RecognisedTerminal) else None


def _claim(
    name: str, side: Side, statement: str, reason: Reason, subject: Subject = Subject.TERMINAL
) -> Claim:
    return Claim(name=name, subject=subject, side=side, statement=statement, reason=reason)
