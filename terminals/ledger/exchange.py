"""端末配備先情報 as its contractor hands it over: reading, checking and writing the CSV. Pure.

UTF-8 (with or without BOM) or CP932, CRLF or LF, header in Japanese in any order. Numbers and codes
become half-width, the room stays exactly as received; every fault of a row is reported at once, in
words that say what to do. What `write` writes, `read_rows` reads back.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache, partial
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from audit.cells import guard, neutralise, unguard
from audit.textfile import RowError, Unreadable, split_rows

NUMBER, ASSET, SERIAL, LU, STATE = "端末番号", "資産番号", "製造番号", "LU名", "状態"
HOLDER, BUILDING, FLOOR, ROOM = "配備先コード", "建物コード", "階", "室・区画"
USER, DEPLOYED, RETURNED = "使用者職員番号", "配備日", "返却日"
HEADER = (NUMBER, ASSET, SERIAL, LU, STATE, HOLDER, BUILDING, FLOOR, ROOM, USER, DEPLOYED, RETURNED)
STATES = MappingProxyType({"配備": "deployed", "在庫": "in_stock", "返却": "returned", "廃棄": "retired"})
ROWS_LIMIT = 200_000

_LABELS = {state: label for label, state in STATES.items()}
_SHOWN_LENGTH = 100
_CHUNK = 1 << 20  # bytes
_NEEDED_IN_USE = (HOLDER, BUILDING, FLOOR, ROOM, DEPLOYED)

_CONTROLS = "\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL = re.compile(f"[{_CONTROLS}]")
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HALF_WIDTH |= dict.fromkeys(map(ord, "‐‑‒–—―−"), ord("-")) | {0x3000: ord(" ")}
_EXPONENT = re.compile(r"[0-9]+(?:\.[0-9]+)?[Ee]\+?[0-9]+")
_TERMINAL = re.compile("[A-Z]{2}-[0-9]{4}")
_LU_NAME = re.compile("[A-Z@#$][A-Z0-9@#$]{0,7}")
_STAFF = re.compile("[A-Z]-[0-9]{5}")
_DATE = re.compile("([0-9]{4})([-/])([0-9]{1,2})\\2([0-9]{1,2})")
# A row in use without a fault or a guarded cell: most rows; whatever else is examined cell by cell.
_CLEAN_ROW = re.compile(
    r"([A-Z]{2}-[0-9]{4})\t([A-Za-z][!-~]{0,23})\t([A-Za-z][!-~]{0,39})\t((?:[A-Z#$][A-Z0-9@#$]{0,7})?)\t"
    r"配備\t([A-Za-z0-9][!-~]{0,15})\t([A-Za-z0-9][!-~]{0,15})\t([A-Za-z0-9][!-~]{0,7})\t"
    rf"(?![\s'=+\-@＝＋－＠])([^{_CONTROLS}]{{1,80}})\t((?:[A-Z]-[0-9]{{5}})?)\t([0-9/-]{{8,10}})\t"
)


Tell = Callable[[str, str], None]


class LedgerRow(NamedTuple):
    """One terminal as its contractor knows it, as checked; texts are "" and dates None when absent.

    `state` is deployed, in_stock, returned or retired.
    """

    terminal_number: str
    asset_number: str
    serial_number: str
    lu: str
    state: str
    holder_code: str
    building_code: str
    floor: str
    room: str
    user_number: str
    deployed_on: date | None
    returned_on: date | None


def read_rows(stream: BinaryIO, *, encoding: str) -> Iterator[tuple[int, LedgerRow | list[RowError]]]:
    """Yield the line number of each row with the row, or with all errors of it.

    `encoding` is what `detect_encoding` found. Empty lines are passed over; a terminal that stands
    on an earlier line is an error of the later one. Raises Unreadable for the header or for more
    than ROWS_LIMIT rows.
    """
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    first_lines: dict[str, int] = {}
    try:
        for rows, (line, cells) in enumerate(split_rows(text, HEADER), start=1):
            if rows > ROWS_LIMIT:
                message = f"{ROWS_LIMIT:,}行を超えています。台帳の全体で{ROWS_LIMIT:,}行までにしてください。"
                raise Unreadable(message, line=line)
            found = parse_row(cells, line)
            if isinstance(found, list):
                yield line, found
                continue
            first = first_lines.setdefault(found.terminal_number, line)
            if first == line:
                yield line, found
            else:
                message = f"{first}行目と同じ端末番号です。1台を1行だけにしてください。"
                yield line, [RowError(line, NUMBER, found.terminal_number, message)]
    finally:
        text.detach()


def write(rows: Iterable[LedgerRow], *, encoding: str = "utf-8-sig") -> Iterator[bytes]:
    """Yield the file of rows, header first; cells a spreadsheet would compute begin with an apostrophe."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    encoder = encoding
    for row in rows:
        writer.writerow(format_row(row))
        if text.tell() > _CHUNK:
            yield text.getvalue().encode(encoder)
            encoder = encoding.removesuffix("-sig")
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode(encoder)


