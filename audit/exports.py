"""Exports of the log: asked for with a purpose, approved by a second officer, made by a job, gone after a week.

Every step is an entry of the log; that of the making is there before the file is.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connections, transaction

from audit import formats, publication, queries, records, words
from audit import log as read_log
from audit.choices import READ, Action, ExportFormat, ExportPurpose, Outcome
from audit.duties import must_have
from audit.entry import Actor, Entry
from audit.formats import Proven
from audit.queries import Condition
from audit.records import Row, Unsealed
from audit.tiles import TileMissing, Tiles

log = structlog.get_logger(__name__)
ALIAS = settings.READ_LOG_APP_ALIAS
WAITS = timedelta(days=7)  # for an approval
SHOWN = 100
_COLUMNS = (
    "id, asked_by, actor, asked_at, condition, purpose, reason, format, rows,"
    " approved_by, approved_at, made_at, file, sha256, expires_at, fault"
)


class ExportRefused(Exception):
    """This cannot be asked for, approved or made; the message says why (Japanese)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for."""

    condition: Condition
    purpose: ExportPurpose
    reason: str
    format: ExportFormat


@dataclass(frozen=True, slots=True)
class Export:
    """One request and how far it is."""

    id: int
    asked_by: str
    actor: Actor
    asked_at: datetime
    condition: Condition
    purpose: ExportPurpose
    reason: str
    format: ExportFormat
    rows: int
    approved_by: str | None
    approved_at: datetime | None
    made_at: datetime | None
    file: str | None
    sha256: bytes | None
    expires_at: datetime | None
    fault: str

    @classmethod
    def of(cls, found: tuple[Any, ...]) -> "Export":
        """Read a row of _COLUMNS."""
        number, asked_by, actor, asked_at, condition, purpose, reason, kind, *rest = found
        given = json.loads(actor)
        return cls(
            *(number, asked_by, Actor(**given | {"claims": tuple(given["claims"])}), asked_at),
            *(_condition(json.loads(condition)), ExportPurpose(purpose), reason, ExportFormat(kind), *rest),
        )

    def awaits_approval(self, at: datetime) -> bool:
        """Return whether somebody else may still approve it."""
        return self.approved_at is None and at < self.asked_at + WAITS

    def is_ready(self, at: datetime) -> bool:
        """Return whether its file can be fetched."""
        return self.expires_at is not None and at < self.expires_at

    @property
    def about(self) -> list[str]:
        """Return its condition in words."""
        return in_words(self.condition)

    @property
    def digest(self) -> str:
        """Return the hash of its file."""
        return bytes(self.sha256).hex() if self.sha256 else ""


def in_words(condition: Condition) -> list[str]:
    """Return a condition in words."""
    return [words.query(name, value) for name, value in condition.chosen().items()]


def ask(wish: Wish, *, by: Actor, at: datetime, request: str) -> int:
    """Ask for an export of what is in the log now; return its number. Raises PermissionDenied or ExportRefused."""
    must_have(by.person, READ, at)
    if not settings.READ_LOG_EXPORTS:
        raise ExportRefused("EIGYO_LOG_EXPORTS に出力先のフォルダーを設定してください。")
    condition = replace(wish.condition, until=min(wish.condition.until, at))
    rows = queries.entries(condition, alias=queries.PRIMARY).count()
    if not rows:
        raise ExportRefused("条件に当てはまる記録がありません。")
    _refuse_too_many(rows)
    about = {
        "step": "ask",
        "format": wish.format.value,
        "export_purpose": wish.purpose.value,
        "reason": wish.reason,
    }
    _tell(about | condition.chosen(), rows=rows, by=by, at=at, request=request)
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit.export (asked_by, actor, asked_at, condition, purpose, reason, format, rows)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            [
                *(by.person, json.dumps(asdict(by)), at, json.dumps(condition.chosen())),
                *(wish.purpose.value, wish.reason, wish.format.value, rows),
            ],
        )
        return int(cursor.fetchone()[0])


def approve(number: int, *, by: Actor, at: datetime, request: str) -> None:
    """Approve somebody else's request. Raises PermissionDenied or ExportRefused."""
    must_have(by.person, READ, at)
    export = find(number)
    if export is None or not export.awaits_approval(at):
        raise ExportRefused("承認を待っている依頼ではありません。")
    if export.asked_by == by.person:
        raise ExportRefused("自分の依頼は承認できません。ほかの担当者に承認してもらってください。")
    about = {"step": "approve", "export": str(number), "asked_by": export.asked_by}
    _tell(about, rows=export.rows, by=by, at=at, request=request)
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "UPDATE audit.export SET approved_by = %s, approved_at = %s WHERE id = %s AND approved_at IS NULL",
            [by.person, at, number],
        )
        if cursor.rowcount != 1:
            raise ExportRefused("ほかの担当者が先に承認しました。")


def fetch(number: int, *, by: Actor, at: datetime, request: str) -> Path:
    """Return the file of an export after putting on the log who takes it. Raises PermissionDenied or ExportRefused."""
    must_have(by.person, READ, at)
    export = find(number)
    if export is None or not export.is_ready(at):
        raise ExportRefused("受け取れるファイルがありません。")
    path = _folder() / str(export.file)
    about = {"step": "fetch", "export": str(number), "sha256": export.digest}
    _tell(about, rows=export.rows, by=by, at=at, request=request)
    if not path.exists() or _digest(path) != export.sha256:
        raise ExportRefused("ファイルが失われたか、作成した時と違います。もう一度依頼してください。")
    return path


