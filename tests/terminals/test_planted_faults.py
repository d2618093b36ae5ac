"""All planted faults are found, and only those, whatever is planted where (REC-01)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from terminals.choices import Kind, LedgerState, TerminalClass, Trigger
from terminals.models import (
    Deployment,
    LuRegistration,
    Sighting,
    StockTake,
    Terminal,
    TerminalLastSeen,
)
from terminals.reconciliation import operations
from tests.people import SINCE, build_region, make_terminal
from tests.snapshot import empty
from tests.terminals.ledgers import Line, honest_lines, ledger_in_force

TERMINALS = 10


@dataclass
class Planted:
    """One terminal of the estate with its ledger line, and where the others are."""

    terminal: Terminal
    lines: dict[str, Line]
    region: Any
    at: Any
    extra: list[Line] = field(default_factory=list)

    @property
    def number(self) -> str:
        return self.terminal.number

    def line(self, **says: str) -> None:
        self.lines[self.number] = self.lines[self.number].says(**says)

    def unregister(self) -> None:
        period = DateTimeTZRange(SINCE, self.at)
        LuRegistration.objects.filter(terminal=self.terminal).update(during=period)


def nothing(planted: Planted) -> set[str]:
    return set()


def holder_is_retail(planted: Planted) -> set[str]:
    planted.line(holder_code="RT")
    return {Kind.NW_AT_RETAIL}


def class_is_retail(planted: Planted) -> set[str]:
    LuRegistration.objects.filter(terminal=planted.terminal).update(terminal_class=TerminalClass.RETAIL)
    return {Kind.RETAIL_AT_NW}


def ledger_says_lobby(planted: Planted) -> set[str]:
    planted.line(floor="1F", room="来訪者対応スペース")
    return {Kind.NW_ZONE, Kind.PLACE_DIFFERS}


def found_in_the_lobby(planted: Planted) -> set[str]:
    take = StockTake.objects.create(
        place=planted.region.places["lobby"],
        by=planted.region.cards["terminal_contractor"].staff,
        started_at=planted.at,
    )
    Sighting.objects.create(
        stock_take=take, code=planted.number, terminal=planted.terminal, seen_at=planted.at
    )
    return {Kind.NW_ZONE, Kind.PLACE_DIFFERS}


def user_is_retail(planted: Planted) -> set[str]:
    planted.line(user_number="R-20001")
    return {Kind.TRANSFERRED}


def user_is_unknown(planted: Planted) -> set[str]:
    planted.line(user_number="N-99999")
    return {Kind.TRANSFERRED}


def user_is_nw(planted: Planted) -> set[str]:
    planted.line(user_number="N-10001")
    return set()


def user_works_for_nw(planted: Planted) -> set[str]:
    planted.line(user_number="C-30001")
    return set()


def ledger_says_returned(planted: Planted) -> set[str]:
    planted.line(state=LedgerState.RETURNED)
    return {Kind.RESIDUAL_LU}


def ledger_says_in_stock(planted: Planted) -> set[str]:
    planted.line(state=LedgerState.IN_STOCK)
    return {Kind.RESIDUAL_LU}


def no_lu(planted: Planted) -> set[str]:
    planted.unregister()
    planted.line(lu="")
    return {Kind.UNREGISTERED}


def not_in_ledger(planted: Planted) -> set[str]:
    del planted.lines[planted.number]
    return {Kind.NOT_IN_LEDGER}


def lu_of_another(planted: Planted) -> set[str]:
    planted.line(lu="LU0001")
    return {Kind.LU_MOVED}


def unknown_lu(planted: Planted) -> set[str]:
    """An LU nobody has is not one that moved."""
    planted.line(lu="LUXXXX")
    return set()


def two_lus(planted: Planted) -> set[str]:
    LuRegistration.objects.create(
        terminal=planted.terminal,
        lu=f"Z{planted.number[-4:]}",
        terminal_class=TerminalClass.NW,
        during=DateTimeTZRange(SINCE, None),
    )
    return {Kind.DUPLICATE_LU}


def other_nw_room(planted: Planted) -> set[str]:
    planted.line(floor="5F", room="情報管理室")
    return {Kind.PLACE_DIFFERS}


def unknown_room(planted: Planted) -> set[str]:
    planted.line(room="どこにもない室")
    return {Kind.PLACE_DIFFERS}


def unseen(planted: Planted) -> set[str]:
    old = planted.at - timedelta(days=40)
    TerminalLastSeen.objects.filter(terminal=planted.terminal).update(seen_at=old)
    Sighting.objects.filter(terminal=planted.terminal).update(seen_at=old)
    return {Kind.NOT_SEEN}


def uncounted(planted: Planted) -> set[str]:
    Sighting.objects.filter(terminal=planted.terminal).delete()
    return {Kind.NOT_AUDITED}


FAULTS: tuple[Callable[[Planted], set[str]], ...] = (
    *(nothing, holder_is_retail, class_is_retail, ledger_says_lobby, found_in_the_lobby, user_is_retail),
    *(user_is_unknown, user_is_nw, user_works_for_nw, ledger_says_returned, ledger_says_in_stock, no_lu),
    *(not_in_ledger, lu_of_another, unknown_lu, two_lus, other_nw_room, unknown_room, unseen, uncounted),
)


@pytest.fixture(scope="module")
def estate(owner, emptied_tables):
    """The region, ten more NW terminals in the office, all counted and used yesterday."""
    empty(owner, emptied_tables)
    region = build_region()
    added = [
        make_terminal(f"NW-1{n:03d}", TerminalClass.NW, region.nw, region.places["nw"])
        for n in range(TERMINALS)
    ]
    yesterday = timezone.now() - timedelta(days=1)
    by = region.cards["terminal_contractor"].staff
    for deployed in Deployment.objects.all():
        take = StockTake.objects.create(
            place=deployed.place, by=by, started_at=yesterday, finished_at=yesterday
        )
        Sighting.objects.create(
            stock_take=take, code=deployed.terminal.number, terminal=deployed.terminal, seen_at=yesterday
        )
        TerminalLastSeen.objects.create(terminal=deployed.terminal, seen_at=yesterday)
    return region, added


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(FAULTS), min_size=TERMINALS, max_size=TERMINALS), st.integers(0, 3))
def test_a_run_finds_all_that_was_planted_and_nothing_else(estate, faults, strangers):
    region, added = estate
    at = timezone.now()
    with transaction.atomic():
        lines = honest_lines(at)
        expected: set[tuple[str, str]] = set()
        for terminal, fault in zip(added, faults, strict=True):
            kinds = fault(Planted(terminal, lines, region, at))
            expected |= {(kind, terminal.number) for kind in kinds}
        model = lines["NW-0118"]
        for n in range(strangers):
            number = f"ZZ-000{n}"
            lines[number] = model.says(terminal_number=number, lu="")
            expected.add((Kind.UNREGISTERED, number))
        ledger_in_force(list(lines.values()), at=at)
        run = operations.reconcile(trigger=Trigger.ASKED, by=None, at=at, is_dry=True)
        found = {(each.kind, each.terminal_number) for each in run.findings.all()}
        again = operations.reconcile(trigger=Trigger.ASKED, by=None, at=at, is_dry=True)
        transaction.set_rollback(True)
    assert found == expected
    assert (again.found, again.digest) == (run.found, run.digest)
