"""Verify the read log: every entry against its leaf, every leaf against the tiles, every checkpoint against the tree.

Chunks of 65,536 leaves (a full tile of level 1) are checked in parallel, each by a process with its
own connection. Nothing is asked of the database but rows: hashes and forms are computed here.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

from audit import leaves, publication, tree
from audit.checkpoint import open_checkpoint
from audit.note import NoteError
from audit.tiles import WIDTH, TileMissing, Tiles
from audit.trust import Policy

ALIAS = "log"
CHUNK = WIDTH * WIDTH
MOST_FINDINGS = 100
LATEST_ARRIVAL = timedelta(hours=1)
Progress = Callable[[int], object]

_ROWS = f"""
SELECT l.index, l.entry, l.hash, e.payload, l.logged_at, e.id IS NULL AND EXISTS (
  SELECT FROM dropped_month d JOIN archive a ON a.id = d.archive
  WHERE l.logged_at >= d.begins AND l.logged_at < d.ends AND l.index BETWEEN a.first_leaf AND a.last_leaf
), {", ".join(f"e.{name}" for name in leaves.COLUMNS)}
FROM leaf l LEFT JOIN entry e ON e.logged_at = l.logged_at AND e.id = l.entry
  AND e.logged_at BETWEEN %(since)s AND %(until)s
WHERE l.index >= %(begin)s AND l.index < %(end)s ORDER BY l.index
"""
_UNSEALED = """
SELECT e.id FROM entry e, tree_state s
WHERE e.logged_at >= %s AND pg_visible_in_snapshot(e.xact, s.sealed)
  AND NOT EXISTS (SELECT FROM leaf l WHERE l.entry = e.id) ORDER BY e.id LIMIT %s
"""


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


@dataclass
class Verdict:
    """What a verification looked at and found; no finding means that all is well."""

    first: int
    size: int
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_fine(self) -> bool:
        """Return whether nothing was found."""
        return not self.findings

    @property
    def first_bad(self) -> Finding | None:
        """Return the finding nearest to the beginning of the log."""
        return min(self.findings, key=lambda found: (found.index is None, found.index or 0), default=None)


@dataclass(frozen=True, slots=True)
class _Chunk:
    begin: int
    end: int
    size: int
    folder: str
    connection: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Stored:
    """A checkpoint as the database keeps it."""

    size: int
    root: bytes
    note: str
    is_published: bool


def signed_size() -> int:
    """Return how many leaves the latest signed checkpoint has: so far the tiles go."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT coalesce(max(size), 0) FROM checkpoint")
        return int(cursor.fetchone()[0])


def chunk_of(moment: datetime) -> int:
    """Return the beginning of the chunk that holds the first leaf logged at or after a moment."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT l.index FROM (SELECT id FROM entry WHERE logged_at >= %s ORDER BY logged_at, id LIMIT 1) e"
            " JOIN leaf l ON l.entry = e.id",
            [moment],
        )
        found = cursor.fetchone()
    return (int(found[0]) if found else signed_size()) // CHUNK * CHUNK


def verify(*, first: int, size: int, progress: Progress) -> Verdict:
    """Verify the leaves `first` (a multiple of CHUNK) … `size` − 1 and every checkpoint among them."""
    verdict = Verdict(first, size)
    folder = Path(settings.READ_LOG_FOLDER)
    for found, checked in _in_parallel(_chunks(first, size, str(folder))):
        verdict.findings += found
        progress(checked)
    _check_completeness(verdict)
    _check_checkpoints(verdict, folder, publication.policy())
    verdict.findings = sorted(verdict.findings, key=str)[:MOST_FINDINGS]
    return verdict


def _chunks(first: int, size: int, folder: str) -> Iterator[_Chunk]:
    connection = connections[ALIAS].get_connection_params()
    plain = {name: value for name, value in connection.items() if isinstance(value, str | int)}
    for begin in range(first, size, CHUNK):
        yield _Chunk(begin, min(begin + CHUNK, size), size, folder, plain)


def _in_parallel(chunks: Iterator[_Chunk]) -> Iterator[tuple[list[Finding], int]]:
    workers = os.cpu_count() or 1
    first = list(islice(chunks, 2))
    chunks = chain(first, chunks)
    if workers == 1 or len(first) < 2 or multiprocessing.current_process().daemon:
        yield from map(_check, chunks)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_check, chunks)


def _check(chunk: _Chunk) -> tuple[list[Finding], int]:
    """Check one chunk; return its findings and how many leaves it had."""
    findings: list[Finding] = []
    hashes: list[bytes] = []
    times: list[tuple[int, int, datetime]] = []
    for row, logged_at, dropped in _rows(chunk):
        if row.leaf != chunk.begin + len(hashes):
            findings.append(Finding(chunk.begin + len(hashes), None, "封印番号が続いていません。"))
            break
        if not dropped:
            findings += [Finding(row.leaf, row.entry, message) for message in leaves.faults(row)]
        hashes.append(tree.leaf_hash(row.payload) if row.payload is not None else row.hash)
        times.append((row.leaf, row.entry, logged_at))
    if len(hashes) < chunk.end - chunk.begin and not findings:
        findings.append(Finding(chunk.begin + len(hashes), None, "封印の行がありません（末尾の削除）。"))
    findings += _back_dated(times)
    findings += _unlike_tiles(chunk, hashes)
    return findings, chunk.end - chunk.begin


def _rows(chunk: _Chunk) -> Iterator[tuple[leaves.Row, datetime, bool]]:
    """Yield each leaf with its entry, its time, and whether its month was dropped after its time was over."""
    with psycopg.connect(**chunk.connection) as connection, connection.cursor() as cursor:
        span = {"begin": chunk.begin, "end": chunk.end}
        cursor.execute(
            "SELECT min(logged_at), max(logged_at) FROM leaf WHERE index >= %(begin)s AND index < %(end)s",
            span,
        )
        since, until = cursor.fetchone() or (None, None)
        cursor.execute(_ROWS, {**span, "since": since, "until": until}, binary=True)
        for index, entry, digest, payload, logged_at, dropped, *columns in cursor:
            text = None if payload is None else payload.encode()
            yield leaves.Row(index, entry, bytes(digest), text, tuple(columns)), logged_at, dropped


def _back_dated(times: list[tuple[int, int, datetime]]) -> Iterator[Finding]:
    """Find entries whose time lies before their neighbour's by more than any transaction lasts."""
    for (_, _, before), (index, entry, logged_at) in pairwise(times):
        if logged_at < before - LATEST_ARRIVAL:
            yield Finding(index, entry, "記録の時刻が、先に封印された記録より1時間以上前です。")


