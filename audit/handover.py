"""What an auditor takes away: the log in the layout of C2SP tlog-tiles, entries included.

Entries hold names of staff and no value of a customer; the tiles that stay here hold hashes only.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connections

from audit import publication
from audit.chunks import DROPPED
from audit.tiles import WIDTH, Tiles, tile_path, write
from audit.tree import leaf_hash

ALIAS = "log"
_ENTRIES = """
SELECT l.index, l.hash, e.payload FROM leaf l LEFT JOIN entry e ON e.id = l.entry AND e.logged_at = l.logged_at
WHERE l.index >= %(begin)s AND l.index < %(end)s ORDER BY l.index
"""


class NothingPublished(Exception):
    """No checkpoint was published yet."""


class EntriesGone(Exception):
    """An entry is not in the database although its month was not dropped."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """How many entries a folder stands for, and of how many it holds the hash alone: their months were dropped."""

    entries: int
    dropped: int


def hand_over(target: Path, *, progress: Callable[[int], object]) -> HandedOver:
    """Write everything under the published checkpoint to a folder.

    Raises NothingPublished or EntriesGone. Hashes are made anew from the entries, so that the folder is judged by
    its own content; a dropped entry leaves an empty place in its bundle, and its hash in the tile. From the
    minimum index on (tlog-tiles, pruning) every entry is there.
    """
    checkpoint = publication.published()
    if checkpoint is None:
        raise NothingPublished
    tiles, dropped, minimum = Tiles(target, 0), 0, 0
    while tiles.size < checkpoint.size:
        end = min(tiles.size + WIDTH * WIDTH, checkpoint.size)
        leaves = _leaves(tiles.size, end)
        if gone := [leaf.index for leaf in leaves if leaf.payload is None]:
            dropped, minimum = dropped + len(gone), gone[-1] + 1
        _write_bundles(target, tiles.size, [leaf.payload or b"" for leaf in leaves])
        tiles.append([leaf.hash if leaf.payload is None else leaf_hash(leaf.payload) for leaf in leaves])
        progress(len(leaves))
    if minimum:
        write(target / publication.MINIMUM_INDEX, f"{minimum}\n".encode())
    shutil.copyfile(settings.READ_LOG_POLICY, target / "policy.txt")
    note = (Path(settings.READ_LOG_FOLDER) / publication.CHECKPOINT).read_bytes()
    write(target / publication.CHECKPOINT, note)
    return HandedOver(checkpoint.size, dropped)


def bundle_path(index: int, width: int) -> str:
    """Return the path of a bundle of 256 entries, or of the last, shorter one."""
    return tile_path(0, index, width).replace("tile/0/", "tile/entries/", 1)


def _write_bundles(target: Path, begin: int, payloads: list[bytes]) -> None:
    for at in range(0, len(payloads), WIDTH):
        bundle = payloads[at : at + WIDTH]
        data = b"".join(len(payload).to_bytes(2, "big") + payload for payload in bundle)
        write(target / bundle_path((begin + at) // WIDTH, len(bundle)), data)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A leaf of the log, with its entry's text unless its month was dropped."""

    index: int
    hash: bytes
    payload: bytes | None


def _leaves(begin: int, end: int) -> list[_Leaf]:
    span = {"begin": begin, "end": end}
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_ENTRIES, span)
        leaves = [
            _Leaf(index, bytes(digest), None if payload is None else payload.encode())
            for index, digest, payload in cursor.fetchall()
        ]
        cursor.execute(DROPPED, span)
        dropped = {index for (index,) in cursor.fetchall()}
    if len(leaves) != end - begin or any(
        leaf.payload is None and leaf.index not in dropped for leaf in leaves
    ):
        raise EntriesGone
    return leaves
