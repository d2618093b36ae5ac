"""Verify the read log: every entry against its leaf, every leaf against the tiles, every checkpoint against the tree.

Chunks (audit.chunks) are checked in parallel; completeness and checkpoints are checked here.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import LiteralString

from django.conf import settings
from django.db import connections, transaction

from audit import publication, tree
from audit.checkpoint import open_checkpoint
from audit.chunks import BESIDE_THE_TREE, CHUNK, LATEST_ARRIVAL, Checked, Chunk, Finding, Period, check
from audit.note import NoteError
from audit.tiles import TileMissing, Tiles
from audit.trust import Policy

ALIAS = "log"
MOST_FINDINGS = 100
Progress = Callable[[int], object]

_UNHURRIED = "SET LOCAL statement_timeout = '10min'"
# Chunks look at the times of their leaves; this is about all the time between.
_UNSEALED = """
SELECT e.id FROM unnest(
    tstzmultirange(tstzrange(%(since)s, 'infinity', '[]'))
    - (SELECT coalesce(range_agg(tstzrange(since, until, '[]')), '{}')
       FROM unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS looked_at (since, until))) AS gap
  JOIN entry e ON e.logged_at BETWEEN lower(gap) AND upper(gap) AND gap @> e.logged_at
  CROSS JOIN tree_state s
WHERE pg_visible_in_snapshot(e.xact, s.sealed)
  AND NOT EXISTS (SELECT FROM leaf l WHERE l.entry = e.id AND l.logged_at = e.logged_at)
LIMIT %(most)s
"""


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


def first_since(moment: datetime) -> int:
    """Return the beginning of the chunk of the first leaf logged at or after a moment, whatever became of its entry."""
    found = _leaf("SELECT min(index) FROM leaf WHERE logged_at >= %s", moment)
    return (signed_size() if found is None else found) // CHUNK * CHUNK


def size_until(moment: datetime) -> int:
    """Return the end of the chunk of the last leaf logged before a moment."""
    found = _leaf("SELECT max(index) FROM leaf WHERE logged_at < %s", moment)
    return 0 if found is None else min((found // CHUNK + 1) * CHUNK, signed_size())


def _leaf(query: LiteralString, moment: datetime) -> int | None:
    with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
        cursor.execute(_UNHURRIED)
        cursor.execute(query, [moment])
        found: int | None = cursor.fetchone()[0]
    return found


def verify(*, first: int, size: int, progress: Progress) -> Verdict:
    """Verify the leaves `first` (a multiple of CHUNK) … `size` − 1 and every checkpoint among them."""
    verdict = Verdict(first, size)
    folder = Path(settings.READ_LOG_FOLDER)
    looked_at: list[Period] = []
    for checked in _in_parallel(_chunks(first, size, str(folder))):
        verdict.findings += checked.findings
        looked_at += checked.periods
        progress(checked.leaves)
    _check_between(verdict, looked_at)
    _check_checkpoints(verdict, folder, publication.policies())
    verdict.findings = sorted(verdict.findings, key=str)[:MOST_FINDINGS]
    return verdict


def _chunks(first: int, size: int, folder: str) -> Iterator[Chunk]:
    connection = connections[ALIAS].get_connection_params()
    plain = {name: value for name, value in connection.items() if isinstance(value, str | int)}
    for begin in range(first, size, CHUNK):
        yield Chunk(begin, min(begin + CHUNK, size), size, folder, plain)


def _in_parallel(chunks: Iterator[Chunk]) -> Iterator[Checked]:
    workers = os.cpu_count() or 1
    first = list(islice(chunks, 2))
    chunks = chain(first, chunks)
    if workers == 1 or len(first) < 2 or multiprocessing.current_process().daemon:
        yield from map(check, chunks)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(check, chunks)


def _check_between(verdict: Verdict, looked_at: list[Period]) -> None:
    """Find entries that the sealer has passed and that have no leaf, at times that no chunk has looked at."""
    with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
        cursor.execute(_UNHURRIED)
        cursor.execute("SELECT logged_at FROM leaf WHERE index = %s", [verdict.first])
        began = cursor.fetchone()
        cursor.execute(
            _UNSEALED,
            {
                "since": began[0] - LATEST_ARRIVAL if began and verdict.first else "-infinity",
                "begins": [period.since for period in looked_at],
                "ends": [period.until for period in looked_at],
                "most": MOST_FINDINGS,
            },
        )
        verdict.findings += [Finding(None, entry, BESIDE_THE_TREE) for (entry,) in cursor.fetchall()]


def _check_checkpoints(verdict: Verdict, folder: Path, policies: list[Policy]) -> None:
    """Check what was signed under any policy that was ever in force, and what is published now under the one of now."""
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
        message = _checkpoint_fault(tiles, policies[0], each)
        if message and all(_checkpoint_fault(tiles, policy, each) for policy in policies[1:]):
            verdict.findings.append(Finding(each.size - 1, None, message))
    published = folder / publication.CHECKPOINT
    if published.exists() and (message := _published_fault(published, policies[0])):
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


def _published_fault(path: Path, policy: Policy) -> str:
    """Return what is wrong with the published checkpoint. The log may have grown beyond what is verified meanwhile."""
    note = path.read_text()
    try:
        checkpoint = open_checkpoint(note, policy.keys)[0]
    except NoteError as error:
        return f"公表したチェックポイントの署名を確かめられません（{error}）。"
    if checkpoint.size > signed_size():
        return (
            f"公表したチェックポイント（{checkpoint.size:,}件）より記録が少なくなっています（末尾の削除）。"
        )
    stored = _Stored(checkpoint.size, checkpoint.root, note, is_published=True)
    return _checkpoint_fault(Tiles(path.parent, checkpoint.size), policy, stored)
