"""Closed months as Parquet with a manifest, verified from the file before anything may be dropped.

A file proves itself together with the tiles: the hash of every payload in it is compared with its
leaf and its tile, and every tile is proven into the root of a published checkpoint. The leaves of a
month are listed by index, because an entry that was committed late stands among those of the next.
"""

import base64
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import file_digest
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import pyarrow.parquet as pq
from django.conf import settings
from django.db import connections

from audit import leaves, publication, records, tree
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.note import NoteError
from audit.records import Month, Row
from audit.tiles import WIDTH, TileMissing, Tiles, write
from audit.tree import HASH_BYTES

ALIAS = "retain"
FORMAT = "eigyo-read-log-archive-1"


class ArchiveRefused(Exception):
    """The month cannot be archived, or its file is not what the log holds; the message says why (Japanese)."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file holds: `leaves` lists the indexes as runs, first and last included."""

    format: str
    month: str
    file: str
    sha256: str
    count: int
    first_leaf: int | None
    last_leaf: int | None
    leaves: list[list[int]]
    root: str
    checkpoint: str
    written_at: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a manifest. Raises ArchiveRefused."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise ArchiveRefused(f"保管の目録を読めません：{path.name}") from error

    def text(self) -> str:
        """Return the manifest as it is kept."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n"


def manifest_of(month: Month) -> Path:
    """Return where the manifest of a month is kept. Raises ArchiveRefused without a place for it."""
    if not settings.READ_LOG_ARCHIVE:
        raise ArchiveRefused("EIGYO_LOG_ARCHIVE に保管先のフォルダーを設定してください。")
    return Path(settings.READ_LOG_ARCHIVE) / f"read-log-{month}.json"


def archive(month: Month, *, by: str, at: datetime) -> Manifest:
    """Write a closed month, verify it from its file, and record that. Raises ArchiveRefused."""
    manifest = _write(month, at)
    verify(manifest_of(month))
    _record(month, manifest, by=by, at=at)
    return manifest


def verify(path: Path) -> Manifest:
    """Verify the file a manifest names against leaves, tiles and checkpoint, also when its month was dropped.

    Raises ArchiveRefused.
    """
    manifest = Manifest.read(path)
    month = Month.parse(manifest.month)
    file = path.with_name(manifest.file)
    if _digest(file) != manifest.sha256:
        raise ArchiveRefused(f"{file.name} の内容が目録のハッシュと違います。")
    checkpoint = _covering(manifest.checkpoint, manifest.last_leaf)
    runs = _Runs()
    rows = runs.watch(_proven(_as_sealed(_stored(file), month), checkpoint))
    count = sum(1 for _ in rows)
    reach = records.extent(month, alias=ALIAS)
    stated = (manifest.count, manifest.leaves, manifest.first_leaf, manifest.last_leaf)
    present = count if records.is_dropped(month, alias=ALIAS) else reach.entries
    if stated != (count, runs.found, reach.first, reach.last) or not count == reach.leaves == present:
        raise ArchiveRefused(f"{file.name} の件数か封印番号が、目録またはいまの記録と違います。")
    return manifest


def _write(month: Month, at: datetime) -> Manifest:
    path = manifest_of(month)
    if at < month.ends:
        raise ArchiveRefused(f"{month} はまだ終わっていません。")
    reach = records.extent(month, alias=ALIAS)
    if reach.leaves != reach.entries:
        raise ArchiveRefused(f"{month} には、封印されていない記録か、失われた記録があります。")
    try:
        note = (Path(settings.READ_LOG_FOLDER) / publication.CHECKPOINT).read_text()
    except OSError as error:
        raise ArchiveRefused("公表されたチェックポイントを読めません。") from error
    checkpoint = _covering(note, reach.last)
    file = path.with_suffix(".parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.new")
    runs = _Runs()
    with pq.ParquetWriter(unfinished, records.SCHEMA, compression="zstd") as writer:
        for page in records.of_month(month, reach, alias=ALIAS):
            writer.write_table(records.table(list(runs.watch(page))))
    _make_durable(unfinished)
    unfinished.replace(file)
    manifest = Manifest(
        format=FORMAT,
        month=str(month),
        file=file.name,
        sha256=_digest(file),
        count=reach.leaves,
        first_leaf=reach.first,
        last_leaf=reach.last,
        leaves=runs.found,
        root=base64.b64encode(checkpoint.root).decode(),
        checkpoint=note,
        written_at=at.isoformat(),
    )
    write(path, manifest.text().encode())
    return manifest


class _Runs:
    """The indexes that went by, as runs."""

    def __init__(self) -> None:
        self.found: list[list[int]] = []

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            if self.found and self.found[-1][1] == row.leaf - 1:
                self.found[-1][1] = row.leaf
            else:
                self.found.append([row.leaf, row.leaf])
            yield row


def _covering(note: str, last: int | None) -> Checkpoint:
    """Return the checkpoint of a note when it is trusted and covers every leaf."""
    checkpoint = _trusted(note)
    if last is not None and last >= checkpoint.size:
        raise ArchiveRefused(
            "公表されたチェックポイントが、この月の記録をまだ含んでいません。10秒ほどあとで、もう一度実行してください。"
        )
    return checkpoint


def _trusted(note: str) -> Checkpoint:
    """Return the checkpoint of a note that a trust policy of its time or of now accepts."""
    refusal = ""
    for policy in publication.policies():
        try:
            checkpoint, opened = open_checkpoint(note, policy.keys)
        except NoteError:
            refusal = refusal or "チェックポイントの署名を確かめられません。"
        else:
            if policy.is_met(opened):
                return checkpoint
            refusal = refusal or "チェックポイントに、立会人の署名がそろっていません。"
    raise ArchiveRefused(refusal)


def _stored(file: Path) -> Iterator[Row]:
    for batch in pq.ParquetFile(file).iter_batches(batch_size=records.PAGE):
        yield from records.rows_of(batch)


def _as_sealed(rows: Iterable[Row], month: Month) -> Iterator[Row]:
    """Pass rows on whose payload is canonical, gives their columns and has the hash of their own leaf."""
    for begin, group in groupby(rows, key=lambda row: row.leaf // records.PAGE * records.PAGE):
        sealed = records.hashes_of_month(month, begin, begin + records.PAGE, alias=ALIAS)
        for row in group:
            entry, digest = sealed.get(row.leaf, (None, b""))
            kept = leaves.Row(row.leaf, row.entry, digest, row.payload.encode(), row.columns)
            fault = next(leaves.faults(kept), "")
            if entry != row.entry or fault:
                raise ArchiveRefused(f"封印番号 {row.leaf:,} の記録が封印と違います。{fault}")
            yield row


def _proven(rows: Iterable[Row], checkpoint: Checkpoint) -> Iterator[Row]:
    """Pass rows on whose leaf stands in a tile of the checkpoint's tree.

    A path that begins in a tile is computed from all its hashes: one proof binds them all.
    """
    tiles = Tiles(Path(settings.READ_LOG_FOLDER), checkpoint.size)
    for number, group in groupby(rows, key=lambda row: row.leaf // WIDTH):
        first, last = number * WIDTH, min((number + 1) * WIDTH, checkpoint.size) - 1
        try:
            tile = tiles.tile(0, number)
            path = tree.inclusion_proof(tiles.node, last, checkpoint.size)
        except (TileMissing, ValueError) as error:
            raise ArchiveRefused(f"封印番号 {first:,} からのタイルがありません。") from error
        if not tree.includes(
            path, leaf=tile[-HASH_BYTES:], index=last, size=checkpoint.size, root=checkpoint.root
        ):
            raise ArchiveRefused(f"封印番号 {first:,} からのタイルが、チェックポイントにつながりません。")
        for row in group:
            place = (row.leaf - first) * HASH_BYTES
            if tree.leaf_hash(row.payload.encode()) != tile[place : place + HASH_BYTES]:
                raise ArchiveRefused(f"封印番号 {row.leaf:,} の記録がタイルと違います。")
            yield row


def _record(month: Month, manifest: Manifest, *, by: str, at: datetime) -> None:
    checkpoint = _covering(manifest.checkpoint, manifest.last_leaf)
    row: dict[str, Any] = {
        "month": month.first,
        "file": manifest.file,
        "sha256": bytes.fromhex(manifest.sha256),
        "count": manifest.count,
        "first_leaf": manifest.first_leaf,
        "last_leaf": manifest.last_leaf,
        "size": checkpoint.size,
        "root": checkpoint.root,
        "verified_at": at,
        "verified_by": by,
    }
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO archive ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )


def _make_durable(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArchiveRefused(f"保管したファイルを読めません：{path.name}") from error
