"""A recognised terminal as a value: everything its claims and the pages need, read at one instant."""

from dataclasses import dataclass

from terminals.choices import AssignedSide, TerminalClass, TerminalStatus, ZoneKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One LU registration in force; `elsewhere` tells whether the LU is in force on another terminal too."""

    lu: str
    terminal_class: str
    elsewhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedTerminal:
    """A terminal of the registry with its registrations, ledger line and zone of the moment."""

    id: int
    number: str
    status: str
    suspended: bool
    registrations: tuple[Registration, ...]
    holder: str
    holder_kind: str
    place_label: str
    zone: str
    assigned_side: str

    @property
    def terminal_class(self) -> str:
        """Return the class if it is beyond doubt, else nothing."""
        classes = {registration.terminal_class for registration in self.registrations}
        return classes.pop() if len(classes) == 1 else ""

    @property
    def class_label(self) -> str:
        """Return the class in words."""
        return TerminalClass(self.terminal_class).label if self.terminal_class else "用途区分なし"

    @property
    def lu(self) -> str:
        """Return the LU, or all of them when there are several."""
        return ",".join(registration.lu for registration in self.registrations)

    @property
    def zone_label(self) -> str:
        """Return the zone in words."""
        if not self.zone:
            return "区画なし"
        slot = f"（{AssignedSide(self.assigned_side).label}）" if self.assigned_side else ""
        return f"{ZoneKind(self.zone).label}{slot}"

    @property
    def status_label(self) -> str:
        """Return the status in words."""
        return TerminalStatus(self.status).label
