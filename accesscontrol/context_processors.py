"""What every page shows: the conditions of viewing, and the menu of the viewer's duty."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from accesscontrol import queries
from accesscontrol.choices import PERMISSIONS, Duty
from accesscontrol.clearance import Side
from accesscontrol.viewer import Viewer
from audit import integrity


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One line of the menu."""

    label: str
    url: str
    icon: str
    count: int = 0


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


INQUIRY_MENU = (
    MenuItem("供給地点の検索", "/points/", "search"),
    MenuItem("自分の閲覧履歴", "/me/reads/", "history"),
    MenuItem("受け渡し", "/handovers/", "arrow-right-left"),
)
LOG_MENU = (
    MenuItem("閲覧記録", "/audit/reads/", "list-checks"),
    MenuItem("誰が見たか", "/audit/points/", "user-search"),
    MenuItem("開示の保留", "/audit/withholdings/", "eye-off"),
    MenuItem("記録の出力", "/audit/exports/", "file-down"),
    MenuItem("改ざん検証", "/audit/integrity/", "fingerprint-pattern"),
)
LEDGER_ITEM = MenuItem("端末配備先情報", "/ledger/", "file-spreadsheet")
LIFE_MENU = (
    MenuItem("受け渡し", "/handovers/", "arrow-right-left"),
    MenuItem("LU削除", "/lu-deletions/", "eraser"),
    MenuItem("棚卸", "/stock-takes/", "scan-barcode"),
)
MENUS: dict[str, tuple[MenuItem, ...]] = {
    Duty.INQUIRY: INQUIRY_MENU,
    Duty.COMPLIANCE: (
        *LOG_MENU,
        MenuItem("通報", "/alerts/", "flag"),
        MenuItem("同室の検知", "/presence/", "users-round"),
        MenuItem("両社が入る建物", "/buildings/shared/", "building-2"),
    ),
    Duty.INTERNAL_AUDITOR: (
        *LOG_MENU,
        MenuItem("端末台帳", "/terminals/", "monitor"),
        LEDGER_ITEM,
    ),
    Duty.TERMINAL_ADMIN: (
        MenuItem("端末台帳", "/terminals/", "monitor"),
        *LIFE_MENU,
        LEDGER_ITEM,
        MenuItem("配備", "/deployments/", "truck"),
        MenuItem("LU登録", "/registrations/", "radio-tower"),
        MenuItem("建物", "/buildings/", "building-2"),
        MenuItem("室・区画", "/places/", "map-pin"),
        MenuItem("区画の持ち主", "/zones/", "layers"),
        MenuItem("両社が入る建物", "/buildings/shared/", "building"),
        MenuItem("入退室記録", "/room-entries/", "door-open"),
        MenuItem("同室の検知", "/presence/", "users-round"),
    ),
    Duty.TERMINAL_CONTRACTOR: (MenuItem("端末台帳", "/terminals/", "monitor"), *LIFE_MENU, LEDGER_ITEM),
    Duty.CARD_DESK: (
        MenuItem("職員証", "/cards/", "id-card"),
        MenuItem("職員", "/staff/", "users"),
        MenuItem("所属", "/postings/", "briefcase"),
        MenuItem("組織", "/organisations/", "network"),
    ),
}
HOME: dict[str, str] = {duty: items[0].url for duty, items in MENUS.items()}


def duty_of(viewer: Viewer) -> str:
    """Return the duty of the viewer's posting."""
    return viewer.card.posting.duty if viewer.card.posting else ""


def viewing_conditions(request: Any) -> dict[str, Any]:
    """Add the band and the menu to every page inside a session."""
    viewer: Viewer | None = getattr(request, "viewer", None)
    if viewer is None:
        return {"band": None, "menu": [], "here": request.path, "use": ""}
    reads_log = "audit.read_log" in PERMISSIONS.get(duty_of(viewer), ())
    return {
        "band": band(viewer),
        "menu": menu(viewer),
        "here": request.path,
        "use": request.session_row.pk,
        "integrity": integrity.verdict(at=request.at) if reads_log else None,
    }


def menu(viewer: Viewer) -> list[MenuItem]:
    """Return the menu of a duty, with what waits."""
    items = list(MENUS.get(duty_of(viewer), ()))
    if duty_of(viewer) == Duty.COMPLIANCE:
        waiting = queries.waiting_alerts().count()
        items = [MenuItem(i.label, i.url, i.icon, waiting if i.url == "/alerts/" else 0) for i in items]
    return items


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
