"""入退室記録: the CSV in which entry readers hand over who was where. Pure text; every fault by row and column.

UTF-8 (with or without BOM) or CP932, CRLF or LF, Japanese header in any order, times of Japan.
"""

import io
import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from audit.textfile import EncodingError, HeaderError, RowError, Unreadable, detect_encoding, split_rows

HEADER = ("建物コード", "階", "室・区画", "職員番号", "氏名", "会社コード", "入室日時", "退室日時")
JAPAN = timezone(timedelta(hours=9))
_LONGEST = {"建物コード": 16, "階": 8, "室・区画": 80, "職員番号": 7, "氏名": 80, "会社コード": 16}
_MAY_BE_EMPTY = {"氏名", "退室日時"}
_PERSON = re.compile(r"[A-Z0-9-]{1,7}")
_TIME = re.compile(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})[T ](\d{1,2}):(\d{2})(?::(\d{2}))?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SHOWN_LENGTH = 100


class EntryRow(NamedTuple):
    """One record as checked; without a record of leaving `left_at` is None."""

    line: int
    building: str
    floor: str
    room: str
    person_number: str
    person_name: str
    company: str
    entered_at: datetime
    left_at: datetime | None


class Sheet(NamedTuple):
    """A file as read: its good rows, and everything that is wrong with the others."""

    rows: list[EntryRow]
    errors: list[RowError]


def read(content: bytes) -> Sheet:
    """Return the rows of a file and all its faults. Raises Unreadable."""
    sheet = Sheet([], [])
    try:
        stream = io.BytesIO(content)
        text = io.TextIOWrapper(stream, encoding=detect_encoding(stream), newline="")
        for line, cells in split_rows(text, HEADER):
            _take(sheet, line, cells)
    except EncodingError as error:
        raise Unreadable(
            "文字コードを読めません。UTF-8またはCP932（Shift_JIS）で保存し直してください。", line=error.line
        ) from error
    except HeaderError as error:
        raise Unreadable(_about_header(error)) from error
    return sheet


def _about_header(error: HeaderError) -> str:
    """Say how the whole first line should read: it is short enough."""
    if error.missing:
        fault = f"ない列：{'・'.join(error.missing)}"
    elif error.repeated or error.unknown:
        fault = "余分な列か、重複した列があります"
    else:
        return "1行目を列名の行として読めません。引用符を確かめてください。"
    return f"1行目の列名を「{'、'.join(HEADER)}」にしてください（{fault}）。"


def _take(sheet: Sheet, line: int, cells: Sequence[str] | None) -> None:
    if cells is None:
        message = "列に分けられません。引用符の対応を確かめてください。"
        sheet.errors.append(RowError(line, "", "", message))
        return
    if len(cells) != len(HEADER):
        message = f"列が{len(cells)}個あります。{len(HEADER)}個にしてください。"
        sheet.errors.append(RowError(line, "", "", message))
        return
    given = {name: cell.strip() for name, cell in zip(HEADER, cells, strict=True)}
    faults = [(name, message) for name, cell in given.items() if (message := _fault(name, cell))]
    times = {name: _time(given[name]) for name in ("入室日時", "退室日時")}
    entered_at, left_at = times["入室日時"], times["退室日時"]
    if entered_at and left_at and left_at < entered_at:
        faults.append(("退室日時", "入室より前の日時です。"))
    if faults or entered_at is None:
        sheet.errors.extend(
            RowError(line, name, given[name][:_SHOWN_LENGTH], message) for name, message in faults
        )
        return
    building, floor, room, person, name, company = (given[column] for column in HEADER[:6])
    sheet.rows.append(EntryRow(line, building, floor, room, person, name, company, entered_at, left_at))


def _fault(name: str, cell: str) -> str:
    if not cell:
        return "" if name in _MAY_BE_EMPTY else "入力してください。"
    if _CONTROL.search(cell):
        return "使えない制御文字があります。取り除いてください。"
    if name in _LONGEST and len(cell) > _LONGEST[name]:
        return f"{_LONGEST[name]}文字以内にしてください。"
    if name == "職員番号" and not _PERSON.fullmatch(cell):
        return "半角の英大文字・数字・ハイフンで入力してください。"
    if name.endswith("日時") and _time(cell) is None:
        return "「2024/04/01 09:00:00」の形の日時にしてください。"
    return ""


def _time(cell: str) -> datetime | None:
    found = _TIME.fullmatch(cell)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=JAPAN)
    except ValueError:
        return None
