"""One chunk of the log checked: every entry against its leaf, every leaf against the tiles.

A chunk is 65,536 leaves (a full tile of level 1) and has a process and a connection of its own, so
this module loads nothing of the framework. Nothing is asked of the database but rows: hashes and
forms are computed here. A row that audit.shapes accepts and whose hash is that of its leaf is without
fault; every other one is judged by audit.leaves.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import chain, islice, pairwise
from pathlib import Path
from struct import Struct, unpack
from typing import Any, LiteralString

import psycopg
from psycopg.pq import ExecStatus

from audit import leaves, tree
from audit.shapes import KEY, ROW, Shapes, values
from audit.tiles import WIDTH, TileMissing, Tiles

CHUNK = WIDTH * WIDTH
LATEST_ARRIVAL = timedelta(hours=1)
QUIET = timedelta(days=7)
BESIDE_THE_TREE = "封印の外に加えられた記録です。"

# Parallelism is ours: every process has a chunk of its own.
_SETTINGS = "SET max_parallel_workers_per_gather = 0; SET jit = off; SET statement_timeout = '10min'"
_LEAVES = "SELECT index, entry, logged_at, hash FROM leaf WHERE index >= %(begin)s AND index < %(end)s ORDER BY index"
_ENTRIES = f"SELECT {', '.join(ROW)} FROM entry WHERE logged_at BETWEEN %(since)s AND %(until)s"
_UNSEALED = """
SELECT e.id FROM entry e, tree_state s
WHERE e.id = ANY(%(entries)s) AND e.logged_at BETWEEN %(since)s AND %(until)s
  AND pg_visible_in_snapshot(e.xact, s.sealed)
  AND NOT EXISTS (SELECT FROM leaf l WHERE l.entry = e.id AND l.logged_at = e.logged_at)
"""
# The leaves of months that were dropped after their time was over.
DROPPED = """
SELECT l.index FROM leaf l WHERE l.index >= %(begin)s AND l.index < %(end)s AND EXISTS (
  SELECT FROM dropped_month d JOIN archive a ON a.id = d.archive
  WHERE l.logged_at >= d.begins AND l.logged_at < d.ends AND l.index BETWEEN a.first_leaf AND a.last_leaf
)
"""
# A leaf's row: its number, then number and time of its entry in the same bytes as in the entry's own row, its hash.
_LEAF = Struct(">6xq24s4x32s")
_ENTRY, _TIME = slice(4, 12), slice(16, 24)
# Times are sent as microseconds since then; those no calendar has are taken for its last ones.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
# What COPY sends around the rows of its binary format, and libpq after them.
_SIGNATURE_BYTES, _TRAILER, _END = 19, b"\xff\xff", (-1, b"")
_ROWS_AT_ONCE = 4 * WIDTH


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that should not be: where in the tree (None: not at one leaf), which entry, and what."""

    index: int | None
    entry: int | None
    message: str

    def __str__(self) -> str:
        place = "" if self.index is None else f"封印番号 {self.index:,}"
        number = "" if self.entry is None else f"記録番号 {self.entry}"
        return "：".join(part for part in ("・".join(filter(None, (place, number))), self.message) if part)


@dataclass(frozen=True, slots=True)
class Chunk:
    """The leaves begin … end − 1 of a tree of `size`, whose tiles are below `folder`."""

    begin: int
    end: int
    size: int
    folder: str
    connection: dict[str, Any]

    @property
    def span(self) -> dict[str, int]:
        """Return the parameters of the queries."""
        return {"begin": self.begin, "end": self.end}


@dataclass(frozen=True, slots=True)
class Period:
    """The time from one moment to another, both included."""

    since: datetime
    until: datetime

    @property
    def bounds(self) -> dict[str, datetime]:
        """Return the parameters of the queries."""
        return {"since": self.since, "until": self.until}


@dataclass(frozen=True, slots=True)
class Checked:
    """What one chunk came to: findings, how many leaves it should have, and the times whose entries were all looked at."""

    findings: list[Finding]
    leaves: int
    periods: list[Period]


