"""The CSV in which a utility hands supply points and contracts over: reading, checking, keys.

UTF-8 (with or without BOM) or CP932, CRLF, header in Japanese. Names and addresses stay exactly
as received; capacities become integers in thousandths of their unit; every fault of a row is
reported at once, in words that say what to do. A clean row passes one regular expression; any
other row takes the slow path, which alone decides what is wrong. Rules: research/domain.md A3,
A4, D1, D2.

Errors carry the cell they complain about, which may be a customer's value: show them only to
whoever sent the file, and keep them out of logs.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from eigyo.search_keys import DASHES, address_key, kana_key, name_key, phone_key

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
VOLTAGE_CLASSES = MappingProxyType({"特別高圧": "extra_high", "高圧": "high", "低圧": "low"})
NAME_LENGTH = 100
KANA_LENGTH = 200
ADDRESS_LENGTH = 200
PHONE_LENGTH = 30
CAPACITY_LIMIT = 2_147_483_647  # thousandths; the largest PostgreSQL integer

_UNITS = {
    "契約容量": ("A", "kVA", "kW"),
    "負荷設備容量": ("kVA", "kW"),
    "主開閉器容量": ("A",),
}
_UNIT_SPELLINGS = {"a": "A", "kva": "kVA", "kw": "kW", "㎾": "kW"}
_OWN = {"1": "1", "0": "0", "自社": "1", "他社": "0"}
_VOLTAGE_LABELS = {code: label for label, code in VOLTAGE_CLASSES.items()}
_CONTRACT_COLUMNS = tuple(HEADER[position] for position in (1, 2, 5, *range(6, 13)))
_SHOWN_LENGTH = 100

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HALF_WIDTH |= dict.fromkeys(map(ord, DASHES), ord("-")) | {0x3000: ord(" "), 0xFF70: ord("-")}
_NUMBER_BLANKS = str.maketrans("", "", "- ")

_PRIVATE = "\ue000-\uf8ff\U000f0000-\U0010ffff"
_CONTROL = "\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_KANA = "ぁ-ゖ゛-ヿｦ-ﾟ -~！-～　-〃「-〟‐-―‘-”…−｡-･￠-￦¥№" + _PRIVATE
_PRIVATE_USE = re.compile(f"[{_PRIVATE}]")
_FORBIDDEN = re.compile(f"[{_CONTROL}]")
_NOT_KANA = re.compile(f"[^{_KANA}]")
_NUMBER = re.compile("02[0-9]{20}")
_EXPONENT = re.compile(r"[0-9]+(?:\.[0-9]+)?[Ee]\+?[0-9]+")
_POSTAL_CODE = re.compile("([0-9]{3})-?([0-9]{4})")
_PHONE_SHAPE = re.compile(r"[+0-9() .-]+")
_PHONE_DIGITS = re.compile("0[0-9]{9,10}")
_CAPACITY = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?")
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")

_CLEAN_CAPACITY = r"(?:([0-9]{1,6}(?:\.[0-9]{1,3})?)\t(%s)|\t)\t"
_CLEAN_ROW = re.compile(
    r"(02[0-9]{20})\t"
    rf"(?!\s+\t)([^{_CONTROL}]{{1,{NAME_LENGTH}}})\t"
    rf"([{_KANA}]{{0,{KANA_LENGTH}}})\t"
    r"([0-9]{3}-?[0-9]{4})\t"
    rf"(?!\s+\t)([^{_CONTROL}]{{1,{ADDRESS_LENGTH}}})\t"
    r"((?:0(?:-?[0-9]){9,10})?)\t"
    rf"({'|'.join(VOLTAGE_CLASSES)})\t"
    + "".join(_CLEAN_CAPACITY % "|".join(units) for units in _UNITS.values())
    + r"([01])"
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
        """Whether nobody has a contract here."""
        return not self.holder_name


class RowError(NamedTuple):
    """What is wrong with one cell; `column` is the header, or "" for the row as a whole."""

    line: int
    column: str
    value: str
    message: str


class ExchangeError(ValueError):
    """The file as a whole cannot be read; its text is for the user."""


class HeaderError(ExchangeError):
    """The first line does not name the columns."""


class EncodingError(ExchangeError):
    """The bytes are neither UTF-8 nor CP932 from `offset` (bytes from 0), on `line` (from 1)."""

    def __init__(self, message: str, *, offset: int, line: int) -> None:
        super().__init__(message)
        self.offset = offset
        self.line = line


STAGED_COLUMNS = (*ExchangeRow._fields, "name_key", "kana_key", "phone_key", "address_key")


def read_rows(stream: BinaryIO) -> Iterator[tuple[int, ExchangeRow | list[RowError]]]:
    """Line number and row, or line number and all errors of that row, for each row of the file.

    `stream` must be seekable: it is read once to find its encoding and once for the rows. Lines
    that are empty are passed over. Raises EncodingError or HeaderError before the first row.
    """
    text = io.TextIOWrapper(stream, encoding=detect_encoding(stream), newline="")
    try:
        reader = csv.reader(text, strict=True)
        yield from _rows_after_header(reader)
    finally:
        text.detach()


def _rows_after_header(
    reader: "csv._reader",
) -> Iterator[tuple[int, ExchangeRow | list[RowError]]]:
    try:
        order = column_order(next(reader, []))
    except csv.Error as error:
        raise HeaderError("1行目を列名の行として読めません。引用符を確認してください。") from error
    rearranged = None if order == tuple(range(len(HEADER))) else itemgetter(*order)
    width = len(HEADER)
    while True:
        line = reader.line_num + 1
        try:
            cells: Sequence[str] = next(reader)
        except StopIteration:
            return
        except csv.Error:
            message = '引用符（"）の対応が正しくありません。この行の引用符を確認してください。'
            yield line, [RowError(line, "", "", message)]
            continue
        if not cells:
            continue
        if rearranged is not None and len(cells) == width:
            cells = rearranged(cells)
        yield line, parse_row(cells, line)


def detect_encoding(stream: BinaryIO) -> str:
    """`utf-8-sig`, `utf-8` or `cp932`; the stream is left where it was found.

    BOM means UTF-8; else all bytes must be strict UTF-8; else all must be CP932. Python's
    shift_jis is never used: it has neither 髙 nor ㈱. Raises EncodingError at the byte that the
    better of the two readings cannot pass.
    """
    start = stream.tell()
    head = stream.read(3)
    stream.seek(start)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise EncodingError(
            "UTF-16の文字コードです。UTF-8またはCP932（Shift_JIS）で保存し直してください。",
            offset=0,
            line=1,
        )
    bom = head == b"\xef\xbb\xbf"
    furthest = (0, 1)
    for encoding in ("utf-8-sig",) if bom else ("utf-8", "cp932"):
        failure = _first_undecodable(stream, encoding)
        stream.seek(start)
        if failure is None:
            return encoding
        furthest = max(furthest, failure)
    offset, line = furthest
    raise EncodingError(
        f"{line}行目（先頭から{offset}バイト目）に読めない文字があります。"
        "UTF-8またはCP932（Shift_JIS）で保存し直してください。",
        offset=offset,
        line=line,
    )


def _first_undecodable(stream: BinaryIO, encoding: str) -> tuple[int, int] | None:
    offset = 0
    for line, content in enumerate(stream, start=1):
        try:
            content.decode(encoding if line == 1 else encoding.removesuffix("-sig"))
        except UnicodeDecodeError as error:
            return offset + error.start, line
        offset += len(content)
    return None


def column_order(header: Sequence[str]) -> tuple[int, ...]:
    """Where each column of HEADER stands in this header; any order will do.

    Raises HeaderError naming every column that is missing, unknown or there twice.
    """
    names = [name.strip() for name in header]
    faults = {
        "ない列": [name for name in HEADER if name not in names],
        "知らない列": [name or "（空欄）" for name in names if name not in COLUMNS],
        "重複した列": [name for name in HEADER if names.count(name) > 1],
    }
    if any(faults.values()):
        found = "、".join(
            f"{fault}：{'・'.join(columns)}" for fault, columns in faults.items() if columns
        )
        raise HeaderError(
            f"1行目の列名が正しくありません（{found[:500]}）。"
            f"次の{len(HEADER)}列にしてください：{','.join(HEADER)}"
        )
    return tuple(names.index(name) for name in HEADER)


def parse_row(cells: Sequence[str], line: int) -> ExchangeRow | list[RowError]:
    """The row, from cells in the order of HEADER, or all that is wrong with it. Never raises."""
    clean = _CLEAN_ROW.fullmatch("\t".join(cells))
    return _row(*clean.groups("")) if clean else _examine(cells, line)


def copy_values(row: ExchangeRow) -> tuple[str | int | bool | None, ...]:
    """The row with its search keys in the order of STAGED_COLUMNS, for COPY."""
    return (
        *row,
        name_key(row.holder_name),
        kana_key(row.holder_kana),
        phone_key(row.phone),
        address_key(row.address),
    )


def private_use(row: ExchangeRow) -> list[tuple[str, str]]:
    """Column and code (U+E000) of every 外字: nobody but the sender knows what it looks like."""
    texts = row[1], row[2], row[4]
    if not _PRIVATE_USE.search("".join(texts)):
        return []
    return [
        (column, f"U+{ord(character):04X}")
        for column, text in zip(("契約名義", "契約名義カナ", "供給地点住所"), texts, strict=True)
        for character in _PRIVATE_USE.findall(text)
    ]


def format_row(row: ExchangeRow) -> tuple[str, ...]:
    """The cells of a row in the order of HEADER; parse_row reads them back to the same row."""
    capacities = (
        _decimal(row.contract_capacity),
        row.contract_capacity_unit,
        _decimal(row.load_capacity),
        row.load_capacity_unit,
        _decimal(row.breaker_capacity),
        row.breaker_capacity_unit,
    )
    voltage = _VOLTAGE_LABELS.get(row.voltage_class, "")
    return (*row[:6], voltage, *capacities, "1" if row.own else "0")


def neutralise(cell: str) -> str:
    """The cell as a spreadsheet shows it without running it: a leading apostrophe if need be.

    For files that people open, never for the exchange itself. No exception is made for what looks
    like a plain number: nothing here is rightly negative, "+81-22-…" would be computed as a sum,
    and an exception for numbers is how "-2+3+cmd|…" gets in. Telephones begin with 0 and stay.
    Rule: OWASP, CSV Injection.
    """
    return "'" + cell if cell.startswith(_FORMULA_STARTS) else cell


def _row(
    number: str,
    holder_name: str,
    holder_kana: str,
    postal_code: str,
    address: str,
    phone: str,
    voltage: str,
    contract: str,
    contract_unit: str,
    load: str,
    load_unit: str,
    breaker: str,
    breaker_unit: str,
    own: str,
) -> ExchangeRow:
    return ExchangeRow(
        number,
        holder_name,
        holder_kana,
        postal_code.replace("-", ""),
        address,
        phone,
        VOLTAGE_CLASSES[voltage] if voltage else "",
        _thousandths(contract),
        contract_unit,
        _thousandths(load),
        load_unit,
        _thousandths(breaker),
        breaker_unit,
        own == "1",
    )


def _examine(cells: Sequence[str], line: int) -> ExchangeRow | list[RowError]:
    if len(cells) != len(HEADER):
        message = f"列が{len(cells)}個あります。{len(HEADER)}個にしてください。"
        return [RowError(line, "", "", message)]
    given = dict(zip(HEADER, cells, strict=True))
    faults = {column: _forbidden(cell) for column, cell in given.items()}
    plain = {column: _READERS[column](cell, faults[column]) for column, cell in given.items()}
    if any(given[column].strip() for column in _CONTRACT_COLUMNS):
        _require_holder(plain, given, faults)
    else:
        plain |= dict.fromkeys(_CONTRACT_COLUMNS, "")
    for column, units in _UNITS.items():
        _check_unit(column, units, plain, faults)
    errors = [
        RowError(line, column, given[column][:_SHOWN_LENGTH], message)
        for column, messages in faults.items()
        for message in messages
    ]
    return errors or _row(*plain.values())


def _require_holder(
    plain: dict[str, str], given: dict[str, str], faults: dict[str, list[str]]
) -> None:
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


def _forbidden(cell: str) -> list[str]:
    codes = dict.fromkeys(f"U+{ord(character):04X}" for character in _FORBIDDEN.findall(cell))
    if not codes:
        return []
    return [f"使えない制御文字（{'・'.join(list(codes)[:5])}）があります。取り除いてください。"]


def _read_number(cell: str, faults: list[str]) -> str:
    text = _half_width(cell)
    number = text.translate(_NUMBER_BLANKS)
    if _EXPONENT.fullmatch(text):
        faults.append(
            "表計算ソフトが指数に変えた番号です。桁が失われているので、"
            "この列を文字列にして元のデータから出力し直してください。"
        )
    elif not _NUMBER.fullmatch(number):
        faults.append("02で始まる22桁の数字で入力してください。")
    return number


def _read_name(cell: str, faults: list[str]) -> str:
    if len(cell) > NAME_LENGTH:
        faults.append(f"{NAME_LENGTH}文字以内にしてください（{len(cell)}文字あります）。")
    return cell


def _read_kana(cell: str, faults: list[str]) -> str:
    if others := "".join(dict.fromkeys(_NOT_KANA.findall(_FORBIDDEN.sub("", cell)))):
        faults.append(f"カナ・英数字・記号で入力してください（使えない文字：{others[:10]}）。")
    if len(cell) > KANA_LENGTH:
        faults.append(f"{KANA_LENGTH}文字以内にしてください（{len(cell)}文字あります）。")
    return cell


def _read_postal_code(cell: str, faults: list[str]) -> str:
    text = _half_width(cell)
    if not _POSTAL_CODE.fullmatch(text):
        faults.append("7桁の数字で入力してください（例：980-0811）。")
    return text


def _read_address(cell: str, faults: list[str]) -> str:
    if not cell.strip():
        faults.append("供給地点住所を入力してください。")
    if len(cell) > ADDRESS_LENGTH:
        faults.append(f"{ADDRESS_LENGTH}文字以内にしてください（{len(cell)}文字あります）。")
    return cell


def _read_phone(cell: str, faults: list[str]) -> str:
    if not cell.strip():
        return ""
    shaped = len(cell) <= PHONE_LENGTH and _PHONE_SHAPE.fullmatch(_half_width(cell))
    if not (shaped and _PHONE_DIGITS.fullmatch(phone_key(cell))):
        faults.append("0で始まる10桁か11桁の番号を入力するか、空にしてください。")
    return cell


def _read_voltage(cell: str, faults: list[str]) -> str:
    text = cell.strip()
    if text and text not in VOLTAGE_CLASSES:
        faults.append(f"{'・'.join(VOLTAGE_CLASSES)}のいずれかを入力してください。")
    return text


def _read_capacity(cell: str, faults: list[str]) -> str:
    text = _half_width(cell)
    if not text:
        return ""
    if not _CAPACITY.fullmatch(text):
        faults.append("0以上の数字（小数は3桁まで、桁区切りなし）で入力してください。")
    elif (_thousandths(text) or 0) > CAPACITY_LIMIT:
        faults.append(f"{CAPACITY_LIMIT // 1000}以下の数字で入力してください。")
    return text


def _read_unit(cell: str, _faults: list[str]) -> str:
    text = _half_width(cell)
    return _UNIT_SPELLINGS.get(text.lower(), text)


def _read_own(cell: str, faults: list[str]) -> str:
    text = _half_width(cell)
    if text not in _OWN:
        faults.append("1（自社）か0（他社）を入力してください。")
    return _OWN.get(text, text)


_READERS: dict[str, Callable[[str, list[str]], str]] = dict(
    zip(
        HEADER,
        (
            _read_number,
            _read_name,
            _read_kana,
            _read_postal_code,
            _read_address,
            _read_phone,
            _read_voltage,
            *(_read_capacity, _read_unit) * len(_UNITS),
            _read_own,
        ),
        strict=True,
    )
)


def _half_width(cell: str) -> str:
    return cell.translate(_HALF_WIDTH).strip()


@lru_cache(maxsize=65536)
def _thousandths(text: str) -> int | None:
    """612.5 → 612500; "" → None."""
    if not text:
        return None
    whole, _, fraction = text.partition(".")
    return int(whole) * 1000 + int(fraction.ljust(3, "0"))


def _decimal(thousandths: int | None) -> str:
    """612500 → 612.5; None → ""."""
    if thousandths is None:
        return ""
    whole, fraction = divmod(thousandths, 1000)
    return f"{whole}.{fraction:03}".rstrip("0").rstrip(".")