def _unlike_tiles(chunk: _Chunk, hashes: list[bytes]) -> Iterator[Finding]:
    """Compare the computed hashes with the tiles on disk, tile by tile; name the first leaf that differs."""
    tiles = Tiles(Path(chunk.folder), chunk.size)
    roots = []
    for at in range(0, len(hashes), WIDTH):
        tile = hashes[at : at + WIDTH]
        number = (chunk.begin + at) // WIDTH
        try:
            stored = tiles.tile(0, number)
        except TileMissing as missing:
            yield Finding(chunk.begin + at, None, f"タイルがありません（{missing}）。")
            return
        if stored != b"".join(tile):
            offset = _first_difference(tile, stored)
            yield Finding(chunk.begin + at + offset, None, "公表したタイルの値と違います。")
        if len(tile) == WIDTH:
            roots.append(tree.perfect_root(tile))
    if len(roots) == WIDTH and tiles.tile(1, chunk.begin // CHUNK) != b"".join(roots):
        yield Finding(chunk.begin, None, "上の段のタイルが下の段と合いません。")


def _first_difference(tile: list[bytes], stored: bytes) -> int:
    pairs = zip(tile, (stored[at : at + tree.HASH_BYTES] for at in range(0, len(stored), 32)), strict=False)
    return next((offset for offset, (one, other) in enumerate(pairs) if one != other), len(stored) // 32)


def _check_completeness(verdict: Verdict) -> None:
    """Find entries that the sealer has passed and that have no leaf."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT logged_at FROM leaf WHERE index = %s", [verdict.first])
        began = cursor.fetchone()
        since = began[0] - LATEST_ARRIVAL if began and verdict.first else "-infinity"
        cursor.execute(_UNSEALED, [since, MOST_FINDINGS])
        verdict.findings += [
            Finding(None, entry, "封印の外に加えられた記録です。") for (entry,) in cursor.fetchall()
        ]


def _check_checkpoints(verdict: Verdict, folder: Path, policy: Policy) -> None:
    tiles = Tiles(folder, verdict.size)
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT size, root, note, published_at IS NOT NULL FROM checkpoint"
            " WHERE size >= %s AND size <= %s ORDER BY size",
            [verdict.first, verdict.size],
        )
        stored = [_Stored(*row) for row in cursor.fetchall()]
    for each in stored:
        verdict.checkpoints += 1
        if message := _checkpoint_fault(tiles, policy, each):
            verdict.findings.append(Finding(each.size - 1, None, message))
    published = folder / publication.CHECKPOINT
    if published.exists() and (message := _published_fault(published, tiles, policy)):
        verdict.findings.append(Finding(None, None, message))


def _checkpoint_fault(tiles: Tiles, policy: Policy, stored: _Stored) -> str:
    size = stored.size
    try:
        checkpoint, opened = open_checkpoint(stored.note, policy.keys)
        computed = tree.root(tiles.node, size)
    except NoteError as error:
        return f"{size:,}件のチェックポイントの署名を確かめられません（{error}）。"
    except TileMissing as missing:
        return f"{size:,}件のチェックポイントに必要なタイルがありません（{missing}）。"
    if not (checkpoint.size == size and checkpoint.root == bytes(stored.root) == computed):
        return f"{size:,}件のチェックポイントのルートが、いまの記録と合いません（書き換え）。"
    if stored.is_published and not policy.is_met(opened):
        return f"{size:,}件の公表済みチェックポイントに、立会人の署名がそろっていません。"
    return ""


def _published_fault(path: Path, tiles: Tiles, policy: Policy) -> str:
    note = path.read_text()
    try:
        checkpoint = open_checkpoint(note, policy.keys)[0]
    except NoteError as error:
        return f"公表したチェックポイントの署名を確かめられません（{error}）。"
    if checkpoint.size > tiles.size:
        return (
            f"公表したチェックポイント（{checkpoint.size:,}件）より記録が少なくなっています（末尾の削除）。"
        )
    return _checkpoint_fault(
        tiles, policy, _Stored(checkpoint.size, checkpoint.root, note, is_published=True)
    )
