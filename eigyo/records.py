"""What leaves the read door: plain values for pages and the API, never a model."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from accesscontrol.disclosure import WITHHELD, Disclosed, Withheld
from eigyo.choices import VoltageClass
from eigyo.interpretation import Search

CAPACITIES = ("contract_capacity", "load_capacity", "breaker_capacity")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A capacity with its unit (A, kVA or kW), up to three decimals."""

    amount: Decimal
    unit: str

    def __str__(self) -> str:
        return f"{self.amount:,f} {self.unit}"


@dataclass(frozen=True, slots=True)
class Record:
    """A disclosed supply point. `fields` holds a value, None (nothing recorded) or WITHHELD."""

    number: str
    own: bool
    fields: dict[str, Any]
    masked: bool
    logged_at: datetime
    log_number: int

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the number in its groups 2-4-4-4-4-4."""
        return groups(self.number)


@dataclass(frozen=True, slots=True)
class Results:
    """A page of disclosed rows with its count; `after` and `before` are cursors or empty."""

    search: Search
    records: list[Record]
    count: int
    exact: bool
    after: str
    before: str

    @property
    def count_label(self) -> str:
        """Return the count in words: exact, or that there are more."""
        return f"{self.count:,}件" if self.exact else f"{self.count:,}件を超える"


def groups(number: str) -> tuple[str, ...]:
    """Return a supply point number in the groups people read it in: 2-4-4-4-4-4."""
    return (number[:2], *(number[start : start + 4] for start in range(2, len(number), 4)))


def record(disclosed: Disclosed) -> Record:
    """Turn disclosed values into what pages and the API show."""
    fields = {name: _shown(name, value, disclosed) for name, value in disclosed.values.items()}
    return Record(
        disclosed.point,
        disclosed.own,
        fields,
        disclosed.masked,
        disclosed.logged_at,
        disclosed.log_number,
    )


def _shown(name: str, value: Any, disclosed: Disclosed) -> Any:
    if value is WITHHELD or isinstance(value, Withheld):
        return WITHHELD
    if value in (None, ""):
        return None
    if isinstance(value, Quantity):
        return value
    return VoltageClass(value).label if name == "voltage_class" else value


def quantity(amount: int | None, unit: str | None) -> Quantity | None:
    """Turn thousandths of a unit into a quantity."""
    if amount is None or not unit:
        return None
    return Quantity(Decimal(amount).scaleb(-3).normalize() + 0, unit)
