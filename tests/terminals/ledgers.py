"""Ledgers in force for tests: the registry as the contractor would write it, with what is planted changed."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from accesscontrol.models import Organisation
from terminals.choices import Channel, FileState, LedgerState
from terminals.models import Deployment, LedgerFile, LedgerLine, LuRegistration


@dataclass(frozen=True)
class Line:
    """One terminal as its contractor knows it."""

    terminal_number: str
    lu: str = ""
    state: str = LedgerState.DEPLOYED
    holder_code: str = ""
    building_code: str = ""
    floor: str = ""
    room: str = ""
    user_number: str = ""

    def says(self, **other: str) -> "Line":
        return replace(self, **other)


def honest_lines(at: datetime) -> dict[str, Line]:
    """Return what a contractor without a mistake would write."""
    lus = {r.terminal_id: r.lu for r in LuRegistration.objects.filter(during__contains=at)}
    return {
        deployed.terminal.number: Line(
            deployed.terminal.number,
            lus.get(deployed.terminal_id, ""),
            LedgerState.DEPLOYED,
            deployed.holder.code,
            deployed.place.building.code,
            deployed.place.floor,
            deployed.place.name,
        )
        for deployed in Deployment.objects.filter(during__contains=at).select_related(
            "terminal", "holder", "place__building"
        )
    }


def ledger_in_force(lines: list[Line], *, at: datetime | None = None) -> LedgerFile:
    """Put a ledger in force."""
    at = at or timezone.now()
    file = LedgerFile.objects.create(
        received_at=at,
        channel=Channel.UPLOAD,
        file_name="haibisaki.csv",
        sha256=f"{LedgerFile.objects.count():064x}",
        as_of=at.date(),
        rows=len(lines),
        state=FileState.ACCEPTED,
        accepted_at=at,
    )
    LedgerLine.objects.bulk_create(
        LedgerLine(
            file=file,
            line=number,
            terminal_number=line.terminal_number,
            asset_number=f"A-{line.terminal_number}",
            serial_number=f"S-{line.terminal_number}",
            lu=line.lu,
            state=line.state,
            holder_code=line.holder_code,
            building_code=line.building_code,
            floor=line.floor,
            room=line.room,
            user_number=line.user_number,
        )
        for number, line in enumerate(lines, start=2)
    )
    return file


def code_of(side: str) -> str:
    return Organisation.objects.get(kind=side).code
