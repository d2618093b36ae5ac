"""参考1: which item each side may see. One source for database grants, masks and the documentation.

Pure. Source: notice of 2023-01-27, 参考1 (seven rows). Anything not listed is seen by nobody.
"""

import hashlib
from enum import StrEnum

from accesscontrol.clearance import Clearance, Level, Side


class Rule(StrEnum):
    """What a side may see of an item: of all points, of own points only (自社分のみ), never."""

    ALL = "all"
    OWN = "own"
    NEVER = "never"


class Item(StrEnum):
    """The seven rows of 参考1."""

    NUMBER = "供給地点特定番号"
    HOLDER = "契約名義"
    ADDRESS = "供給地点住所"
    PHONE = "電話番号"
    CAPACITY = "契約容量・負荷設備容量・主開閉器容量"
    RETAILER = "契約先小売電気事業者"
    WHEELING = "託送契約情報"


MATRIX: dict[Item, dict[Side, Rule]] = {
    Item.NUMBER: {Side.NW: Rule.ALL, Side.RETAIL: Rule.ALL},
    Item.HOLDER: {Side.NW: Rule.ALL, Side.RETAIL: Rule.OWN},
    Item.ADDRESS: {Side.NW: Rule.ALL, Side.RETAIL: Rule.ALL},
    Item.PHONE: {Side.NW: Rule.ALL, Side.RETAIL: Rule.OWN},
    Item.CAPACITY: {Side.NW: Rule.ALL, Side.RETAIL: Rule.OWN},
    Item.RETAILER: {Side.NW: Rule.NEVER, Side.RETAIL: Rule.NEVER},
    Item.WHEELING: {Side.NW: Rule.NEVER, Side.RETAIL: Rule.NEVER},
}

# Which row of 参考1 governs each field of a record (docs/adr/0004: kana, postal code, voltage class).
FIELDS: dict[str, Item] = {
    "number": Item.NUMBER,
    "holder_name": Item.HOLDER,
    "holder_kana": Item.HOLDER,
    "postal_code": Item.ADDRESS,
    "address": Item.ADDRESS,
    "phone": Item.PHONE,
    "voltage_class": Item.CAPACITY,
    "contract_capacity": Item.CAPACITY,
    "load_capacity": Item.CAPACITY,
    "breaker_capacity": Item.CAPACITY,
}

VERSION = hashlib.sha256(
    repr([(item.name, sorted(row.items())) for item, row in MATRIX.items()]).encode()
    + repr(sorted((field, item.name) for field, item in FIELDS.items())).encode()
).hexdigest()[:12]


def rule(field: str, side: Side) -> Rule:
    """Return the rule of a field for a side; NEVER for a field or side that is not listed."""
    item = FIELDS.get(field)
    return MATRIX[item].get(side, Rule.NEVER) if item else Rule.NEVER


def shows(field: str, clearance: Clearance, *, own: bool) -> bool:
    """Tell whether a field of a point may be shown. `own` is 自社分; unknown must be passed as False."""
    if not clearance.shows_customers or clearance.level is not Level.FULL:
        return False
    allowed = rule(field, clearance.side)
    return allowed is Rule.ALL or (allowed is Rule.OWN and own)


def fields_under(wanted: Rule, side: Side) -> tuple[str, ...]:
    """Return the fields a side sees under a rule, in the order of FIELDS."""
    return tuple(field for field in FIELDS if rule(field, side) is wanted)
