"""A checkpoint (C2SP tlog-checkpoint): which log, how many leaves, which root."""

import base64
import binascii
from dataclasses import dataclass
from typing import Self

from audit.note import LOG, NoteError, Opened, VerifierKey, open_note
from audit.tree import HASH_BYTES

LARGEST_SIZE = 2**63 - 1


@dataclass(frozen=True)
class Checkpoint:
    """The state of the log at one size."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a checkpoint's text; extension lines are passed over. Raises NoteError."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not lines[0]:
            raise NoteError("a checkpoint has three lines")
        origin, size, root = lines[:3]
        try:
            decoded = base64.b64decode(root, validate=True)
        except (binascii.Error, ValueError) as error:
            raise NoteError("the root of a checkpoint is base64") from error
        if len(decoded) != HASH_BYTES:
            raise NoteError("the root of a checkpoint has 32 bytes")
        return cls(origin, plain_size(size), decoded)

    @property
    def text(self) -> str:
        """Return what is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def plain_size(text: str) -> int:
    """Read the size of a tree, as a checkpoint and its witness write it. Raises NoteError."""
    plain = text.isascii() and text.isdecimal() and (text == "0" or not text.startswith("0"))
    if not plain or len(text) > len(str(LARGEST_SIZE)) or int(text) > LARGEST_SIZE:
        raise NoteError("the size of a tree is a plain decimal number")
    return int(text)


def open_checkpoint(note: str, keys: list[VerifierKey]) -> tuple[Checkpoint, Opened]:
    """Return the checkpoint of a note that a known key of its own log has signed. Raises NoteError."""
    opened = open_note(note, keys)
    checkpoint = Checkpoint.parse(opened.text)
    if not any(key.name == checkpoint.origin for key in opened.by(LOG)):
        raise NoteError("no known key of the log has signed this checkpoint")
    return checkpoint, opened
