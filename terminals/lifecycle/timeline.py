"""A terminal's life as one line of time: the journal, LU, deployments and stops, newest first.

Each entry says when it was so, and when the system came to know it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from accesscontrol.models import Organisation
from terminals.choices import EntryControl, EventKind, TerminalClass
from terminals.lifecycle import queries
from terminals.models import (
    DeploymentVersion,
    LifeEvent,
    LuRegistrationVersion,
    Place,
    Terminal,
)

_ICONS = {
    EventKind.TAKEN_OVER: "import",
    EventKind.RECEIVED: "package-check",
    EventKind.CONFIGURED: "settings-2",
    EventKind.DEPLOYED: "monitor-check",
    EventKind.MOVING: "move-right",
    EventKind.MOVED: "monitor-check",
    EventKind.RETURNED: "undo-2",
    EventKind.LU_CONFIRMED: "scan-search",
    EventKind.CLEARED: "recycle",
    EventKind.RETIRED: "trash-2",
    EventKind.CORRECTED: "rotate-ccw",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One point of the line; `change` is the journal's own transition, empty for what follows from it."""

    at: datetime
    recorded_at: datetime
    icon: str
    title: str
    change: str = ""
    lines: tuple[str, ...] = ()
    is_hot: bool = False

    @property
    def is_late(self) -> bool:
        """Tell whether it was entered more than a minute after it was so."""
        return abs((self.recorded_at - self.at).total_seconds()) > 60


def line(terminal: Terminal) -> list[Entry]:
    """Return everything that happened to a terminal, newest first."""
    entries = [*_journal(terminal), *_registrations(terminal), *_deployments(terminal), *_stops(terminal)]
    return sorted(entries, key=lambda entry: (entry.at, bool(entry.change)), reverse=True)


def _journal(terminal: Terminal) -> Iterator[Entry]:
    for event in queries.events(terminal):
        yield Entry(
            at=event.at,
            recorded_at=event.recorded_at,
            icon=_ICONS[EventKind(event.kind)],
            title=event.get_kind_display(),
            change=f"{event.get_from_status_display()} → {event.get_to_status_display()}",
            lines=tuple(_said(event)),
            is_hot=event.kind == EventKind.CORRECTED,
        )


def _said(event: LifeEvent) -> Iterator[str]:
    handover = event.handover
    if handover and handover.accepted_by:
        yield f"渡した人 {handover.handed_by}　受け取った人 {handover.accepted_by}"
    else:
        yield str(event.by) if event.by else "システム"
    if event.holder and event.place:
        yield f"{event.holder}　{event.place}"
    known = event.evidence
    if "who_can_enter" in known:
        controls = "、".join(str(EntryControl(each).label) for each in known.get("controls", ()))
        yield f"ほかに立ち入れる人：{known['who_can_enter']}　制限：{controls}"
    if "registrations" in known:
        yield f"読み返した結果：LU登録 {known['registrations']}件"
    if event.reason:
        yield f"理由：{event.reason}"


def _registrations(terminal: Terminal) -> Iterator[Entry]:
    versions = LuRegistrationVersion.objects.filter(terminal_id=terminal.pk).order_by("origin", "pk")
    for version, began, ended in _turns(versions):
        label = f"{version.lu}　{TerminalClass(version.terminal_class).label}"
        yield from _ends(began, ended, ("radio-tower", f"LU登録　{label}"), ("eraser", f"LU終了　{label}"))


def _deployments(terminal: Terminal) -> Iterator[Entry]:
    versions = list(DeploymentVersion.objects.filter(terminal_id=terminal.pk).order_by("origin", "pk"))
    holders = Organisation.objects.in_bulk([version.holder_id for version in versions])
    places = Place.objects.select_related("building").in_bulk([version.place_id for version in versions])
    for version, began, ended in _turns(versions):
        label = f"{holders[version.holder_id]}　{places[version.place_id]}"
        yield from _ends(
            began, ended, ("map-pin", f"配備の始まり　{label}"), ("map-pin-off", f"配備の終わり　{label}")
        )


def _turns(versions: Any) -> Iterator[tuple[Any, tuple[Any, Any] | None, tuple[Any, Any] | None]]:
    """Yield, of each version, the beginning and the end it was the first to tell: when it was, when told."""
    origin, lower, upper = None, None, None
    for version in versions:
        if version.origin != origin:
            origin, lower, upper = version.origin, None, None
        told = version.recorded.lower or version.during.lower
        began = None if version.during.lower in {None, lower} else (version.during.lower, told)
        ended = None if version.during.upper in {None, upper} else (version.during.upper, told)
        lower, upper = version.during.lower or lower, version.during.upper or upper
        yield version, began, ended


def _ends(
    began: tuple[Any, Any] | None,
    ended: tuple[Any, Any] | None,
    first: tuple[str, str],
    last: tuple[str, str],
) -> Iterator[Entry]:
    for turn, (icon, title) in ((began, first), (ended, last)):
        if turn:
            yield Entry(at=turn[0], recorded_at=turn[1], icon=icon, title=title)


def _stops(terminal: Terminal) -> Iterator[Entry]:
    kind = ContentType.objects.get_for_model(Terminal)
    entries = LogEntry.objects.filter(
        content_type=kind, object_id=terminal.pk, action=LogEntry.Action.UPDATE
    ).select_related("actor")
    for entry in entries:
        before, after = entry.changes_dict.get("suspended_reason", ("", ""))
        if before == after:
            continue
        stopped = bool(after)
        who = str(entry.actor) if entry.actor else "システム"
        yield Entry(
            at=entry.timestamp,
            recorded_at=entry.timestamp,
            icon="ban" if stopped else "circle-check",
            title="利用停止" if stopped else "停止の解除",
            lines=(who, f"理由：{after}") if stopped else (who,),
            is_hot=stopped,
        )
