"""The tree on disk, in the layout of C2SP tlog-tiles: 256 hashes to a tile, partial tiles at the edge.

Tiles never change once written. They are written whole (temporary file, rename), so that a process
killed at any point leaves either the old state or the new one.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from audit.tree import HASH_BYTES, perfect_root

WIDTH = 256
HEIGHT = 8  # levels of the tree in a tile


class TileMissing(Exception):
    """A tile that this size of the tree needs is not there or has the wrong length."""


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile below the log's folder: tile/0/x001/234, with .p/17 when partial."""
    digits = f"{index:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + (f".p/{width}" if width < WIDTH else "")


class Tiles:
    """The tiles of one log below a folder, as far as a tree of `size` leaves."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size
        self._subtree = lru_cache(maxsize=4096)(self._read_subtree)

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a node of the tree, computed from one tile."""
        return self._subtree(level, index)

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, as wide as this size of the tree makes it."""
        width = min(WIDTH, (self.size >> HEIGHT * level) - index * WIDTH)
        if width <= 0:
            raise TileMissing(tile_path(level, index))
        for candidate in (width, WIDTH):
            path = self.folder / tile_path(level, index, candidate)
            if path.exists() and len(data := path.read_bytes()) == candidate * HASH_BYTES:
                return data[: width * HASH_BYTES]
        raise TileMissing(tile_path(level, index, width))

    def append(self, leaves: Sequence[bytes]) -> None:
        """Write the tiles that these leaf hashes fill or begin; the same leaves again change nothing."""
        level, start, hashes = 0, self.size, list(leaves)
        while hashes:
            index, offset = divmod(start, WIDTH)
            if offset:
                hashes = _split(self.tile(level, index)) + hashes
            full = []
            for at in range(0, len(hashes), WIDTH):
                tile = hashes[at : at + WIDTH]
                write(self.folder / tile_path(level, index + at // WIDTH, len(tile)), b"".join(tile))
                if len(tile) == WIDTH:
                    full.append(perfect_root(tile))
                    self._drop_partial(level, index + at // WIDTH)
            level, start, hashes = level + 1, index, full
        self.size += len(leaves)
        self._subtree.cache_clear()

    def _drop_partial(self, level: int, index: int) -> None:
        """Remove what a full tile replaces, which the standard allows."""
        for partial in (self.folder / f"{tile_path(level, index)}.p").glob("*"):
            partial.unlink()

    def _read_subtree(self, level: int, index: int) -> bytes:
        tile_level, rise = divmod(level, HEIGHT)
        begin = index << rise
        tile, offset = divmod(begin, WIDTH)
        hashes = _split(self.tile(tile_level, tile))[offset : offset + (1 << rise)]
        if len(hashes) < 1 << rise:
            raise TileMissing(tile_path(tile_level, tile))
        return perfect_root(hashes)


def write(path: Path, data: bytes) -> None:
    """Put a file in place whole and durable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _split(tile: bytes) -> list[bytes]:
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
