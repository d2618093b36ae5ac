"""Checkpoints: write the tiles, sign, have witnesses sign, publish.

Order matters: tiles are on disk before a checkpoint is signed, the checkpoint is in the database
before anybody outside sees it, and it is published only when enough witnesses have signed it.
"""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connections

from audit import sealer, tree, witness
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.note import LOG, NoteError, Opened, Signer, sign
from audit.sealer import ALIAS, SealingRefused
from audit.tiles import TileMissing, Tiles, write
from audit.trust import Policy, Witness

CHECKPOINT = "checkpoint"
MINIMUM_INDEX = "minimum-index"
_LOCK = 0x7469_6C65
_LEAVES = 65_536
_WITNESS_TIMEOUT = 5  # seconds


class WitnessAbsent(Exception):
    """Not enough witnesses signed; the message says which did not answer (Japanese)."""


@dataclass(frozen=True, slots=True)
class _Signed:
    """A checkpoint of this log with its note, as far as it is signed."""

    checkpoint: Checkpoint
    note: str


def policy() -> Policy:
    """Return the trust policy of this installation."""
    return _read_policy(settings.READ_LOG_POLICY)


def policies() -> list[Policy]:
    """Return the trust policy of now, then those under which earlier checkpoints were signed."""
    return [policy(), *map(_read_policy, settings.READ_LOG_EARLIER_POLICIES)]


def _read_policy(path: str) -> Policy:
    return Policy.parse(Path(path).read_text())


def signers() -> list[Signer]:
    """Return the log's signing keys; during a rotation there are two, and both sign."""
    return [Signer.from_seed(settings.READ_LOG_ORIGIN, LOG, seed) for seed in settings.READ_LOG_KEYS]


def published() -> Checkpoint | None:
    """Return the checkpoint that was published last. Raises SealingRefused when its file is not ours."""
    path = Path(settings.READ_LOG_FOLDER) / CHECKPOINT
    if not path.exists():
        return None
    try:
        return open_checkpoint(path.read_text(), policy().logs)[0]
    except NoteError as error:
        raise SealingRefused(
            "公表済みのチェックポイントの署名を確かめられません。ファイルと信頼方針を確かめてください。"
        ) from error


def publish(*, at: datetime) -> Checkpoint | None:
    """Publish the tree as it is now; return the checkpoint, or None when there is nothing new.

    Raises SealingRefused when the tree is no continuation of what was signed before, and
    WitnessAbsent when the policy's quorum is not met: the next call tries again.
    """
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return None
        try:
            checkpoint = _publish(at)
            _publish_minimum_index()
            return checkpoint
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _publish(at: datetime) -> Checkpoint | None:
    last = published()
    size, root = sealer.tree_size()
    sealer.refuse_unless_continued(last, size)
    if size == (last.size if last else 0):
        return None
    folder = Path(settings.READ_LOG_FOLDER)
    signed = _latest_signed()
    tiles = write_tiles(folder, signed.checkpoint if signed else None, size)
    _refuse_unless_consistent(tiles, signed, Checkpoint(settings.READ_LOG_ORIGIN, size, root))
    note = signed.note if signed and signed.checkpoint.size == size else _sign(size, root, at)
    note, opened, absent = _cosign(note, tiles, last)
    if not policy().is_met(opened):
        raise WitnessAbsent(f"立会人の署名がそろわないため公表していません（{'、'.join(absent)}）。")
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("UPDATE checkpoint SET note = %s, published_at = %s WHERE size = %s", [note, at, size])
    write(folder / CHECKPOINT, note.encode())
    return Checkpoint(settings.READ_LOG_ORIGIN, size, root)