def check(chunk: Chunk) -> Checked:
    """Check one chunk, and that no entry of its time stands beside the tree."""
    with psycopg.connect(**chunk.connection, autocommit=True) as connection:
        connection.execute(_SETTINGS)
        sealed, findings = _sealed(chunk, chain.from_iterable(copied(connection, _LEAVES, chunk.span)))
        entries = _Entries(chunk, [key for key, _ in sealed], [digest for _, digest in sealed], findings)
        looked_at = periods(entries.times)
        for period in looked_at:
            for rows in copied(connection, _ENTRIES, period.bounds):
                entries.check(rows)
            entries.check_strangers(connection, period)
        entries.check_missing(connection)
    entries.check_times()
    findings += _unlike_tiles(chunk, entries.hashes)
    return Checked(findings, chunk.end - chunk.begin, looked_at)


def periods(times: Iterable[int]) -> list[Period]:
    """Return the periods that hold all these times (microseconds since 2000) and are less than QUIET apart inside.

    A clock that was wrong for a moment must not make a chunk read all that lies between.
    """
    moments = sorted({min(max(time, _EARLIEST), _LATEST) for time in times})
    ends = [
        at for at, (one, next_) in enumerate(pairwise(moments), 1) if (next_ - one) * _MICROSECOND > QUIET
    ]
    return [
        Period(_EPOCH + moments[begin] * _MICROSECOND, _EPOCH + moments[end - 1] * _MICROSECOND)
        for begin, end in pairwise([0, *ends, len(moments)])
        if moments
    ]


def _sealed(chunk: Chunk, rows: Iterable[bytes]) -> tuple[list[tuple[bytes, bytes]], list[Finding]]:
    """Return key of the entry and hash of each leaf, as far as the leaves stand at their numbers."""
    sealed: list[tuple[bytes, bytes]] = []
    for expected, row in enumerate(rows, chunk.begin):
        index, key, digest = _LEAF.unpack(row) if len(row) == _LEAF.size else (None, b"", b"")
        if index != expected:
            return sealed, [Finding(expected, None, "封印番号が続いていません。")]
        sealed.append((key, digest))
    if len(sealed) < chunk.end - chunk.begin:
        return sealed, [Finding(chunk.begin + len(sealed), None, "封印の行がありません（末尾の削除）。")]
    return sealed, []


@dataclass
class _Entries:
    """The entries of a chunk's leaves, checked in any order."""

    chunk: Chunk
    keys: list[bytes]
    stored: list[bytes]
    findings: list[Finding]

    def __post_init__(self) -> None:
        self._place = dict(zip(self.keys, range(len(self.keys)), strict=True))
        self._computed: list[bytes | None] = [None] * len(self.keys)
        self._strangers: list[int] = []
        self._shapes = Shapes()

    @property
    def hashes(self) -> list[bytes]:
        """Return the hash of every entry; where one is gone, that of its leaf."""
        return [digest or kept for digest, kept in zip(self._computed, self.stored, strict=True)]

    @property
    def times(self) -> tuple[int, ...]:
        """Return when each entry was logged, in microseconds since 2000."""
        return unpack(f">{len(self.keys)}q", b"".join([key[_TIME] for key in self.keys]))

    def check(self, rows: list[bytes]) -> None:
        """Check entries; those that are no leaf of this chunk are kept for `check_strangers`."""
        places = [self._place.get(row[KEY]) for row in rows]
        digests = [text and sha256(b"\x00" + text).digest() for text in self._shapes.texts(rows)]
        computed, stored = self._computed, self.stored
        for at, digest, row in zip(places, digests, rows, strict=True):
            if at is None:
                self._strangers.append(_number(row[KEY]))
            elif digest != stored[at] or computed[at] is not None:
                self._check_plainly(at, row)
            else:
                computed[at] = digest

    def check_strangers(self, connection: psycopg.Connection, period: Period) -> None:
        """Find entries that the sealer has passed and that are no leaf of another chunk either."""
        if self._strangers:
            unsealed = connection.execute(_UNSEALED, {"entries": self._strangers, **period.bounds})
            self.findings += [Finding(None, entry, BESIDE_THE_TREE) for (entry,) in unsealed]
            self._strangers.clear()

    def check_missing(self, connection: psycopg.Connection) -> None:
        """Find leaves whose entry is gone though its month was not dropped after its time was over."""
        missing = [at for at, digest in enumerate(self._computed) if digest is None]
        if missing:
            dropped = {index for (index,) in connection.execute(DROPPED, self.chunk.span)}
            for at in missing:
                if self.chunk.begin + at not in dropped:
                    self._judge(at, None, ())

    def check_times(self) -> None:
        """Find entries whose time lies before their neighbour's by more than any transaction lasts."""
        latest = LATEST_ARRIVAL // _MICROSECOND
        for at, (before, after) in enumerate(pairwise(self.times), 1):
            if after < before - latest:
                self._find(at, "記録の時刻が、先に封印された記録より1時間以上前です。")

    def _check_plainly(self, at: int, row: bytes) -> None:
        _, _, payload, *columns = values(row)
        texts = tuple(
            None if column is None else column.decode(errors="surrogateescape") for column in columns
        )
        if self._computed[at] is not None:
            self._find(at, "同じ番号と時刻の記録が二つあります。")
        if self._judge(at, payload, texts) and payload:
            self._shapes.learn(payload)
        self._computed[at] = tree.leaf_hash(payload or b"")

    def _judge(self, at: int, payload: bytes | None, columns: tuple[str | None, ...]) -> bool:
        row = leaves.Row(self.chunk.begin + at, self._entry(at), self.stored[at], payload, columns)
        messages = list(leaves.faults(row))
        for message in messages:
            self._find(at, message)
        return not messages

    def _find(self, at: int, message: str) -> None:
        self.findings.append(Finding(self.chunk.begin + at, self._entry(at), message))

    def _entry(self, at: int) -> int:
        return _number(self.keys[at])


