"""A CSV that another company's program or spreadsheet wrote: its encoding, its header, its rows. Pure.

UTF-8 (with or without BOM) or CP932, header in Japanese in any order. What the cells mean is the
reader's business; the words of every error are for whoever sent the file.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import BinaryIO, NamedTuple

_CHUNK = 1 << 20  # bytes


class RowError(NamedTuple):
    """What is wrong with one cell; `column` is the header, or "" for the row as a whole."""

    line: int
    column: str
    value: str
    message: str


class Unreadable(ValueError):
    """The file as a whole cannot be read from `line` on (from 1); its text is for the user."""

    def __init__(self, message: str, *, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class EncodingError(Unreadable):
    """The bytes are neither UTF-8 nor CP932 from `offset` (bytes from 0), on `line`."""

    def __init__(self, message: str, *, offset: int, line: int) -> None:
        super().__init__(message, line=line)
        self.offset = offset


class HeaderError(Unreadable):
    """The first line does not name the columns.

    `missing` and `repeated` are columns, `unknown` says where others stand; all are empty when the
    line cannot be split into cells.
    """

    def __init__(
        self, *, missing: Sequence[str] = (), repeated: Sequence[str] = (), unknown: Sequence[str] = ()
    ) -> None:
        faults = {"ない列": missing, "重複した列": repeated, "知らない列": unknown}
        found = "、".join(f"{fault}：{'・'.join(columns)}" for fault, columns in faults.items() if columns)
        super().__init__(
            f"1行目の列名を直してください（{found}）。"
            if found
            else "1行目を列名の行として読めません。引用符を確認してください。"
        )
        self.missing, self.repeated, self.unknown = missing, repeated, unknown


def detect_encoding(stream: BinaryIO) -> str:
    """Return `utf-8-sig`, `utf-8` or `cp932`; leave the stream where it was found.

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
    for encoding in ("utf-8",) if bom else ("utf-8", "cp932"):
        failure = _first_undecodable(stream, encoding)
        stream.seek(start)
        if failure is None:
            return "utf-8-sig" if bom else encoding
        furthest = max(furthest, failure)
    offset, line = furthest
    raise EncodingError(
        f"{line}行目（先頭から{offset}バイト目）に読めない文字があります。"
        "UTF-8またはCP932（Shift_JIS）で保存し直してください。",
        offset=offset,
        line=line,
    )


def _first_undecodable(stream: BinaryIO, encoding: str) -> tuple[int, int] | None:
    """Return offset and line of the first byte that `encoding` does not know.

    Neither encoding has a line feed inside a character, so whole lines may be decoded apart.
    """
    offset, line = 0, 1
    while content := stream.read(_CHUNK) + stream.readline():
        try:
            content.decode(encoding)
        except UnicodeDecodeError as error:
            return offset + error.start, line + content.count(b"\n", 0, error.start)
        offset += len(content)
        line += content.count(b"\n")
    return None


def split_rows(lines: Iterable[str], header: Sequence[str]) -> Iterator[tuple[int, Sequence[str] | None]]:
    """Yield the line number and the cells of each row, in the order of `header`.

    The cells of a row of another width stay as they stand; None is a line that cannot be split.
    Empty lines are passed over. Raises HeaderError before the first row.
    """
    reader = csv.reader(lines, strict=True)
    try:
        order = column_order(next(reader, []), header)
    except csv.Error as error:
        raise HeaderError from error
    width = len(header)
    rearranged = None if order == tuple(range(width)) else itemgetter(*order)
    while True:
        line = reader.line_num + 1
        try:
            cells: Sequence[str] = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield line, None
            continue
        if not cells:
            continue
        if rearranged is not None and len(cells) == width:
            cells = rearranged(cells)
        yield line, cells


def column_order(found: Sequence[str], header: Sequence[str]) -> tuple[int, ...]:
    """Return where each column of `header` stands in the first line that was found; any order will do.

    Raises HeaderError naming the columns that are missing or there twice, and the places of
    unknown ones: a file without header has a person in its first line, which no message repeats.
    """
    names = [name.strip() for name in found]
    unknown = [f"{place}列目" for place, name in enumerate(names, 1) if name not in header]
    missing = [name for name in header if name not in names]
    repeated = [name for name in header if names.count(name) > 1]
    if missing or repeated or unknown:
        raise HeaderError(
            missing=missing, repeated=repeated, unknown=unknown[:5] + ["ほか"] * (len(unknown) > 5)
        )
    return tuple(names.index(name) for name in header)
