"""Every combination of terminal, card and place against a plain reading of the decision table.

The reading is written the other way round from the product: it asks for one side after the other
whether every single fact speaks for it, and knows no lattice.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

from accesscontrol.choices import CardKind, Duty, EngagedFor, OrganisationKind
from accesscontrol.clearance import Level, Side
from accesscontrol.situation import CardFacts, PostingFacts, Situation, clearance
from terminals.choices import AssignedSide, TerminalStatus, ZoneKind
from terminals.recognition import RecognisedTerminal, Registration
from tests.guarantees.report import PROVING, extent, report

AT = datetime(2026, 11, 23, 3, tzinfo=UTC)
CONTRACTOR, BOTH = OrganisationKind.CONTRACTOR, ("nw", "retail")

STATES = [
    (TerminalStatus.DEPLOYED, False),
    (TerminalStatus.DEPLOYED, True),
    *((status, False) for status in TerminalStatus if status != TerminalStatus.DEPLOYED),
][: extent(3, 10)]
REGISTRATIONS = [
    (),
    *((Registration(lu="LU1", terminal_class=side, elsewhere=False),) for side in BOTH),
    *((Registration(lu="LU1", terminal_class=side, elsewhere=True),) for side in BOTH),
    tuple(Registration(lu=f"LU{side}", terminal_class=side, elsewhere=False) for side in BOTH),
    tuple(Registration(lu=f"LU{number}", terminal_class="nw", elsewhere=False) for number in range(2)),
]
HOLDERS = ["", *OrganisationKind.values]
ZONES = [
    ("", ""),
    ("nw", ""),
    ("retail", ""),
    ("shared", ""),
    *(("contractor", slot) for slot in ["", *AssignedSide.values]),
]
KINDS = list(CardKind)[: extent(2, 4)]
VALIDITIES = [(True, False), (False, False), (True, True)]
POSTINGS = [
    None,
    *((kind, "") for kind in OrganisationKind.values),
    *((CONTRACTOR, engaged) for engaged in EngagedFor.values),
    (OrganisationKind.NW, EngagedFor.RETAIL),
]
DUTIES = [Duty.INQUIRY, Duty.INTERNAL_AUDITOR]


def terminals() -> Iterator[RecognisedTerminal | None]:
    """Every terminal: status, suspension, registrations, holder, zone."""
    yield None
    for (status, suspended), registrations, holder, (zone, slot) in product(
        STATES, REGISTRATIONS, HOLDERS, ZONES
    ):
        yield RecognisedTerminal(
            id=1,
            number="NW-0118",
            status=status,
            suspended=suspended,
            registrations=registrations,
            holder=holder and "会社",
            holder_kind=holder,
            place_label="場所",
            zone=zone,
            assigned_side=slot,
        )


def cards() -> Iterator[CardFacts | None]:
    """Every card: kind, company, validity, posting of the moment."""
    yield None
    for kind, company, (valid, suspended), posting, duty in product(
        KINDS, OrganisationKind.values, VALIDITIES, POSTINGS, DUTIES
    ):
        yield CardFacts(
            number="1000000001",
            kind=kind,
            company="会社",
            company_kind=company,
            valid=valid,
            suspended=suspended,
            staff_number="N-10001",
            staff_name="大西 誠",
            posting=posting
            and PostingFacts(
                organisation="会社",
                organisation_kind=posting[0],
                department="課",
                duty=duty,
                engaged_for=posting[1],
            ),
        )


def terminal_serves(terminal: RecognisedTerminal | None, side: str) -> bool:
    """Whether a terminal stands where and as what one side's terminals stand."""
    if terminal is None or terminal.suspended or terminal.status != TerminalStatus.DEPLOYED:
        return False
    if [each.terminal_class for each in terminal.registrations if not each.elsewhere] != [side]:
        return False
    if terminal.holder_kind not in {side, CONTRACTOR} or len(terminal.registrations) != 1:
        return False
    return terminal.zone == side or (terminal.zone, terminal.assigned_side) == (ZoneKind.CONTRACTOR, side)


def card_serves(card: CardFacts | None, side: str) -> bool:
    """Whether a card is one person's own, in force, and its holder works for one side now."""
    if card is None or card.kind != CardKind.INDIVIDUAL or not card.valid or card.suspended:
        return False
    work = card.posting
    if work is None:
        return False
    works = {work.organisation_kind, work.engaged_for if work.organisation_kind == CONTRACTOR else None}
    issued = {card.company_kind, work.engaged_for if card.company_kind == CONTRACTOR else None}
    return side in works and side in issued


def combinations() -> Iterator[tuple[RecognisedTerminal | None, CardFacts | None]]:
    """Every terminal with every card; in the short form, every one of either with some of the other."""
    all_terminals, all_cards = list(terminals()), list(cards())
    if PROVING:
        yield from product(all_terminals, all_cards)
        return
    some_terminals = [None] + [each for each in all_terminals if any(terminal_serves(each, s) for s in BOTH)]
    some_cards = [None] + [each for each in all_cards if any(card_serves(each, s) for s in BOTH)]
    yield from product(all_terminals, some_cards)
    yield from product(some_terminals, all_cards)


def test_a_session_opens_only_where_every_fact_speaks_for_one_side():
    counted: Counter[str] = Counter()
    for terminal, card in combinations():
        decided = clearance(Situation(terminal=terminal, card=card, at=AT))
        agreed = [side for side in BOTH if terminal_serves(terminal, side) and card_serves(card, side)]
        assert len(agreed) < 2
        assert decided.side is (Side(agreed[0]) if agreed else Side.NOBODY), (terminal, card)
        customers = bool(agreed and card.posting.duty == Duty.INQUIRY)
        assert decided.shows_customers is customers, (terminal, card)
        assert decided.level is (Level.FULL if customers else Level.NONE)
        assert agreed or decided.reasons
        counted[decided.side.value + ("" if customers or not agreed else ", no customers")] += 1
    assert all(counted[side] for side in (*BOTH, "nobody"))
    table = report("Combinations of terminal, card and place", "decision", "combinations")
    for decision, number in sorted(counted.items()):
        table.add(decision, number)