def write_errors(errors: Iterable[RowError]) -> Iterator[bytes]:
    """Yield the file of everything that is wrong, for people to open in a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    text.write("\ufeff")
    writer.writerow(("行", "列", "値", "内容"))
    for error in errors:
        writer.writerow((error.line, error.column, neutralise(error.value), neutralise(error.message)))
        if text.tell() > _CHUNK:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def format_row(row: LedgerRow) -> list[str]:
    """Return the cells of a row in the order of HEADER; parse_row reads the same row back."""
    cells = [*row[:4], _LABELS[row.state], *row[5:10], _written(row.deployed_on), _written(row.returned_on)]
    return [guard(cell) for cell in cells]


def parse_row(cells: Sequence[str] | None, line: int) -> LedgerRow | list[RowError]:
    """Return the row of cells in the order of HEADER, or all that is wrong; None is a line that
    cannot be split. Never raises."""
    if cells is None:
        return [RowError(line, "", "", '列に分けられません。引用符（"）の対応を確認してください。')]
    if len(cells) != len(HEADER):
        message = f"列が{len(cells)}個あります。{len(HEADER)}個にしてください。"
        return [RowError(line, "", "", message)]
    if (clean := _CLEAN_ROW.fullmatch("\t".join(cells))) and (day := _day(clean[10])):
        texts = clean.groups()
        return LedgerRow._make((*texts[:4], "deployed", *texts[4:9], day, None))
    return _examine(cells, line)


def _examine(cells: Sequence[str], line: int) -> LedgerRow | list[RowError]:
    given = [unguard(cell) for cell in cells]
    errors: list[RowError] = []

    def fault(column: str, message: str) -> None:
        value = given[HEADER.index(column)]
        errors.append(RowError(line, column, _CONTROL.sub("〓", value)[:_SHOWN_LENGTH], message))

    texts = [_read(column, cell, fault) for column, cell in zip(HEADER, given, strict=True)]
    deployed, returned = (_day(text) for text in texts[10:])
    _examine_whole(dict(zip(HEADER, texts, strict=True)), deployed, returned, fault)
    if errors:
        return sorted(errors, key=lambda error: HEADER.index(error.column))
    return LedgerRow._make((*texts[:4], STATES[texts[4]], *texts[5:10], deployed, returned))


def _read(column: str, cell: str, fault: Tell) -> str:
    if codes := dict.fromkeys(f"U+{ord(character):04X}" for character in _CONTROL.findall(cell)):
        fault(column, f"使えない制御文字（{'・'.join(list(codes)[:5])}）があります。取り除いてください。")
        return ""
    return _READERS[column](cell, partial(fault, column))


def _read_number(cell: str, fault: Callable[[str], None], *, limit: int) -> str:
    text = _half_width(cell)
    if not text:
        fault("入力してください。")
    elif _EXPONENT.fullmatch(text):
        fault(
            "表計算ソフトが指数に変えた番号です。この列を文字列にして、元のデータから出力し直してください。"
        )
    return _no_longer_than(text, limit, fault)


def _read_shape(
    cell: str, fault: Callable[[str], None], *, shape: re.Pattern[str], message: str, needed: bool = False
) -> str:
    text = _half_width(cell)
    if (text or needed) and not shape.fullmatch(text):
        fault(message)
    return text


def _read_code(cell: str, fault: Callable[[str], None], *, limit: int) -> str:
    return _no_longer_than(_half_width(cell), limit, fault)


def _read_room(cell: str, fault: Callable[[str], None]) -> str:
    return _no_longer_than(cell if cell.strip() else "", 80, fault)


def _read_state(cell: str, fault: Callable[[str], None]) -> str:
    text = cell.strip()
    if text not in STATES:
        fault(f"{'・'.join(STATES)}のいずれかを入力してください。")
    return text


def _read_date(cell: str, fault: Callable[[str], None]) -> str:
    text = _half_width(cell)
    if text and _day(text) is None:
        fault("実在する日付を「2026-04-01」か「2026/4/1」の形で入力してください。")
    return text


def _no_longer_than(text: str, limit: int, fault: Callable[[str], None]) -> str:
    if len(text) > limit:
        fault(f"{limit}文字以内にしてください（{len(text)}文字あります）。")
    return text


def _examine_whole(texts: dict[str, str], deployed: date | None, returned: date | None, fault: Tell) -> None:
    """Report what does not go together with the state."""
    state = texts[STATE]
    if state == "配備":
        for column in _NEEDED_IN_USE:
            if not texts[column]:
                fault(column, "状態が配備のときは入力してください。")
        if texts[RETURNED]:
            fault(RETURNED, "状態が配備のときは空にしてください。")
    elif state == "返却" and not texts[RETURNED]:
        fault(RETURNED, "状態が返却のときは入力してください。")
    if deployed and returned and returned < deployed:
        fault(RETURNED, "配備日より前の日付です。どちらかを直してください。")


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None


def _written(day: date | None) -> str:
    return day.isoformat() if day else ""


def _half_width(cell: str) -> str:
    return (cell if cell.isascii() else cell.translate(_HALF_WIDTH)).strip()


_READERS: MappingProxyType[str, Callable[[str, Callable[[str], None]], str]] = MappingProxyType(
    {
        NUMBER: partial(
            _read_shape,
            shape=_TERMINAL,
            message="英大文字2字・ハイフン・数字4桁（例：NW-0118）で入力してください。",
            needed=True,
        ),
        ASSET: partial(_read_number, limit=24),
        SERIAL: partial(_read_number, limit=40),
        LU: partial(
            _read_shape,
            shape=_LU_NAME,
            message="英大文字で始まる8文字以内の英数字（例：NWU0118）で入力するか、空にしてください。",
        ),
        STATE: _read_state,
        HOLDER: partial(_read_code, limit=16),
        BUILDING: partial(_read_code, limit=16),
        FLOOR: partial(_read_code, limit=8),
        ROOM: _read_room,
        USER: partial(
            _read_shape,
            shape=_STAFF,
            message="英大文字1字・ハイフン・数字5桁（例：N-10001）で入力するか、空にしてください。",
        ),
        DEPLOYED: _read_date,
        RETURNED: _read_date,
    }
)
