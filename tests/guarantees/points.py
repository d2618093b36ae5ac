"""Supply points each of whose values occurs once in the world, so that a value seen anywhere tells whose it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from eigyo.exchange import ExchangeRow

VACANT = 10
LABELS = {"low": "低圧", "high": "高圧", "": ""}


def make_points(count: int) -> list[ExchangeRow]:
    """Make points, every second one own (自社分), every tenth one vacant."""
    return [_vacant(step) if step % VACANT == 0 else _point(step) for step in range(1, count + 1)]


def _point(step: int) -> ExchangeRow:
    high = step % 3 == 0
    return ExchangeRow(
        number=_number(step),
        holder_name=f"顧客{step:04}商店",
        holder_kana=f"コキャク{step:04}ショウテン",
        postal_code=_postal_code(step),
        address=_address(step),
        phone=f"022-{step:04}-4455",
        voltage_class="high" if high else "low",
        contract_capacity=5_000_111 + step * 1000,
        contract_capacity_unit="kW" if high else "kVA",
        load_capacity=6_000_222 + step * 1000,
        load_capacity_unit="kW",
        breaker_capacity=7_000_333 + step * 1000,
        breaker_capacity_unit="A",
        own=step % 2 == 0,
    )


def _vacant(step: int) -> ExchangeRow:
    nothing = ("", "", None, "", None, "", None, "")
    own = step % (2 * VACANT) == 0
    return ExchangeRow(_number(step), "", "", _postal_code(step), _address(step), *nothing, own)


def _number(step: int) -> str:
    return f"02{step:020}"


def _postal_code(step: int) -> str:
    return f"98{step:05}"


def _address(step: int) -> str:
    return f"宮城県仙台市青葉区国分町{step:04}番地"


@dataclass(frozen=True)
class Truth:
    """What a point's fields read when they are shown."""

    own: bool
    values: dict[str, str]

    @classmethod
    def of(cls, row: ExchangeRow) -> "Truth":
        plain = ("number", "holder_name", "holder_kana", "postal_code", "address", "phone")
        values = {name: getattr(row, name) for name in plain}
        values["voltage_class"] = LABELS[row.voltage_class]
        for name in ("contract_capacity", "load_capacity", "breaker_capacity"):
            values[name] = _quantity(getattr(row, name), getattr(row, f"{name}_unit"))
        return cls(row.own, values)

    def telling(self) -> Iterator[tuple[str, str]]:
        """The values, as pages and as programs spell them, that can belong to this point only."""
        for name, value in self.values.items():
            if value and name not in {"number", "voltage_class"}:
                yield name, value.rstrip("AVkW")
                yield name, value.rstrip("AVkW").replace(",", "")


def _quantity(amount: int | None, unit: str) -> str:
    return "" if amount is None else f"{Decimal(amount).scaleb(-3).normalize():,f}{unit}"