def _publish_minimum_index() -> None:
    """Say from which leaf on every entry is still there (tlog-tiles, pruning); never beyond the checkpoint."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT max(minimum_index) FROM dropped_month")
        (minimum,) = cursor.fetchone()
    checkpoint = published()
    if minimum is not None and checkpoint is not None:
        path = Path(settings.READ_LOG_FOLDER) / MINIMUM_INDEX
        text = f"{min(minimum, checkpoint.size)}\n".encode()
        if not path.exists() or path.read_bytes() != text:
            write(path, text)


def write_tiles(folder: Path, signed: Checkpoint | None, size: int) -> Tiles:
    """Bring the tiles up to `size`, from the last signed checkpoint if they hold it, else from the beginning."""
    tiles = Tiles(folder, signed.size if signed else 0)
    try:
        if signed and tree.root(tiles.node, signed.size) != signed.root:
            tiles = Tiles(folder, 0)
    except TileMissing:
        tiles = Tiles(folder, 0)
    while tiles.size < size:
        tiles.append(sealer.leaf_hashes(tiles.size, min(size, tiles.size + _LEAVES)))
    return tiles


def _refuse_unless_consistent(tiles: Tiles, signed: _Signed | None, new: Checkpoint) -> None:
    """Never sign what does not continue what was signed (tlog-checkpoint: MUST NOT)."""
    old = signed.checkpoint if signed else Checkpoint(new.origin, 0, tree.EMPTY_ROOT)
    proof = tree.consistency_proof(tiles.node, old.size, new.size)
    if not tree.continues(proof, old=old.size, old_root=old.root, size=new.size, root=new.root):
        raise SealingRefused(
            f"署名済みの{old.size:,}件の木に、いまの{new.size:,}件の木がつながりません。署名していません。"
            "manage.py verify_read_log で最初の不一致を確かめてください。"
        )


def _latest_signed() -> _Signed | None:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT size, root, note FROM checkpoint ORDER BY size DESC LIMIT 1")
        found = cursor.fetchone()
    if found is None:
        return None
    size, root, note = found
    return _Signed(Checkpoint(settings.READ_LOG_ORIGIN, size, bytes(root)), note)


def _sign(size: int, root: bytes, at: datetime) -> str:
    note = sign(Checkpoint(settings.READ_LOG_ORIGIN, size, root).text, signers())
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "INSERT INTO checkpoint (size, root, note, signed_at) VALUES (%s, %s, %s, %s)",
            [size, root, note, at],
        )
    return note


def _cosign(note: str, tiles: Tiles, last: Checkpoint | None) -> tuple[str, Opened, list[str]]:
    """Ask every witness; return the note with their lines, opened, and the names of the absent."""
    trusted = policy()
    absent = []
    for each in trusted.witnesses:
        try:
            line = ask(each, note, tiles, old=last.size if last else 0)
            open_checkpoint(note + line, trusted.keys)
        except (NoteError, OSError):
            absent.append(each.name)
        else:
            note += line
    return note, open_checkpoint(note, trusted.keys)[1], absent


def ask(each: Witness, note: str, tiles: Tiles, *, old: int) -> str:
    """Return a witness's cosignature lines; when it remembers another size, prove from that one.

    Raises OSError when it does not answer, SealingRefused when it remembers a larger or another tree.
    """
    status, body = _post(each, witness.Request(old, _proof(tiles, old), note))
    if status == HTTPStatus.CONFLICT and body.strip().isdecimal():
        remembered = int(body)
        if remembered > tiles.size:
            raise SealingRefused(
                f"立会人 {each.name} は{remembered:,}件まで見ていますが、いまの記録は{tiles.size:,}件です。"
                "記録が巻き戻っています。署名を公表していません。公表済みの時点より新しいデータに戻してください。"
            )
        status, body = _post(each, witness.Request(remembered, _proof(tiles, remembered), note))
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        raise SealingRefused(
            f"立会人 {each.name} が覚えている記録に、いまの記録がつながりません。記録が書き換えられています。"
            "公表していません。manage.py verify_read_log --full で最初の不一致を確かめ、控えから戻してください。"
        )
    if status != HTTPStatus.OK:
        raise OSError(f"{each.name}: {status}")
    return body


def _proof(tiles: Tiles, old: int) -> list[bytes]:
    return tree.consistency_proof(tiles.node, old, tiles.size) if old <= tiles.size else []


def _post(each: Witness, request: witness.Request) -> tuple[int, str]:
    address = urlsplit(each.url)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.netloc, timeout=_WITNESS_TIMEOUT)
    try:
        connection.request("POST", f"{address.path}/add-checkpoint", request.format().encode())
        answer = connection.getresponse()
        return answer.status, answer.read(witness.MOST_BODY_BYTES).decode(errors="replace")
    except HTTPException as error:
        raise OSError(f"{each.name}: {type(error).__name__}") from error
    finally:
        connection.close()
