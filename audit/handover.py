"""What an auditor takes away: the log in the layout of C2SP tlog-tiles, entries included.

Entries hold names of staff and no value of a customer; the tiles that stay here hold hashes only.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connections

from audit import publication
from audit.tiles import WIDTH, Tiles, tile_path, write
from audit.tree import leaf_hash

ALIAS = "log"
_ENTRIES = """
SELECT e.payload FROM leaf l JOIN entry e ON e.id = l.entry AND e.logged_at = l.logged_at
WHERE l.index >= %s AND l.index < %s ORDER BY l.index
"""


class NothingPublished(Exception):
    """No checkpoint was published yet."""


class EntriesGone(Exception):
    """Not every entry is in the database: months were dropped, or something was taken away."""


def hand_over(target: Path, *, progress: Callable[[int], object]) -> int:
    """Write everything under the published checkpoint to a folder; return the number of entries.

    Raises NothingPublished or EntriesGone. Hashes are made anew from the entries, so that the folder is judged by
    its own content.
    """
    checkpoint = publication.published()
    if checkpoint is None:
        raise NothingPublished
    tiles = Tiles(target, 0)
    while tiles.size < checkpoint.size:
        end = min(tiles.size + WIDTH * WIDTH, checkpoint.size)
        payloads = _payloads(tiles.size, end)
        if len(payloads) != end - tiles.size:
            raise EntriesGone
        _write_bundles(target, tiles.size, payloads)
        tiles.append([leaf_hash(payload) for payload in payloads])
        progress(len(payloads))
    shutil.copyfile(settings.READ_LOG_POLICY, target / "policy.txt")
    note = (Path(settings.READ_LOG_FOLDER) / publication.CHECKPOINT).read_bytes()
    write(target / publication.CHECKPOINT, note)
    return checkpoint.size


def bundle_path(index: int, width: int) -> str:
    """Return the path of a bundle of 256 entries, or of the last, shorter one."""
    return tile_path(0, index, width).replace("tile/0/", "tile/entries/", 1)


def _write_bundles(target: Path, begin: int, payloads: list[bytes]) -> None:
    for at in range(0, len(payloads), WIDTH):
        bundle = payloads[at : at + WIDTH]
        data = b"".join(len(payload).to_bytes(2, "big") + payload for payload in bundle)
        write(target / bundle_path((begin + at) // WIDTH, len(bundle)), data)


def _payloads(begin: int, end: int) -> list[bytes]:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_ENTRIES, [begin, end])
        return [payload.encode() for (payload,) in cursor.fetchall()]
