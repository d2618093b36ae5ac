"""Fetch supply points and contracts, as one side's login role. Private to the read door and the import.

Pages are keyed by (search key, number): the number is visible to both sides, so a cursor carries
nothing hidden and the order cannot betray how rows lie on disk. First the page, then its contracts
(research: access §3, "known planner trap").
"""

import json
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

_POINT_COLUMNS = ("id", "number", "postal_code", "address", "own")
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
    SearchKind.NUMBER: ("s.number", "s.number"),
    SearchKind.ADDRESS: ("s.address_key", "s.address_key"),
    SearchKind.PHONE: ("c.phone_key", "c.phone_key"),
    SearchKind.NAME: ("c.name_key", "c.kana_key"),
    SearchKind.KANA: ("c.kana_key", "c.kana_key"),
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
        order = _KEYS[search.kind][1]
        position = _position(cursor, side, search, after or before)
        backwards = bool(before and position and not after)
        keyset, keyset_values = "", []
        if position:
            keyset = f" AND ({order}, s.number) {'<' if backwards else '>'} (%s, %s)"
            keyset_values = list(position)
        direction = "DESC" if backwards else "ASC"
        cursor.execute(
            f"SELECT {_columns('s', _POINT_COLUMNS)} FROM {source} WHERE {where}{keyset}"
            f" ORDER BY {order} {direction}, s.number {direction} LIMIT %s",
            [*values, *keyset_values, rows + 1],
        )
        points = cursor.fetchall()
        more = len(points) > rows
        points = points[:rows]
        if backwards:
            points.reverse()
        count, exact = _count(cursor, source, where, values, exact_limit)
        return FoundPage(
            rows=_with_contracts(cursor, side, points),
            count=count,
            exact=exact,
            more_after=more if not backwards else True,
            more_before=more if backwards else position is not None,
        )


def point(side: Side, number: str) -> Found | None:
    """Return one point by its number."""
    with _cursor(side) as cursor:
        cursor.execute(
            f"SELECT {_columns('s', _POINT_COLUMNS)} FROM supply_point s WHERE s.number = %s",
            [number],
        )
        found = _with_contracts(cursor, side, cursor.fetchall())
        return found[0] if found else None


def _cursor(side: Side) -> CursorWrapper:
    alias = ALIASES[side]
    if alias not in connections.databases:
        raise SideUnavailable(alias)
    return connections[alias].cursor()


def _columns(table: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


def _condition(side: Side, search: Search) -> tuple[str, str, list[Any]]:
    key = _KEYS[search.kind][0]
    source = "supply_point s"
    if search.kind not in _POINT_KINDS:
        source = f"{CONTRACTS[side]} c JOIN supply_point s ON s.id = c.supply_point_id"
    where, value = f"{key} = %s", search.key
    if search.match is not Match.EXACT:
        prefix = "%" if search.match is Match.INFIX else ""
        where, value = f"{key} LIKE %s", f"{prefix}{_escaped(search.key)}%"
    if search.own_only:
        where += " AND s.own"
    return source, where, [value]


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _position(cursor: CursorWrapper, side: Side, search: Search, number: str) -> tuple[str, str] | None:
    """Find a cursor's place again from the number alone, with the viewer's own rights."""
    if not number:
        return None
    source, _, _ = _condition(side, search)
    order = _KEYS[search.kind][1]
    cursor.execute(f"SELECT {order}, s.number FROM {source} WHERE s.number = %s", [number])
    found = cursor.fetchone()
    return (found[0], found[1]) if found else None


def _count(cursor: CursorWrapper, source: str, where: str, values: list[Any], limit: int) -> tuple[int, bool]:
    """Count exactly up to a limit; above it, take the planner's estimate to two digits."""
    cursor.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {where} LIMIT %s) few",
        [*values, limit + 1],
    )
    counted = int(cursor.fetchone()[0])
    if counted <= limit:
        return counted, True
    cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {source} WHERE {where}", values)
    plan = cursor.fetchone()[0]
    estimate = int((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"])
    return max(limit, _two_digits(estimate)), False


def _two_digits(number: int) -> int:
    step: int = 10 ** max(len(str(number)) - 2, 0)
    return number // step * step


def _with_contracts(cursor: CursorWrapper, side: Side, points: list[tuple[Any, ...]]) -> list[Found]:
    if not points:
        return []
    cursor.execute(
        f"SELECT c.supply_point_id, {_columns('c', _CONTRACT_COLUMNS)} FROM {CONTRACTS[side]} c"
        " WHERE c.supply_point_id = ANY(%s)",
        [[found[0] for found in points]],
    )
    contracts = {row[0]: dict(zip(_CONTRACT_COLUMNS, row[1:], strict=True)) for row in cursor.fetchall()}
    return [_found(row, contracts.get(row[0], {})) for row in points]


def _found(row: tuple[Any, ...], contract: dict[str, Any]) -> Found:
    point = dict(zip(_POINT_COLUMNS, row, strict=True))
    values = {
        "number": point["number"],
        "postal_code": point["postal_code"],
        "address": point["address"],
    }
    return Found(point["number"], bool(point["own"]), values | contract)
