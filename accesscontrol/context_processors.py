"""What every page shows: the conditions of viewing, and the menu of the viewer's duty."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings

from accesscontrol import menus
from accesscontrol.choices import PERMISSIONS, Duty
from accesscontrol.clearance import Side
from accesscontrol.viewer import Viewer
from audit import integrity
from audit.choices import READ


@dataclass(frozen=True, slots=True)
class Band:
    """閲覧条件: computed on the server for every response."""

    kind: str
    terminal_class: str
    terminal: str
    company: str
    person: str
    zone: str
    place: str
    scope: str
    scope_icon: str
    purpose: str
    idle_seconds: int
    warning_seconds: int


def duty_of(viewer: Viewer) -> str:
    """Return the duty of the viewer's posting."""
    return viewer.card.posting.duty if viewer.card.posting else ""


def viewing_conditions(request: Any) -> dict[str, Any]:
    """Add the band and the menu to every page inside a session."""
    viewer: Viewer | None = getattr(request, "viewer", None)
    if viewer is None:
        return {"band": None, "menu": [], "here": request.path, "use": ""}
    reads_log = READ in PERMISSIONS.get(duty_of(viewer), ())
    return {
        "band": band(viewer),
        "menu": partial(
            menus.menu, duty_of(viewer), viewer.card.staff_number
        ),  # asked by pages with a menu only
        "here": request.path,
        "use": request.session_row.pk,
        "integrity": integrity.verdict(at=request.at) if reads_log else None,
    }


def band(viewer: Viewer) -> Band:
    """Say in words who is looking, from where, at what."""
    kind, scope, icon = _scope(viewer)
    return Band(
        kind=kind,
        terminal_class=viewer.terminal.class_label,
        terminal=viewer.terminal.number,
        company=viewer.card.posting.organisation if viewer.card.posting else viewer.card.company,
        person=viewer.card.staff_name,
        zone=viewer.terminal.zone_label,
        place=viewer.terminal.place_label,
        scope=scope,
        scope_icon=icon,
        purpose=viewer.purpose_label,
        idle_seconds=int(settings.IDLE_LIMIT.total_seconds()),
        warning_seconds=int(settings.IDLE_WARNING.total_seconds()),
    )


def _scope(viewer: Viewer) -> tuple[str, str, str]:
    if viewer.clearance.shows_customers:
        if viewer.clearance.side is Side.NW:
            return "nw", "需要者情報", "radio-tower"
        return "retail", "自社分のみ", "store"
    if duty_of(viewer) in {Duty.COMPLIANCE, Duty.INTERNAL_AUDITOR}:
        return "audit", "閲覧記録（値なし）", "shield-check"
    return "admin", "台帳のみ", "settings"
