"""A witness (C2SP tlog-witness): it remembers each log's latest checkpoint and signs only its continuations.

It belongs to somebody else than the log's administrator, with its own key and its own file; whoever
rewrites the log and signs again with the log's key is found here. One endpoint, add-checkpoint.
"""

import base64
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from audit import tree
from audit.checkpoint import Checkpoint, plain_size
from audit.note import LOG, NoteError, Signer, VerifierKey, open_note

MOST_PROOF_LINES = 63
PLAIN = "text/plain; charset=utf-8"
MOST_BODY_BYTES = 64 * 1024
_TABLE = """
CREATE TABLE IF NOT EXISTS checkpoint (
  origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL, seen_at INTEGER NOT NULL
) STRICT
"""


class Refusal(Exception):
    """The witness does not sign; status, body and content type of the answer."""

    def __init__(self, status: HTTPStatus, body: str = "", content_type: str = PLAIN) -> None:
        super().__init__(status)
        self.status, self.body, self.content_type = status, body, content_type


@dataclass(frozen=True)
class Request:
    """The body of add-checkpoint."""

    old: int
    proof: list[bytes]
    note: str

    @classmethod
    def parse(cls, body: str) -> "Request":
        """Read the body; raise Refusal (400) when it is malformed."""
        head, separator, note = body.partition("\n\n")
        first, *lines = head.split("\n")
        if not separator or not first.startswith("old ") or len(lines) > MOST_PROOF_LINES:
            raise Refusal(HTTPStatus.BAD_REQUEST)
        try:
            old = plain_size(first.removeprefix("old "))
            proof = [base64.b64decode(line, validate=True) for line in lines]
        except ValueError as error:
            raise Refusal(HTTPStatus.BAD_REQUEST) from error
        if any(len(node) != tree.HASH_BYTES for node in proof):
            raise Refusal(HTTPStatus.BAD_REQUEST)
        return cls(old, proof, note)

    def format(self) -> str:
        """Return the body."""
        lines = [f"old {self.old}", *(base64.b64encode(node).decode() for node in self.proof)]
        return "\n".join(lines) + f"\n\n{self.note}"


@dataclass(frozen=True)
class Witness:
    """One witness: its key, the logs it knows, and its file."""

    signer: Signer
    logs: list[VerifierKey]
    store: Path

    def add_checkpoint(self, body: str, *, time: int) -> str:
        """Check, remember, then sign; return the cosignature line. Raises Refusal."""
        request = Request.parse(body)
        checkpoint, text = self._open(request.note)
        if request.old > checkpoint.size:
            raise Refusal(HTTPStatus.BAD_REQUEST)
        with closing(self._connect()) as store, store:
            store.execute("BEGIN IMMEDIATE")
            old, old_root = _latest(store, checkpoint.origin)
            if request.old != old:
                raise Refusal(HTTPStatus.CONFLICT, f"{old}\n", "text/x.tlog.size")
            if not tree.continues(
                request.proof, old=old, old_root=old_root, size=checkpoint.size, root=checkpoint.root
            ) or (checkpoint.size == 0 and checkpoint.root != tree.EMPTY_ROOT):
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY)
            store.execute(
                "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?)",
                [checkpoint.origin, checkpoint.size, checkpoint.root, request.note, time],
            )
        return self.signer.line(text, time=time)

    def latest(self, origin: str) -> str | None:
        """Return the latest checkpoint of a log as it was signed, for comparison."""
        with closing(self._connect()) as store:
            found = store.execute("SELECT note FROM checkpoint WHERE origin = ?", [origin]).fetchone()
        return found[0] if found else None

    def _open(self, note: str) -> tuple[Checkpoint, str]:
        try:
            checkpoint = Checkpoint.parse(note.partition("\n\n")[0] + "\n")
        except NoteError as error:
            raise Refusal(HTTPStatus.BAD_REQUEST) from error
        keys = [key for key in self.logs if key.name == checkpoint.origin]
        if not keys:
            raise Refusal(HTTPStatus.NOT_FOUND)
        try:
            opened = open_note(note, keys)
        except NoteError as error:
            raise Refusal(HTTPStatus.FORBIDDEN) from error
        if not opened.by(LOG):
            raise Refusal(HTTPStatus.FORBIDDEN)
        return checkpoint, opened.text

    def _connect(self) -> sqlite3.Connection:
        store = sqlite3.connect(self.store, isolation_level=None, timeout=10)
        store.execute("PRAGMA synchronous = FULL")
        store.execute(_TABLE)
        return store


def _latest(store: sqlite3.Connection, origin: str) -> tuple[int, bytes]:
    found = store.execute("SELECT size, root FROM checkpoint WHERE origin = ?", [origin]).fetchone()
    return (found[0], found[1]) if found else (0, tree.EMPTY_ROOT)


def application(witness: Witness, clock: Callable[[], int]) -> Callable[..., Iterable[bytes]]:
    """Return the witness as a WSGI application: POST /add-checkpoint, GET /healthz."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            status, body, content_type = HTTPStatus.OK, _answer(witness, environ, clock), PLAIN
        except Refusal as refusal:
            status, body, content_type = refusal.status, refusal.body, refusal.content_type
        data = body.encode()
        headers = [("Content-Type", content_type), ("Content-Length", str(len(data)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [data]

    return answer


def _answer(witness: Witness, environ: dict[str, Any], clock: Callable[[], int]) -> str:
    route = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if route == ("GET", "/healthz"):
        return "ok\n"
    if environ["PATH_INFO"] != "/add-checkpoint":
        raise Refusal(HTTPStatus.NOT_FOUND)
    if environ["REQUEST_METHOD"] != "POST":
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED)
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MOST_BODY_BYTES:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        body = environ["wsgi.input"].read(int(length)).decode()
    except UnicodeDecodeError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST) from error
    return witness.add_checkpoint(body, time=clock())
