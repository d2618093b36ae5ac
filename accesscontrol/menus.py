"""The menu of each duty, in groups, with what waits behind a line.

What waits is counted by the app the page belongs to: settings.MENU_COUNTS names the functions, so that
nothing here imports upwards.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from accesscontrol.choices import Duty


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One line of the menu; lines of one group stand together under its name."""

    label: str
    url: str
    icon: str
    group: str = ""
    count: int = 0
    counted: bool = True


_LOG = (
    MenuItem("閲覧記録", "/audit/reads/", "list-checks", "閲覧記録"),
    MenuItem("誰が見たか", "/audit/points/", "user-search", "閲覧記録"),
    MenuItem("開示の保留", "/audit/withholdings/", "eye-off", "閲覧記録"),
    MenuItem("記録の出力", "/audit/exports/", "file-down", "閲覧記録"),
    MenuItem("改ざん検証", "/audit/integrity/", "fingerprint-pattern", "閲覧記録"),
)
_ALERTS = MenuItem("通報", "/alerts/", "flag", "点検")
_PRESENCE = MenuItem("同室の検知", "/presence/", "users-round", "点検")
_EXPOSURE = MenuItem("食い違いの期間", "/exposure/", "calendar-range", "点検")
_SHARED_BUILDINGS = MenuItem("両社が入る建物", "/buildings/shared/", "building", "点検")
_TERMINALS = MenuItem("端末台帳", "/terminals/", "monitor", "端末")
_RECONCILIATION = MenuItem("端末の突合", "/reconciliation/", "scan-line", "照合")
_LEDGER = MenuItem("端末配備先情報", "/ledger/", "file-spreadsheet", "照合")
_ENTRIES = MenuItem("入退室記録", "/room-entries/", "door-open", "照合")
_LIFE = (
    MenuItem("受け渡し", "/handovers/", "arrow-right-left", "端末"),
    MenuItem("LU削除", "/lu-deletions/", "eraser", "端末"),
    MenuItem("棚卸", "/stock-takes/", "scan-barcode", "端末"),
)
_NOTICES = MenuItem("お知らせ", "/notices/", "bell", "照合")

MENUS: dict[str, tuple[MenuItem, ...]] = {
    Duty.INQUIRY: (
        MenuItem("供給地点の検索", "/points/", "search"),
        MenuItem("自分の閲覧履歴", "/me/reads/", "history"),
        # Pages with customer data ask the database for nothing but what they show.
        MenuItem("受け渡し", "/handovers/", "arrow-right-left", counted=False),
    ),
    Duty.COMPLIANCE: (*_LOG, _RECONCILIATION, _ALERTS, _EXPOSURE, _PRESENCE, _SHARED_BUILDINGS),
    Duty.INTERNAL_AUDITOR: (*_LOG, _TERMINALS, _RECONCILIATION, _LEDGER, _EXPOSURE),
    Duty.TERMINAL_ADMIN: (
        _TERMINALS,
        *_LIFE,
        MenuItem("配備", "/deployments/", "truck", "端末"),
        MenuItem("LU登録", "/registrations/", "radio-tower", "端末"),
        _RECONCILIATION,
        _LEDGER,
        _ENTRIES,
        _NOTICES,
        _EXPOSURE,
        _PRESENCE,
        _SHARED_BUILDINGS,
        MenuItem("建物", "/buildings/", "building-2", "場所"),
        MenuItem("室・区画", "/places/", "map-pin", "場所"),
        MenuItem("区画の持ち主", "/zones/", "layers", "場所"),
    ),
    Duty.TERMINAL_CONTRACTOR: (_TERMINALS, *_LIFE, _RECONCILIATION, _LEDGER, _NOTICES),
    Duty.CARD_DESK: (
        MenuItem("職員証", "/cards/", "id-card"),
        MenuItem("職員", "/staff/", "users"),
        MenuItem("所属", "/postings/", "briefcase"),
        MenuItem("組織", "/organisations/", "network"),
    ),
}


def home(duty: str) -> str:
    """Return where a duty begins; without one of its own, at the terminal's page."""
    items = MENUS.get(duty)
    return items[0].url if items else "/me/terminal/"


def menu(duty: str, staff_number: str) -> list[MenuItem]:
    """Return the menu of a duty, with what waits for it or for the person."""
    counts = _counts()
    return [
        replace(item, count=counts[item.url](staff_number)) if item.counted and item.url in counts else item
        for item in MENUS.get(duty, ())
    ]


@cache
def _counts() -> dict[str, Callable[[str], int]]:
    return {url: import_string(path) for url, path in settings.MENU_COUNTS.items()}
