"""The CSV in which a utility hands supply points and contracts over: reading, checking, keys.

UTF-8 (with or without BOM) or CP932, CRLF, header in Japanese. Names and addresses stay exactly
as received; capacities become integers in thousandths of their unit; every fault of a row is
reported at once, in words that say what to do. A clean row passes one regular expression; any
other row takes the slow path, which alone decides what is wrong.

Errors carry the cell they complain about, which may be a customer's value: show them only to
whoever sent the file, and keep them out of logs.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from audit.textfile import RowError, detect_encoding, split_rows
from eigyo.exchange_cells import (
    ADDRESS_LENGTH,
    CONTROL,
    KANA,
    KANA_LENGTH,
    NAME_LENGTH,
    PRIVATE,
    READERS,
    UNITS,
    VOLTAGE_CLASSES,
    control_faults,
    decimal,
    thousandths,
)

COLUMNS = MappingProxyType(
    {
        "供給地点特定番号": "number",
        "契約名義": "holder_name",
        "契約名義カナ": "holder_kana",
        "郵便番号": "postal_code",
        "供給地点住所": "address",
        "電話番号": "phone",
        "電圧区分": "voltage_class",
        "契約容量": "contract_capacity",
        "契約容量単位": "contract_capacity_unit",
        "負荷設備容量": "load_capacity",
        "負荷設備容量単位": "load_capacity_unit",
        "主開閉器容量": "breaker_capacity",
        "主開閉器容量単位": "breaker_capacity_unit",
        "自社": "own",
    }
)
HEADER = tuple(COLUMNS)
_VOLTAGE_LABELS = {code: label for label, code in VOLTAGE_CLASSES.items()}
_CONTRACT_COLUMNS = tuple(HEADER[position] for position in (1, 2, 5, *range(6, 13)))
_SHOWN_LENGTH = 100
_PRIVATE_USE = re.compile(f"[{PRIVATE}]")

_CLEAN_CAPACITY = r"(?:[0-9]{1,6}(?:\.[0-9]{1,3})?\t(?:%s)|\t)\t"
_CLEAN_ROW = re.compile(
    r"(02[0-9]{20})\t"
    rf"(?!\s+\t)([^{CONTROL}{PRIVATE}]{{1,{NAME_LENGTH}}})\t"
    rf"([{KANA.removesuffix(PRIVATE)}]{{0,{KANA_LENGTH}}})\t"
    r"([0-9]{3}-?[0-9]{4})\t"
    rf"(?!\s+\t)([^{CONTROL}{PRIVATE}]{{1,{ADDRESS_LENGTH}}})\t"
    r"((?:0(?:-?[0-9]){9,10})?)\t"
    rf"((?:{'|'.join(VOLTAGE_CLASSES)})\t"
    + "".join(_CLEAN_CAPACITY % "|".join(units) for units in UNITS.values())
    + r"[01])"
)


class ExchangeRow(NamedTuple):
    """One supply point with its contract, as checked.

    Texts are "" when absent, capacities None; `holder_name`, `holder_kana`, `address` and `phone`
    are exactly as received, `number` and `postal_code` are digits, `voltage_class` is low, high or
    extra_high, capacities are thousandths of the unit beside them (612.5 kW is 612500, "kW").
    """

    number: str
    holder_name: str
    holder_kana: str
    postal_code: str
    address: str
    phone: str
    voltage_class: str
    contract_capacity: int | None
    contract_capacity_unit: str
    load_capacity: int | None
    load_capacity_unit: str
    breaker_capacity: int | None
    breaker_capacity_unit: str
    own: bool

    @property
    def is_vacant(self) -> bool:
        """Return whether nobody has a contract here."""
        return not self.holder_name


def read_rows(stream: BinaryIO, *, encoding: str = "") -> Iterator[tuple[int, ExchangeRow | list[RowError]]]:
    """Yield the line number of each row with the row, or with all errors of it.

    `encoding` is what detect_encoding found; without it `stream` must be seekable and is read
    twice. Lines that are empty are passed over. Raises EncodingError or HeaderError before the
    first row.
    """
    encoding = encoding or detect_encoding(stream)
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    try:
        yield from read_lines(text)
    finally:
        text.detach()


def read_lines(lines: Iterable[str]) -> Iterator[tuple[int, ExchangeRow | list[RowError]]]:
    """Yield what read_rows yields, from decoded lines of which the first is the header."""
    for line, cells in split_rows(lines, HEADER):
        yield line, parse_row(cells, line)


def parse_row(cells: Sequence[str] | None, line: int) -> ExchangeRow | list[RowError]:
    """Return the row of cells in the order of HEADER, or all that is wrong; None is a line that
    cannot be split. Never raises."""
    if cells is None:
        return [RowError(line, "", "", '列に分けられません。引用符（"）の対応を確認してください。')]
    if clean := clean_cells(cells):
        return _row((*clean[:6], *clean[6].split("\t")))
    return _examine(cells, line)


def clean_cells(cells: Sequence[str]) -> tuple[str, ...] | None:
    """Return number to phone and, as one text with tabs, the rest of a row in which nothing is to be
    said or changed: no fault, no 外字, a contract. None for every other row."""
    clean = _CLEAN_ROW.fullmatch("\t".join(cells)) if len(cells) == len(HEADER) else None
    return clean.groups() if clean else None


def private_use(row: ExchangeRow) -> list[tuple[str, str]]:
    """Return column and code (U+E000) of every 外字: only the sender knows what it looks like."""
    if not _PRIVATE_USE.search(row.holder_name + row.holder_kana + row.address):
        return []
    texts = {
        "契約名義": row.holder_name,
        "契約名義カナ": row.holder_kana,
        "供給地点住所": row.address,
    }
    return [
        (column, f"U+{ord(character):04X}")
        for column, text in texts.items()
        for character in _PRIVATE_USE.findall(text)
    ]


def format_row(row: ExchangeRow) -> tuple[str, ...]:
    """Return the cells of a row in the order of HEADER; parse_row reads the same row back."""
    capacities = (
        decimal(row.contract_capacity),
        row.contract_capacity_unit,
        decimal(row.load_capacity),
        row.load_capacity_unit,
        decimal(row.breaker_capacity),
        row.breaker_capacity_unit,
    )
    voltage = _VOLTAGE_LABELS.get(row.voltage_class, "")
    return (*row[:6], voltage, *capacities, "1" if row.own else "0")


def _row(texts: Sequence[str]) -> ExchangeRow:
    voltage, contract, contract_unit, load, load_unit, breaker, breaker_unit, own = texts[6:]
    return ExchangeRow(
        texts[0],
        texts[1],
        texts[2],
        texts[3].replace("-", ""),
        texts[4],
        texts[5],
        VOLTAGE_CLASSES[voltage] if voltage else "",
        thousandths(contract),
        contract_unit,
        thousandths(load),
        load_unit,
        thousandths(breaker),
        breaker_unit,
        own == "1",
    )


def _examine(cells: Sequence[str], line: int) -> ExchangeRow | list[RowError]:
    if len(cells) != len(HEADER):
        message = f"列が{len(cells)}個あります。{len(HEADER)}個にしてください。"
        return [RowError(line, "", "", message)]
    given = dict(zip(HEADER, cells, strict=True))
    faults = {column: control_faults(cell) for column, cell in given.items()}
    plain = {column: READERS[column](cell, faults[column]) for column, cell in given.items()}
    if any(given[column].strip() for column in _CONTRACT_COLUMNS):
        _require_holder(plain, given, faults)
    else:
        plain |= dict.fromkeys(_CONTRACT_COLUMNS, "")
    for column, units in UNITS.items():
        _check_unit(column, units, plain, faults)
    errors = [
        RowError(line, column, given[column][:_SHOWN_LENGTH], message)
        for column, messages in faults.items()
        for message in messages
    ]
    return errors or _row(tuple(plain.values()))


def _require_holder(plain: dict[str, str], given: dict[str, str], faults: dict[str, list[str]]) -> None:
    if not plain["契約名義"].strip():
        faults["契約名義"].append(
            "契約名義を入力してください。契約のない供給地点なら、契約の列をすべて空にしてください。"
        )
    if not given["電圧区分"].strip():
        faults["電圧区分"].append(f"{'・'.join(VOLTAGE_CLASSES)}のいずれかを入力してください。")


def _check_unit(
    column: str, units: tuple[str, ...], plain: dict[str, str], faults: dict[str, list[str]]
) -> None:
    value, unit = plain[column], plain[f"{column}単位"]
    choices = "・".join(units)
    if unit and unit not in units:
        faults[f"{column}単位"].append(f"単位は{choices}のいずれかにしてください。")
    elif value and not unit:
        faults[f"{column}単位"].append(f"{column}があるので、単位（{choices}）を入力してください。")
    elif unit and not value:
        faults[column].append(f"単位があるので、{column}を入力するか、単位を空にしてください。")
