"""Whole rows of entries judged at once, by patterns learned from good ones. Pure.

Nearly all entries of a log have one of a few shapes: the same names, text without escapes, lists of
it, whole numbers. The pattern of a shape accepts a row, as COPY writes it in binary, only when its
text is canonical (RFC 8785) and every search column equals its member of the text. What no pattern
accepts takes the plain path of audit.leaves, which alone decides what is wrong.

A row cannot be cut into values otherwise than PostgreSQL cut it: a length begins with two zero bytes
or is four times 0xFF, and neither occurs within text that is accepted.
"""

import re

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from audit.leaves import COLUMNS, TEXTS

ROW = ("id", "logged_at", "payload", *COLUMNS)
KEY = slice(2, 26)  # number and time of an entry, each after its length
MOST_SHAPES = 100
_TEXT = '[^"]*+'
_LIST = rf'\[(?:"{_TEXT}"(?:,"{_TEXT}")*+)?+\]'
_HEAD = rf"\x00\x{len(ROW):02x}(?:\x00\x00\x00\x08.{{8}}){{2}}\x00\x00.."
_NULL = r"\xff\xff\xff\xff"


class _NoPattern(Exception):
    """A value that only the plain path can judge."""


class Shapes:
    """The shapes seen so far, the one that fits most often first."""

    def __init__(self) -> None:
        self._patterns: list[re.Pattern[bytes]] = []
        self._known: set[str] = set()

    def texts(self, rows: list[bytes]) -> list[bytes | None]:
        """Return the text of every row that is surely without fault (its hash is not looked at), None for the others."""
        texts: list[bytes | None] = [None] * len(rows)
        left = list(range(len(rows)))
        for pattern in list(self._patterns):
            matches = [pattern.fullmatch(rows[at]) for at in left]
            for at, match in zip(left, matches, strict=True):
                texts[at] = match and match[1]
            before, left = left, [at for at in left if texts[at] is None]
            if not left:
                break
            if len(left) > len(before) // 2:
                self._patterns.remove(pattern)
                self._patterns.append(pattern)
        if _is_plain([text for text in texts if text]):
            return texts
        return [text if text and _is_plain([text]) else None for text in texts]

    def learn(self, payload: bytes) -> None:
        """Accept from now on what has the shape of this text, which the plain path found without fault."""
        try:
            pattern = _pattern(orjson.loads(payload))
        except _NoPattern:
            return
        if pattern not in self._known and len(self._known) < MOST_SHAPES:
            self._known.add(pattern)
            self._patterns.insert(0, re.compile(pattern.encode(), re.DOTALL))


def values(row: bytes) -> list[bytes | None]:
    """Return the values of a row of COPY's binary format."""
    found: list[bytes | None] = []
    at = 2
    while at < len(row):
        length = int.from_bytes(row[at : at + 4], "big", signed=True)
        at += 4
        found.append(None if length < 0 else row[at : at + length])
        at += max(length, 0)
    return found


def _is_plain(texts: list[bytes]) -> bool:
    """Return whether texts are UTF-8 without control characters and escapes."""
    joined = b"".join(texts)
    try:
        pa.array(texts, pa.string())
    except pa.ArrowInvalid:
        return False
    lowest = pc.min(pa.Array.from_buffers(pa.uint8(), len(joined), [None, pa.py_buffer(joined)])).as_py()
    return b"\\" not in joined and (lowest is None or lowest >= ord(" "))


def _pattern(document: dict[str, object]) -> str:
    columns = "".join(rf"\x00\x00\x00[^\x00](?P={name})" if name in document else _NULL for name in COLUMNS)
    members = {name: _value(value) for name, value in document.items()}
    members |= {name: rf'"(?P<{name}>{_TEXT})"' for name in TEXTS if name in document}
    if fields := members.get("fields"):
        members["fields"] = f"(?P<fields>{fields})"
    return f"{_HEAD}({_members(members)}){columns}"


def _value(value: object) -> str:
    match value:
        case str():
            return f'"{_TEXT}"'
        case bool():
            return "(?:true|false)"
        case int():
            return "(?:0|-?[1-9][0-9]{0,14})"
        case list() if all(isinstance(each, str) for each in value):
            return _LIST
        case dict():
            return _members({name: _value(each) for name, each in value.items()})
    raise _NoPattern


def _members(patterns: dict[str, str]) -> str:
    """Return the pattern of an object; its names stand in the order of a canonical text already."""
    if not all(name.isascii() and name.isidentifier() for name in patterns):
        raise _NoPattern
    return r"\{" + ",".join(f'"{name}":{pattern}' for name, pattern in patterns.items()) + r"\}"
