"""Fetch supply points and contracts, as one side's login role. Private to the read door and the import.

Pages are keyed by (search key, number): the number is visible to both sides, so a cursor carries
nothing hidden and the order cannot betray how rows lie on disk. First the page, then its contracts
(docs/adr/0006).
"""

from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.backends.utils import CursorWrapper

from accesscontrol.clearance import Side
from accesscontrol.disclosure import SideUnavailable
from eigyo.choices import Match, SearchKind
from eigyo.interpretation import Search

ALIASES = {Side.NW: "nw", Side.RETAIL: "retail"}
CONTRACTS = {Side.NW: "contract", Side.RETAIL: "contract_own"}

_POINT_COLUMNS = ("number", "postal_code", "address", "own")
_CONTRACT_COLUMNS = (
    "holder_name",
    "holder_kana",
    "phone",
    "voltage_class",
    "contract_capacity",
    "contract_capacity_unit",
    "load_capacity",
    "load_capacity_unit",
    "breaker_capacity",
    "breaker_capacity_unit",
)
_KEYS = {
    SearchKind.NUMBER: "number",
    SearchKind.ADDRESS: "address_key",
    SearchKind.PHONE: "phone_key",
    SearchKind.NAME: "name_key",
    SearchKind.KANA: "kana_key",
}
_POINT_KINDS = {SearchKind.NUMBER, SearchKind.ADDRESS}


@dataclass(frozen=True, slots=True)
class Found:
    """A row before disclosure: the point, and its contract where the role may read one."""

    number: str
    own: bool
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FoundPage:
    """One page of rows, and whether there are rows after and before it."""

    rows: list[Found]
    count: int
    exact: bool
    more_after: bool
    more_before: bool


NOTHING = FoundPage(rows=[], count=0, exact=True, more_after=False, more_before=False)


def page(side: Side, search: Search, *, after: str, before: str, rows: int, exact_limit: int) -> FoundPage:
    """Return one page in the order of the search. A cursor that finds no row reads as the first page."""
    with _cursor(side) as cursor:
        source, where, values = _condition(side, search)
        order = _KEYS[search.kind]
        position = _position(cursor, source, order, after or before)
        backwards = bool(before and position and not after)
        comes, direction = ("<", "DESC") if backwards else (">", "ASC")
        keyset = f" AND ({order}, number) {comes} (%s, %s)" if position else ""
        cursor.execute(
            f"SELECT number FROM {source} WHERE {where}{keyset}"
            f" ORDER BY {order} {direction}, number {direction} LIMIT %s",
            [*values, *(position or ()), rows + 1],
        )
        numbers = [row[0] for row in cursor.fetchall()]
        more = len(numbers) > rows
        numbers = numbers[:rows][::-1] if backwards else numbers[:rows]
        count, exact = _count(cursor, source, where, values, exact_limit)
        return FoundPage(
            rows=_points(cursor, side, numbers),
            count=count,
            exact=exact,
            more_after=more or backwards,
            more_before=more if backwards else position is not None,
        )


def point(side: Side, number: str) -> Found | None:
    """Return one point by its number."""
    with _cursor(side) as cursor:
        found = _points(cursor, side, [number])
        return found[0] if found else None


def _cursor(side: Side) -> CursorWrapper:
    alias = ALIASES[side]
    if alias not in connections.databases:
        raise SideUnavailable(alias)
    return connections[alias].cursor()


def _condition(side: Side, search: Search) -> tuple[str, str, list[Any]]:
    key = _KEYS[search.kind]
    source = "supply_point" if search.kind in _POINT_KINDS else CONTRACTS[side]
    where, value = f"{key} = %s", search.key
    if search.match is not Match.EXACT:
        prefix = "%" if search.match is Match.INFIX else ""
        where, value = f"{key} LIKE %s", f"{prefix}{_escaped(search.key)}%"
    if search.own_only:
        where += f" AND EXISTS (SELECT FROM supply_point s WHERE s.number = {source}.number AND s.own)"
    return source, where, [value]


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _position(cursor: CursorWrapper, source: str, order: str, number: str) -> tuple[str, str] | None:
    """Find a cursor's place again from the number alone, with the viewer's own rights."""
    if not number:
        return None
    cursor.execute(f"SELECT {order}, number FROM {source} WHERE number = %s", [number])
    found = cursor.fetchone()
    return (found[0], found[1]) if found else None


def _count(cursor: CursorWrapper, source: str, where: str, values: list[Any], limit: int) -> tuple[int, bool]:
    """Count exactly up to a limit; above it, tell only that there are more.

    The planner's estimate would tell more than that: its statistics remember rows that have left the side.
    """
    cursor.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {where} LIMIT %s) few",
        [*values, limit + 1],
    )
    counted = int(cursor.fetchone()[0])
    return min(counted, limit), counted <= limit


def _points(cursor: CursorWrapper, side: Side, numbers: list[str]) -> list[Found]:
    """Read points and the contracts the role may read, in the order of the numbers."""
    points = _rows(cursor, "supply_point", _POINT_COLUMNS, numbers)
    contracts = _rows(cursor, CONTRACTS[side], ("number", *_CONTRACT_COLUMNS), numbers)
    return [
        Found(number, bool(points[number]["own"]), points[number] | contracts.get(number, {}))
        for number in numbers
        if number in points
    ]


def _rows(
    cursor: CursorWrapper, relation: str, columns: tuple[str, ...], numbers: list[str]
) -> dict[str, dict[str, Any]]:
    cursor.execute(f"SELECT {', '.join(columns)} FROM {relation} WHERE number = ANY(%s)", [numbers])
    return {row[0]: dict(zip(columns, row, strict=True)) for row in cursor.fetchall()}
