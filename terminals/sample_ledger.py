"""The contractor's ledger of the sample registry: as the registry, but for what the reconciliation is to find."""

from datetime import datetime, timedelta
from io import BytesIO

from django.utils import timezone

from terminals.choices import Channel, LedgerState, TerminalStatus
from terminals.ledger import exchange, operations, queries
from terminals.ledger.exchange import LedgerRow
from terminals.models import Deployment, LedgerFile, LuRegistration, Terminal

UNKNOWN = "NW-0499"  # stands in the ledger only
MISSING = "NW-0305"  # stands in the registry only
ALIKE = "NW-0118"
_STATES = {
    TerminalStatus.IN_STOCK: LedgerState.IN_STOCK,
    TerminalStatus.CONFIGURING: LedgerState.IN_STOCK,
    TerminalStatus.REUSABLE: LedgerState.IN_STOCK,
    TerminalStatus.DEPLOYED: LedgerState.DEPLOYED,
    TerminalStatus.RELOCATING: LedgerState.DEPLOYED,
    TerminalStatus.RETURNED: LedgerState.RETURNED,
    TerminalStatus.LU_DELETED: LedgerState.RETURNED,
    TerminalStatus.RETIRED: LedgerState.RETIRED,
}


def sample_ledger(at: datetime) -> bytes:
    """Return the ledger of the sample terminals as its contractor would send it.

    NW-0187 went to the retailer (case ②), NW-0231 stands in the shared lobby (case ①), NW-0142 was
    returned without an LU; NW-0499 is not in the registry, and NW-0305 is not in the ledger.
    """
    known = Terminal.objects.filter(status__in=_STATES).exclude(number=MISSING).order_by("number")
    rows = [_row(terminal, at) for terminal in known]
    (alike,) = (row for row in rows if row.terminal_number == ALIKE)
    unknown = alike._replace(
        terminal_number=UNKNOWN, asset_number=f"A-{UNKNOWN}", serial_number="SN0499NW", lu="NWU0499"
    )
    return b"".join(exchange.write([*rows, unknown], encoding="cp932"))


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


def _row(terminal: Terminal, at: datetime) -> LedgerRow:
    state = _STATES[TerminalStatus(terminal.status)]
    stands = (
        Deployment.objects.filter(terminal=terminal, during__contains=at)
        .select_related("holder", "place__building")
        .first()
    )
    lu = LuRegistration.objects.filter(terminal=terminal, during__contains=at).first()
    return LedgerRow(
        terminal_number=terminal.number,
        asset_number=terminal.asset_number,
        serial_number=terminal.serial_number,
        lu=lu.lu if lu and state == LedgerState.DEPLOYED else "",
        state=state.value,
        holder_code=stands.holder.code if stands else "",
        building_code=stands.place.building.code if stands else "",
        floor=stands.place.floor if stands else "",
        room=stands.place.name if stands else "",
        user_number="",
        deployed_on=timezone.localdate(stands.during.lower) if stands else None,
        returned_on=timezone.localdate(at) - timedelta(days=5) if state == LedgerState.RETURNED else None,
    )
