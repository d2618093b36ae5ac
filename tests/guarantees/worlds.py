"""Two worlds that differ only in what a viewer may not see, by policy.MATRIX and the viewer's clearance.

What may differ: values, whether there is a contract at all, the order in which rows came and lie on
disk, and what a point was before (another's point that was own once). For a viewer who may see no
customer information everything differs, the points themselves included.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cache
from itertools import count, permutations
from random import Random
from typing import Any

import psycopg

from accesscontrol import policy
from accesscontrol.clearance import Clearance
from eigyo.search_keys import address_key, kana_key, name_key, phone_key

NUMBERS = tuple(f"02100000000000000000{tail}" for tail in ("01", "02", "03", "10", "11", "12"))
POSTAL_CODES = ("980-0811", "020-0021")
ADDRESSES = (
    "宮城県仙台市青葉区一番町二丁目3番1号",
    "宮城県仙台市青葉区一番町二丁目3番1号",  # twice: rows that tie
    "宮城県仙台市青葉区一番町二丁目3番10号",
    "岩手県盛岡市中央通三丁目1番2号",
    "岩手県盛岡市中央通％_\\'三丁目",
)
NAMES = (
    *(
        f"{family}　{given}"
        for family in ("佐藤", "髙橋", "高橋", "秘密", "鈴木")
        for given in ("花子", "太郎", "一")
    ),
    "佐藤",
    "佐藤花子商店",
    "株式会社機密冷蔵",
    "％_\\'太郎",
    "021",
)
KANA = (
    *(
        f"{family}　{given}"
        for family in ("サトウ", "タカハシ", "ヒミツ", "スズキ")
        for given in ("ハナコ", "タロウ", "ハジメ")
    ),
    "サトウ",
    "ｻﾄｳ ﾊﾅｺｼﾖｳﾃﾝ",
    "カブシキガイシヤキミツ",
    "%_",
)
PHONES = (*(f"022-0{step:02}-34{step:02}" for step in range(1, 18)), "0220013401", "019-000-0001", "")
VOLTAGES = ("low", "high", "extra_high")
CONTRACTED = ((30000, "A"), (40000, "A"), (480000, "kW"), (6000, "kVA"), (None, ""))
LOADS = ((612500, "kW"), (7000, "kVA"), (None, ""))
BREAKERS = ((30000, "A"), (200000, "A"), (None, ""))


@dataclass(frozen=True)
class Contract:
    """The protected values of a point, named as policy.FIELDS names them."""

    holder_name: str
    holder_kana: str
    phone: str
    voltage_class: str
    contract_capacity: tuple[int | None, str]
    load_capacity: tuple[int | None, str]
    breaker_capacity: tuple[int | None, str]


POOLS = dict(
    zip(
        (field.name for field in fields(Contract)),
        (NAMES, KANA, PHONES, VOLTAGES, CONTRACTED, LOADS, BREAKERS),
        strict=True,
    )
)


@dataclass(frozen=True)
class Past:
    """What a point was before: own or not, with the contract of then."""

    own: bool
    contract: Contract | None


_ONCE = tuple(Contract(*(pool[step % len(pool)] for pool in POOLS.values())) for step in range(3))
PASTS = (
    None,
    None,
    None,
    Past(own=False, contract=None),
    Past(own=True, contract=None),
    *tuple(Past(own, contract) for own in (True, False) for contract in _ONCE),
)
_EITHER = (False, False, True)
_MAYBE = (True, True, False)


@dataclass(frozen=True)
class Point:
    """A point as it is now."""

    number: str
    postal_code: str
    address: str
    own: bool
    contract: Contract | None
    past: Past | None = None


World = tuple[Point, ...]
Cell = tuple[str, str]  # the name of a field and the text of its value


@dataclass(frozen=True)
class Pair:
    """Two worlds a viewer must not be able to tell apart."""

    one: World
    other: World

    @property
    def hidden(self) -> list[Cell]:
        """Return the cells that differ, of either world: what a curious viewer would search for."""
        here, there = (_cells(world) for world in (self.one, self.other))
        return sorted({(name, text) for _, name, text in here ^ there if text})

    @property
    def visible(self) -> list[Cell]:
        """Return the cells that both worlds have."""
        here, there = (_cells(world) for world in (self.one, self.other))
        return sorted({(name, text) for _, name, text in here & there if text})


def some_pair(random: Random, clearance: Clearance) -> Pair:
    """Make up two worlds that agree on everything this clearance may see."""
    return _pair(random.choice, clearance, slots=random.randint(3, len(NUMBERS)))


def opposites(clearance: Clearance) -> Pair:
    """Return two full worlds in which everything hidden differs, always the same ones."""
    turn = count()
    return _pair(lambda pool: pool[next(turn) % len(pool)], clearance, slots=len(NUMBERS))


Choose = Callable[[Sequence], Any]


def _pair(choose: Choose, clearance: Clearance, *, slots: int) -> Pair:
    made = [_point(choose, number, clearance) for number in NUMBERS[:slots]]
    one, other = (
        tuple(made[place][side] for place in choose(_orders(slots)) if made[place][side]) for side in (0, 1)
    )
    return Pair(one, other)


@cache
def _orders(slots: int) -> list[tuple[int, ...]]:
    return list(permutations(range(slots)))


def _point(choose: Choose, number: str, clearance: Clearance) -> tuple[Point | None, Point | None]:
    """The same slot in both worlds. The own flag is visible to whoever may see the number."""

    def shows(field: str, *, own: bool = False) -> bool:
        return policy.shows(field, clearance, own=own)

    seen = shows("number")
    there = (True, True) if seen else (choose(_MAYBE), choose(_MAYBE))
    owned = _two(choose, _EITHER, same=seen)
    postal_codes = _two(choose, POSTAL_CODES, same=shows("postal_code"))
    addresses = _two(choose, ADDRESSES, same=shows("address"))
    shown = {name: seen and shows(name, own=owned[0]) for name in POOLS}
    contracts = _contracts(choose, shown)
    made = [
        Point(number, postal_codes[side], addresses[side], owned[side], contracts[side], choose(PASTS))
        if there[side]
        else None
        for side in (0, 1)
    ]
    return made[0], made[1]


def _contracts(choose: Choose, shown: dict[str, bool]) -> tuple[Contract | None, Contract | None]:
    present = _two(choose, _MAYBE, same=any(shown.values()))
    values = {name: _two(choose, pool, same=shown[name]) for name, pool in POOLS.items()}
    one, other = (
        Contract(**{name: drawn[side] for name, drawn in values.items()}) if present[side] else None
        for side in (0, 1)
    )
    return one, other


def _two(choose: Choose, pool: Sequence, *, same: bool):
    chosen = choose(pool)
    return chosen, chosen if same else choose(pool)


def _cells(world: World) -> set[tuple[str, str, str]]:
    return {(point.number, name, text) for point in world for name, text in _texts(point)}


def _texts(point: Point) -> Iterator[Cell]:
    yield "number", point.number
    yield "address", point.address
    for contract in (point.contract, point.past.contract if point.past else None):
        if contract is not None:
            yield "name", contract.holder_name
            yield "kana", contract.holder_kana
            yield "phone", contract.phone
            yield "capacity", str((contract.contract_capacity[0] or 0) // 1000)


def load(hand: psycopg.Connection, world: World) -> None:
    """Put a world in the place of what is there, past first, as the owner of the tables."""
    with hand.pipeline(), hand.transaction():
        hand.execute("DELETE FROM eigyo.contract")
        hand.execute("DELETE FROM eigyo.supply_point")
        for point in world:
            first = point.past or Past(point.own, point.contract)
            _insert_point(hand, point, own=first.own)
            if first.contract is not None:
                _insert_contract(hand, point.number, first.own, first.contract)
        for point in world:
            if point.past is not None:
                _become(hand, point, point.past)


def _become(hand: psycopg.Connection, point: Point, past: Past) -> None:
    hand.execute("UPDATE eigyo.supply_point SET own = %s WHERE number = %s", [point.own, point.number])
    if point.contract is None:
        hand.execute("DELETE FROM eigyo.contract WHERE number = %s", [point.number])
    elif past.contract is None:
        _insert_contract(hand, point.number, point.own, point.contract)
    else:
        sets = ", ".join(f"{name} = %s" for name in _COLUMNS)
        hand.execute(
            f"UPDATE eigyo.contract SET own = %s, {sets} WHERE number = %s",
            [point.own, *_stored(point.contract), point.number],
        )


def _insert_point(hand: psycopg.Connection, point: Point, *, own: bool) -> None:
    hand.execute(
        "INSERT INTO eigyo.supply_point (number, postal_code, address, address_key, own) VALUES (%s, %s, %s, %s, %s)",
        [point.number, point.postal_code, point.address, _key(address_key, point.address), own],
    )


_COLUMNS = (
    *("holder_name", "holder_kana", "phone", "voltage_class", "name_key", "kana_key", "phone_key"),
    *("contract_capacity", "contract_capacity_unit", "load_capacity", "load_capacity_unit"),
    *("breaker_capacity", "breaker_capacity_unit"),
)


def _insert_contract(hand: psycopg.Connection, number: str, own: bool, contract: Contract) -> None:
    hand.execute(
        f"INSERT INTO eigyo.contract (number, own, {', '.join(_COLUMNS)})"
        f" VALUES (%s, %s, {', '.join(['%s'] * len(_COLUMNS))})",
        [number, own, *_stored(contract)],
    )


def _stored(contract: Contract) -> list[object]:
    name, kana, phone, voltage, *capacities = astuple(contract)
    keys = (_key(name_key, name), _key(kana_key, kana), _key(phone_key, phone))
    return [name, kana, phone, voltage, *keys, *(part for capacity in capacities for part in capacity)]


@cache
def _key(fold, text: str) -> str:
    return fold(text)
