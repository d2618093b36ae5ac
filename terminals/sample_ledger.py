"""The contractor's ledger of the sample registry: as the registry, but for what the reconciliation is to find."""

from datetime import date, datetime, timedelta
from io import BytesIO

from django.utils import timezone

from terminals import sample
from terminals.choices import Channel, LedgerState, TerminalStatus
from terminals.ledger import exchange, operations, queries
from terminals.ledger.exchange import LedgerRow
from terminals.models import Building, LedgerFile

UNKNOWN = "NW-0499"  # stands in the ledger only
MISSING = "NW-0305"  # stands in the registry only
ALIKE = "NW-0118"
_STATES = {TerminalStatus.DEPLOYED: LedgerState.DEPLOYED, TerminalStatus.RETURNED: LedgerState.RETURNED}


def sample_ledger(at: datetime) -> bytes:
    """Return the ledger of the sample terminals as its contractor would send it.

    NW-0187 went to the retailer (case ②), NW-0231 stands in the shared lobby (case ①), NW-0142 was
    returned without an LU; NW-0499 is not in the registry, and NW-0305 is not in the ledger.
    """
    codes = dict(Building.objects.values_list("name", "code"))
    terminals = [terminal for terminal in sample.TERMINALS if terminal.number != MISSING]
    rows = [_row(terminal, codes, today=timezone.localdate(at)) for terminal in terminals]
    (alike,) = (row for row in rows if row.terminal_number == ALIKE)
    rows.append(
        alike._replace(
            terminal_number=UNKNOWN, asset_number=f"A-{UNKNOWN}", serial_number="SN0499NW", lu="NWU0499"
        )
    )
    return b"".join(exchange.write(rows, encoding="cp932"))


def deliver(*, at: datetime) -> LedgerFile | None:
    """Receive and accept the sample ledger, unless a ledger is in force already."""
    if queries.in_force(at) is not None:
        return None
    as_of = timezone.localdate(at)
    file = operations.receive(
        BytesIO(sample_ledger(at)),
        file_name=f"haibisaki_{as_of:%Y%m%d}.csv",
        as_of=as_of,
        channel=Channel.FOLDER,
        by=None,
        at=at,
    )
    return operations.accept(file, by=None, at=at)


def _row(terminal: sample.SampleTerminal, codes: dict[str, str], *, today: date) -> LedgerRow:
    digits, side = terminal.number[-4:], terminal.number[:2]
    building, floor, room, *_ = sample.PLACES[terminal.place]
    is_out = terminal.status == TerminalStatus.RETURNED
    return LedgerRow(
        terminal_number=terminal.number,
        asset_number=f"A-{terminal.number}",
        serial_number=f"SN{digits}{side}",
        lu="" if is_out else f"{side}U{digits}",
        state=_STATES[TerminalStatus(terminal.status)].value,
        holder_code=terminal.holder,
        building_code=codes[building],
        floor=floor,
        room=room,
        user_number="",
        deployed_on=timezone.localdate(sample.SINCE),
        returned_on=today - timedelta(days=5) if is_out else None,
    )
