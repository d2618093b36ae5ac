"""The board as plain values: columns of cards, one card a terminal, the odd source marked."""

from typing import Any

from terminals.choices import Column, Kind, Severity, State, TerminalClass
from terminals.models import Discrepancy
from terminals.reconciliation import queries
from terminals.reconciliation.rules import WHY

PER_COLUMN = 8
_LOOKS = {
    Column.CLASS: ("bad", "ban", "利用を自動で停止した端末"),
    Column.REGISTRATION: ("warn", "unlink", "台帳とオンラインの登録が違う"),
    Column.PLACE: ("warn", "map-pin", "台帳と登録・検出した場所が違う"),
    Column.WHEREABOUTS: ("lost", "search", "長く見ていない、数えていない"),
}


def columns(found: list[Discrepancy], terminals: dict[str, int], only: str) -> list[dict[str, Any]]:
    """Return the columns with their cards; all of one column when it alone is asked for."""
    shown = [Column(only)] if only else list(Column)
    return [_one_column(column, found, terminals, limit=None if only else PER_COLUMN) for column in shown]


def _one_column(
    column: Column, found: list[Discrepancy], terminals: dict[str, int], *, limit: int | None
) -> dict[str, Any]:
    mine = [each for each in found if Kind(each.kind).column is column]
    tone, icon, lead = _LOOKS[column]
    cards = _cards(mine, terminals)
    return {
        "key": column.value,
        "label": column.label,
        "tone": tone,
        "icon": icon,
        "lead": lead,
        "count": len(mine),
        "more": len(cards) - len(cards[:limit]),
        "cards": cards[:limit],
    }


def _cards(found: list[Discrepancy], terminals: dict[str, int]) -> list[dict[str, Any]]:
    """Return one card a terminal, with everything of the column that is wrong with it."""
    by_terminal: dict[str, list[Discrepancy]] = {}
    for each in found:
        by_terminal.setdefault(each.terminal_number, []).append(each)
    return [card(of_one, terminals) for of_one in by_terminal.values()]


def card(found: list[Discrepancy], terminals: dict[str, int]) -> dict[str, Any]:
    """Return the card of one terminal's discrepancies; `terminals` are the keys of registered numbers."""
    first = found[0]
    odd = {each.odd_one for each in found}
    return {
        "pk": first.pk,
        "terminal": first.terminal_number,
        "terminal_pk": terminals.get(first.terminal_number),
        "terminal_class": first.terminal_class,
        "class_label": TerminalClass(first.terminal_class).label if first.terminal_class else "区分なし",
        "faults": [(each.pk, WHY[each.kind]) for each in found],
        "state": first.get_state_display(),
        "under_way": any(each.state in {State.CONFIRMED, State.CORRECTING} for each in found),
        "critical": any(each.severity == Severity.CRITICAL for each in found),
        "says": (
            ("台帳", first.ledger_says, "ledger" in odd),
            ("オンライン", first.online_says, "online" in odd),
            ("検出", first.seen_says, "seen" in odd),
        ),
        "suspended_at": next((each.suspended_at for each in found if each.suspended_at), None),
        "excepted_until": next((each.excepted_until for each in found if each.excepted_until), None),
        "owner": next((each.owner for each in found if each.owner), None),
        "due_on": min((each.due_on for each in found if each.due_on), default=None),
        "recurred": any(each.reopens_id for each in found),
    }


def by_column() -> dict[str, int]:
    """Return how many discrepancies are open in each column."""
    kinds = queries.open_discrepancies().values_list("kind", flat=True)
    counted = dict.fromkeys(Column.values, 0)
    for kind in kinds:
        counted[Kind(kind).column] += 1
    return counted


def owners() -> list[tuple[str, str]]:
    """Return number and name of everybody who has one to put right."""
    named = queries.open_discrepancies().filter(owner__isnull=False).order_by("owner__number")
    return list(dict.fromkeys(named.values_list("owner__number", "owner__name")))
