"""Database grants of the two sides, generated from accesscontrol.policy.MATRIX.

The columns of each field, and from them the exact GRANT statements; a test compares the live
catalogue with `expected()`. A change of the matrix needs a migration that runs `statements()` and
keeps their `fingerprint()` as GRANTED, or databases that exist would keep the old grants.
"""

import hashlib

from accesscontrol.clearance import Side
from accesscontrol.policy import FIELDS, Rule, rule

ROLES = {Side.NW: "eigyo_nw", Side.RETAIL: "eigyo_retail"}

# Field → relation of its tier and the columns that hold it (with the keys it is found by).
POINT_COLUMNS: dict[str, tuple[str, ...]] = {
    "number": ("number",),
    "postal_code": ("postal_code",),
    "address": ("address", "address_key"),
}
CONTRACT_COLUMNS: dict[str, tuple[str, ...]] = {
    "holder_name": ("holder_name", "name_key"),
    "holder_kana": ("holder_kana", "kana_key"),
    "phone": ("phone", "phone_key"),
    "voltage_class": ("voltage_class",),
    "contract_capacity": ("contract_capacity", "contract_capacity_unit"),
    "load_capacity": ("load_capacity", "load_capacity_unit"),
    "breaker_capacity": ("breaker_capacity", "breaker_capacity_unit"),
}
POINT_STRUCTURE = ("number", "own")
CONTRACT_STRUCTURE = ("number",)
CONTRACT_RELATION = {Rule.ALL: "contract", Rule.OWN: "contract_own"}


def expected(side: Side) -> dict[str, frozenset[str]]:
    """Return relation → columns a side may SELECT; nothing else of schema eigyo may be readable."""
    columns: dict[str, set[str]] = {"supply_point": set(POINT_STRUCTURE)}
    for field in FIELDS:
        allowed = rule(field, side)
        if field in POINT_COLUMNS and allowed is Rule.ALL:
            columns["supply_point"].update(POINT_COLUMNS[field])
        elif field in CONTRACT_COLUMNS and allowed in CONTRACT_RELATION:
            relation = CONTRACT_RELATION[allowed]
            columns.setdefault(relation, set(CONTRACT_STRUCTURE)).update(CONTRACT_COLUMNS[field])
    return {relation: frozenset(found) for relation, found in columns.items()}


def statements() -> list[str]:
    """Return the statements that bring the catalogue to `expected()`, whatever it was before."""
    relations = ("supply_point", "contract", "contract_own", "contract_other")
    made = []
    for side, role in ROLES.items():
        made += [f"REVOKE ALL ON eigyo.{relation} FROM {role}" for relation in relations]
        made += [
            f"GRANT SELECT ({', '.join(sorted(columns))}) ON eigyo.{relation} TO {role}"
            for relation, columns in sorted(expected(side).items())
        ]
    return made


def fingerprint() -> str:
    """Return what the statements amount to; the latest migration that ran them has it written down."""
    return hashlib.sha256("\n".join(statements()).encode()).hexdigest()[:12]
