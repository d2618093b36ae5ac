"""Signed notes (C2SP signed-note) with Ed25519, and cosignatures of witnesses (C2SP tlog-cosignature)."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LOG, WITNESS = 0x01, 0x04  # signature types: note and cosignature/v1
KEY_BYTES, KEY_ID_BYTES, TIME_BYTES = 32, 4, 8
_DASH = "— "


class NoteError(ValueError):
    """A note, key or signature is malformed, or a known key's signature does not verify."""


@dataclass(frozen=True)
class VerifierKey:
    """A name, a type and a public key: whose signatures count."""

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name+hex id+base64`; raise NoteError when the id does not belong to the key."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        material = _decoded(encoded)
        if len(material) != KEY_BYTES + 1 or material[0] not in {LOG, WITNESS}:
            raise NoteError(f"not an Ed25519 verifier key: {name}")
        key = cls(name, material[0], material[1:])
        if key.key_id.hex() != key_id:
            raise NoteError(f"the key id does not belong to the key: {name}")
        return key

    def __str__(self) -> str:
        material = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @property
    def key_id(self) -> bytes:
        """Return the four bytes by which a signature line names its key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:KEY_ID_BYTES]

    def verify(self, text: str, signature: bytes) -> int:
        """Return the time of the signature (POSIX seconds, 0 for a log's); raise NoteError if it is false."""
        time, message = 0, text
        if self.kind == WITNESS:
            time = int.from_bytes(signature[:TIME_BYTES], "big")
            signature, message = signature[TIME_BYTES:], _cosigned(text, time)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message.encode())
        except InvalidSignature as error:
            raise NoteError(f"the signature of {self.name} does not verify") from error
        return time


@dataclass(frozen=True)
class Signer:
    """A private key with its name."""

    name: str
    kind: int
    private: Ed25519PrivateKey

    @classmethod
    def from_seed(cls, name: str, kind: int, seed: str) -> Self:
        """Make a signer from 32 secret bytes in hexadecimal."""
        try:
            return cls(name, kind, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed.strip())))
        except ValueError as error:
            raise NoteError("a signing key is 32 bytes in hexadecimal") from error

    @property
    def key(self) -> VerifierKey:
        """Return the public side."""
        return VerifierKey(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def line(self, text: str, *, time: int = 0) -> str:
        """Return the signature line for a note's text; a witness also says when (POSIX seconds)."""
        if self.kind == WITNESS:
            signature = time.to_bytes(TIME_BYTES, "big") + self.private.sign(_cosigned(text, time).encode())
        else:
            signature = self.private.sign(text.encode())
        return f"{_DASH}{self.name} {base64.b64encode(self.key.key_id + signature).decode()}\n"


@dataclass(frozen=True)
class Opened:
    """A note whose signatures by known keys are good: its text, and who signed when."""

    text: str
    signed: dict[VerifierKey, int]

    def by(self, kind: int) -> list[VerifierKey]:
        """Return the keys of one type that signed."""
        return [key for key in self.signed if key.kind == kind]


def sign(text: str, signers: Sequence[Signer]) -> str:
    """Return the note: text, empty line, a line from each signer."""
    if not text.endswith("\n") or not signers:
        raise NoteError("a note ends its text with a line feed and has a signature")
    return f"{text}\n{''.join(signer.line(text) for signer in signers)}"


def open_note(note: str, keys: Iterable[VerifierKey]) -> Opened:
    """Check a note against known keys; lines of unknown keys are passed over.

    Raises NoteError for a malformed note and for a known key whose signature is false.
    """
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise NoteError("the note has no signature part")
    text += "\n"
    known = {(key.name, key.key_id): key for key in keys}
    signed: dict[VerifierKey, int] = {}
    for line in lines.splitlines():
        name, signature = _signature(line)
        key = known.get((name, signature[:KEY_ID_BYTES]))
        if key and key not in signed:
            signed[key] = key.verify(text, signature[KEY_ID_BYTES:])
    return Opened(text, signed)


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    signature = _decoded(encoded)
    if not line.startswith(_DASH) or not name or len(signature) <= KEY_ID_BYTES:
        raise NoteError("a signature line is malformed")
    return name, signature


def _cosigned(text: str, time: int) -> str:
    return f"cosignature/v1\ntime {time}\n{text}"


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("not base64") from error
