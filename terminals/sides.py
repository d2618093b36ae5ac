"""One terminal as the contractor's ledger, the system's own registry and the last stock-take each know it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from accesscontrol.models import Organisation
from terminals.choices import LedgerState, TerminalStatus
from terminals.ledger.queries import in_force
from terminals.models import Building, LedgerLine, Sighting
from terminals.recognition import RecognisedTerminal

_IN_LEDGER = {
    TerminalStatus.CONFIGURING: LedgerState.IN_STOCK,
    TerminalStatus.RELOCATING: LedgerState.DEPLOYED,
    TerminalStatus.PROCURED: LedgerState.IN_STOCK,
    TerminalStatus.LU_DELETED: LedgerState.RETURNED,
    TerminalStatus.REUSABLE: LedgerState.IN_STOCK,
}


@dataclass(frozen=True, slots=True)
class Side:
    """One source and how old it is."""

    label: str
    note: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One fact as each source knows it."""

    label: str
    values: tuple[str, ...]
    differs: bool = False


def comparison(known: RecognisedTerminal, *, at: datetime) -> tuple[list[Side], list[Compared]]:
    """Return the three sources and, fact by fact, what each says; what the two ledgers differ in is marked."""
    file = in_force(at)
    entry = LedgerLine.objects.filter(file=file, terminal_number=known.number).first() if file else None
    seen = (
        Sighting.objects.filter(terminal_id=known.id)
        .select_related("stock_take__place__building")
        .order_by("-seen_at")
        .first()
    )
    sides = [
        Side("端末配備先情報", f"{file.as_of:%Y/%m/%d} 現在" if file and file.as_of else "まだありません"),
        Side("営業オンライン", "いまの登録"),
        Side("棚卸", f"{timezone.localtime(seen.seen_at):%Y/%m/%d %H:%M}" if seen else "まだありません"),
    ]
    there = str(seen.stock_take.place) if seen else ""
    expected = _IN_LEDGER.get(TerminalStatus(known.status))
    wanted = str(expected.label) if expected else known.status_label
    return sides, [
        _compared("状態", entry.get_state_display() if entry else "", known.status_label, "", wanted),
        _compared("LU", entry.lu if entry else "", known.lu, "", known.lu),
        _compared("配備先", _holder(entry), known.holder, "", known.holder),
        _compared("場所", _place(entry), known.place_label, there, known.place_label),
    ]


def _compared(label: str, ledger: str, online: str, seen: str, wanted: str) -> Compared:
    said = {value for value in (ledger, seen) if value}
    return Compared(label, (ledger, online, seen), bool(said - {wanted}))


def _holder(entry: LedgerLine | None) -> str:
    if entry is None or not entry.holder_code:
        return ""
    found = Organisation.objects.filter(code=entry.holder_code).first()
    return str(found) if found else entry.holder_code


def _place(entry: LedgerLine | None) -> str:
    if entry is None or not entry.building_code:
        return ""
    building = Building.objects.filter(code=entry.building_code).first()
    return " ".join(filter(None, (str(building or entry.building_code), entry.floor, entry.room)))
