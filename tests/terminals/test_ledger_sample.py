"""The sample's ledger comes in by the real way, and what it hides is found."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from terminals import sample, sample_ledger, tasks
from terminals.choices import Channel, Kind
from terminals.ledger import queries
from terminals.models import Discrepancy, LedgerFile, Terminal


@pytest.fixture
def sample_in_use(clean):
    call_command("try_out")
    return queries.in_force(timezone.now())


def test_the_sample_ledger_is_in_force_after_the_first_start(sample_in_use):
    assert (sample_in_use.channel, sample_in_use.encoding) == (Channel.FOLDER, "cp932")
    rows = {row.terminal_number: row for row in queries.rows(sample_in_use)}
    numbers = {terminal.number for terminal in sample.TERMINALS}
    assert numbers - rows.keys() == {sample_ledger.MISSING}
    assert rows.keys() - set(Terminal.objects.values_list("number", flat=True)) == {sample_ledger.UNKNOWN}
    assert (rows["NW-0187"].holder_code, rows["NW-0187"].lu) == ("RT", "NWU0187")
    assert (rows["NW-0142"].state, rows["NW-0142"].lu) == ("returned", "")
    assert rows["NW-0231"].room == "来訪者対応スペース"


def test_a_later_start_delivers_nothing_again(sample_in_use):
    assert sample_ledger.deliver(at=timezone.now() + timedelta(days=1)) is None
    assert LedgerFile.objects.get() == sample_in_use


def test_the_reconciliation_finds_what_the_sample_hides(sample_in_use):
    tasks.reconcile("ledger")
    found = set(Discrepancy.objects.values_list("terminal_number", "kind"))
    assert {
        ("NW-0187", Kind.NW_AT_RETAIL),
        ("NW-0231", Kind.NW_ZONE),
        ("NW-0142", Kind.RESIDUAL_LU),
        (sample_ledger.UNKNOWN, Kind.UNREGISTERED),
        (sample_ledger.MISSING, Kind.NOT_IN_LEDGER),
    } <= found
    right = {"NW-0118", "RT-0412", "NW-0001"}
    assert {kind for number, kind in found if number in right} <= {Kind.NOT_SEEN, Kind.NOT_AUDITED}