def find(number: int) -> Export | None:
    """Return one request."""
    return next(iter(_found("WHERE id = %s", [number])), None)


def latest() -> list[Export]:
    """Return the latest requests, newest first."""
    return _found("ORDER BY id DESC LIMIT %s", [SHOWN])


def make_approved(*, clock: Callable[[], datetime]) -> int:
    """Make the files of approved requests, each by one worker only; return how many were made.

    What is not sealed and published yet waits for the next call.
    """
    made = 0
    for export in _found("WHERE approved_at IS NOT NULL AND made_at IS NULL AND fault = '' ORDER BY id"):
        with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
            cursor.execute(
                "SELECT FROM audit.export WHERE id = %s AND made_at IS NULL AND fault = '' FOR UPDATE SKIP LOCKED",
                [export.id],
            )
            if cursor.rowcount == 1:
                made += _make(export, clock())
    return made


def remove_expired(*, at: datetime) -> int:
    """Take away the files whose time is over; return how many."""
    gone = 0
    for export in _found("WHERE expires_at <= %s ORDER BY id DESC LIMIT %s", [at, SHOWN]):
        path = _folder() / str(export.file)
        if path.exists():
            path.unlink()
            gone += 1
    return gone


def _make(export: Export, at: datetime) -> bool:
    name = f"read-log-{export.asked_at:%Y%m%d}-{export.id}.{formats.ending(export.format)}"
    try:
        proven = _proven()
        rows = sum(1 for _ in _rows(export, proven))
    except Unsealed:
        return False
    except ExportRefused as refusal:
        return _fails(export, str(refusal))
    about = {"step": "make", "export": str(export.id), "format": export.format.value}
    about |= {"approved_by": str(export.approved_by), "export_purpose": export.purpose.value}
    receipt = _tell(
        about | export.condition.chosen(), rows=rows, by=export.actor, at=at, request=f"export-{export.id}"
    )
    unfinished = _folder() / f"{name}.new"
    try:
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        formats.write(export.format, unfinished, _rows(export, proven), proven)
        digest = _digest(unfinished)
        unfinished.replace(_folder() / name)
    except Unsealed:
        return False
    except DatabaseError:
        raise
    except Exception as error:  # whatever is wrong with this one, the next ones are made
        with suppress(OSError):
            unfinished.unlink()
        log.error("export_not_written", export=export.id, error=type(error).__name__)
        return _fails(export, _fault_of(error))
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "UPDATE audit.export SET entry = %s, made_at = %s, file = %s, sha256 = %s, expires_at = %s WHERE id = %s",
            [receipt.number, at, name, digest, at + settings.READ_LOG_EXPORT_LIFETIME, export.id],
        )
    return True


def _fault_of(error: Exception) -> str:
    match error:
        case ExportRefused():
            return str(error)
        case OSError():
            return "ファイルを書けませんでした。出力先の空きと権限を確かめ、もう一度依頼してください。"
        case TileMissing():
            return "証明に使うタイルが失われています。改ざん検証で確かめ、タイルを戻してから、もう一度依頼してください。"
        case _:
            return "ファイルを作れない記録がありました。システムの担当者が原因を確かめてから、もう一度依頼してください。"


def _fails(export: Export, fault: str) -> bool:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("UPDATE audit.export SET fault = %s WHERE id = %s", [fault, export.id])
    return False


def _proven() -> Proven:
    checkpoint = publication.published()
    if checkpoint is None:
        raise Unsealed
    folder = Path(settings.READ_LOG_FOLDER)
    note = (folder / publication.CHECKPOINT).read_text()
    return Proven(checkpoint.size, note, Tiles(folder, checkpoint.size))


def _rows(export: Export, proven: Proven) -> Iterator[Row]:
    """Yield what was in the log when the request was made; a late commit may have joined it since."""
    entries = queries.entries(export.condition, alias=queries.PRIMARY)
    _refuse_too_many(entries.count())
    yield from records.sealed(entries, size=proven.size, alias=queries.PRIMARY)


def _refuse_too_many(rows: int) -> None:
    if rows > settings.READ_LOG_EXPORT_ROWS:
        raise ExportRefused(
            f"{rows:,}件あります。一度に出力できるのは{settings.READ_LOG_EXPORT_ROWS:,}件までです。条件を絞ってください。"
        )


def _found(tail: str, values: list[Any] | None = None) -> list[Export]:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM audit.export {tail}", values or [])
        return [Export.of(found) for found in cursor.fetchall()]


def _condition(given: dict[str, str]) -> Condition:
    """Return the condition that `chosen` wrote down."""
    since, until = (datetime.fromisoformat(given.pop(name)) for name in ("since", "until"))
    flags = tuple(filter(None, given.pop("flags", "").split(",")))
    return Condition(since=since, until=until, flags=flags, **given)


def _tell(about: dict[str, str], *, rows: int, by: Actor, at: datetime, request: str) -> read_log.Receipt:
    entry = Entry(
        actor=by,
        action=Action.EXPORT_LOG,
        outcome=Outcome.ALLOWED,
        at=at,
        request=request,
        query=about,
        rows=rows,
    )
    (receipt,) = read_log.append([entry])
    return receipt


def _folder() -> Path:
    return Path(settings.READ_LOG_EXPORTS)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return file_digest(file, "sha256").digest()