def _number(key: bytes) -> int:
    return int.from_bytes(key[_ENTRY], "big", signed=True)


def copied(
    connection: psycopg.Connection, query: LiteralString, given: Mapping[str, object]
) -> Iterator[list[bytes]]:
    """Yield the rows of a query in COPY's binary format, many at a time.

    libpq is asked directly: a row costs a quarter of what it costs through a cursor.
    """
    server = connection.pgconn
    statement = psycopg.ClientCursor(connection).mogrify(query, given)
    began = server.exec_(f"COPY ({statement}) TO STDOUT (FORMAT binary)".encode())
    if began.status != ExecStatus.COPY_OUT:
        raise psycopg.errors.error_from_result(began)
    messages = (bytes(message) for _, message in iter(partial(server.get_copy_data, 0), _END))
    rows = chain([next(messages)[_SIGNATURE_BYTES:]], messages)
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        if batch[-1] == _TRAILER:
            batch.pop()
        yield batch
    while ended := server.get_result():
        if ended.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(ended)


def _unlike_tiles(chunk: Chunk, hashes: list[bytes]) -> Iterator[Finding]:
    """Compare the computed hashes with the tiles on disk, tile by tile; name the first leaf that differs."""
    tiles = Tiles(Path(chunk.folder), chunk.size)
    roots, alike = [], True
    for at in range(0, len(hashes), WIDTH):
        tile = hashes[at : at + WIDTH]
        number = (chunk.begin + at) // WIDTH
        try:
            stored = tiles.tile(0, number)
        except TileMissing as missing:
            yield Finding(chunk.begin + at, None, f"タイルがありません（{missing}）。")
            return
        if stored != b"".join(tile):
            alike = False
            offset = _first_difference(tile, stored)
            yield Finding(chunk.begin + at + offset, None, "公表したタイルの値と違います。")
        if len(tile) == WIDTH:
            roots.append(tree.perfect_root(tile))
    if alike and len(roots) == WIDTH:
        try:
            if tiles.tile(1, chunk.begin // CHUNK) != b"".join(roots):
                yield Finding(chunk.begin, None, "上の段のタイルが下の段と合いません。")
        except TileMissing as missing:
            yield Finding(chunk.begin, None, f"タイルがありません（{missing}）。")


def _first_difference(tile: list[bytes], stored: bytes) -> int:
    pairs = zip(tile, (stored[at : at + tree.HASH_BYTES] for at in range(0, len(stored), 32)), strict=False)
    return next((offset for offset, (one, other) in enumerate(pairs) if one != other), len(stored) // 32)
