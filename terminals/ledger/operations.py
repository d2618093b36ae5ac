"""Take a delivery of the ledger in, check it as a whole, and put it in force when somebody confirms it.

A delivery never changes the registry (docs/adr/0012). Nothing of a file with a fault is kept but its
faults; a file that would change too much waits for somebody else's reason (REC-07).
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any, BinaryIO

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from accesscontrol.duties import must_have
from accesscontrol.models import Staff
from audit.textfile import RowError, Unreadable, detect_encoding
from terminals.changed import ask_for_run
from terminals.choices import KEEP, MANAGE, Channel, FileState, Trigger
from terminals.ledger import queries
from terminals.ledger.exchange import LedgerRow, read_rows
from terminals.models import LedgerFile, LedgerLine
from terminals.notices import tell

KEPT_LEDGERS = 8
UNCHANGED = "変更なし"
_BATCH = 5000  # rows
_CHUNK = 1 << 20  # bytes

Read = tuple[int, LedgerRow | list[RowError]]


class LedgerRefused(Exception):
    """The ledger in force is as it was; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Brake:
    """Why a file does not come into force; some a person who did not deliver it may lift with a reason."""

    words: str
    may_be_lifted: bool = False


def receive(
    stream: BinaryIO, *, file_name: str, as_of: date, channel: Channel, by: Staff | None, at: datetime
) -> LedgerFile:
    """Check a delivery and keep it, waiting for confirmation, or refused with everything that is wrong.

    `stream` is seekable and stands at its beginning; it is read in bounded memory. Never raises for
    what is in the file; raises OutsideDuty for somebody who does not deliver ledgers.
    """
    if by is not None:
        must_have(by, KEEP, at)
    file = LedgerFile(
        received_at=at,
        received_by=by,
        channel=channel,
        file_name=file_name[-200:],
        sha256=_sha256(stream),
        as_of=as_of,
    )
    with transaction.atomic():
        _lock()
        file.save()
        fault = _too_large(stream) or _stage(file, stream)
        if brake := fault or _final_brake(file, at):
            LedgerLine.objects.filter(file=file).delete()
            file.state, file.outcome = FileState.REFUSED, brake[:300]
        file.save()
    return file


def brakes(file: LedgerFile, *, at: datetime) -> list[Brake]:
    """Return everything that keeps a checked file from coming into force now."""
    if final := _final_brake(file, at):
        return [Brake(final)]
    current = queries.accepted().first()
    if current is None or not current.rows:
        return []
    found = []
    gone = (current.rows - file.rows) / current.rows
    if gone > settings.LEDGER_SHRINK_LIMIT:
        words = f"いまの{current.rows:,}行に対して{file.rows:,}行しかありません（{gone:.0%}の減少）。"
        found.append(Brake(words + "途中で切れたファイルでないか確かめてください。", may_be_lifted=True))
    common, changed = queries.holders(current, file)
    if common and changed / common > settings.LEDGER_CHANGE_LIMIT:
        words = f"{common:,}台のうち{changed:,}台（{changed / common:.0%}）で配備先が変わります。"
        found.append(Brake(words + "列の取り違えがないか確かめてください。", may_be_lifted=True))
    return found


def accept(file: LedgerFile, *, by: Staff | None, at: datetime, accept_anyway: str = "") -> LedgerFile:
    """Put a checked file in force and have the terminals compared again.

    `accept_anyway` is the reason to lift a brake that may be lifted, given by somebody who did not
    deliver the file. Raises OutsideDuty, or LedgerRefused; a file that can never come into force is kept
    as refused.
    """
    if by is not None:
        must_have(by, MANAGE, at)
    with transaction.atomic():
        _lock()
        file.refresh_from_db()
        if file.state != FileState.CHECKED:
            raise LedgerRefused(f"このファイルは{file.get_state_display()}です。{file.outcome}")
        found = brakes(file, at=at)
        if not any(not brake.may_be_lifted for brake in found):
            _lift(found, file=file, by=by, reason=accept_anyway.strip())
            _put_in_force(file, by=by, at=at, lifted=found, reason=accept_anyway.strip())
            return file
        file.state, file.outcome = FileState.REFUSED, found[0].words[:300]
        file.save(update_fields=["state", "outcome"])
        LedgerLine.objects.filter(file=file).delete()
    raise LedgerRefused(file.outcome)


def refuse(file: LedgerFile, *, reason: str, by: Staff, at: datetime) -> LedgerFile:
    """Turn a checked file down and tell whoever delivered it. Raises LedgerRefused when it no longer waits."""
    must_have(by, MANAGE, at)
    with transaction.atomic():
        _lock()
        file.refresh_from_db()
        if file.state != FileState.CHECKED:
            raise LedgerRefused(f"このファイルは{file.get_state_display()}です。")
        file.state, file.outcome = FileState.REFUSED, f"{by}が不採用にしました。理由：{reason}"[:300]
        file.save(update_fields=["state", "outcome"])
        LedgerLine.objects.filter(file=file).delete()
        if file.received_by is not None:
            words = f"端末配備先情報「{file.file_name}」は採用されませんでした。理由：{reason}"
            tell(file.received_by, words, link=f"/ledger/{file.pk}/", at=at)
    return file


def _lock() -> None:
    """Let two deliveries or confirmations wait for each other, so that each sees what is in force."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('terminals_ledgerfile'))")


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    stream.seek(0)
    return digest.hexdigest()


def _too_large(stream: BinaryIO) -> str:
    size = stream.seek(0, 2)
    stream.seek(0)
    limit = settings.LEDGER_SIZE_LIMIT
    return f"ファイルが{limit >> 20}MBを超えています。" if size > limit else ""


def _stage(file: LedgerFile, stream: BinaryIO) -> str:
    """Keep the lines, or all errors and no line; return why the file cannot be read, if so."""
    bad: set[int] = set()
    try:
        file.encoding = detect_encoding(stream)
        for batch in _batches(read_rows(stream, encoding=file.encoding)):
            file.rows += len(batch)
            errors = [error for _, found in batch if isinstance(found, list) for error in found]
            bad.update(error.line for error in errors)
            _copy_errors(file, errors)
            if not bad:
                _copy_lines(file, batch)
    except Unreadable as error:
        _copy_errors(file, [RowError(error.line, "", "", str(error))])
        file.bad_rows = len(bad)
        return str(error)
    file.bad_rows = len(bad)
    return ""


def _batches(rows: Iterable[Read]) -> Iterator[list[Read]]:
    rows = iter(rows)
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _copy_lines(file: LedgerFile, batch: list[Read]) -> None:
    _copy(
        "terminals_ledgerline",
        ("file_id", "line", *LedgerRow._fields),
        ((file.pk, line, *row) for line, row in batch),
    )


def _copy_errors(file: LedgerFile, errors: list[RowError]) -> None:
    if errors:
        rows = ((file.pk, *error[:3], error.message[:200]) for error in errors)
        _copy("terminals_ledgererror", ("file_id", *RowError._fields), rows)


def _copy(table: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    target = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.cursor.copy(target) as copy:
        for row in rows:
            copy.write_row(row)


def _final_brake(file: LedgerFile, at: datetime) -> str:
    """Return why a file can never come into force, or an empty text."""
    if file.bad_rows:
        return f"{file.bad_rows:,}行に誤りがあります。誤りを直して、台帳の全体を届け直してください。"
    if not file.rows:
        return "行がありません。ファイルを確かめてください。"
    if queries.waiting_twin(file):
        return f"{UNCHANGED}（同じ内容のファイルが確認を待っています）"
    return _fault_of_date(file, at)


def _fault_of_date(file: LedgerFile, at: datetime) -> str:
    if file.as_of is None or file.as_of > timezone.localdate(at):
        return "基準日が受け取った日より後です。ファイルの日付を確かめてください。"
    current = queries.accepted().first()
    if current is None or current.as_of is None or file.as_of > current.as_of:
        return ""
    if file.as_of < current.as_of:
        return f"基準日が、いまの台帳（{current.as_of:%Y/%m/%d}）より前です。"
    same = file.sha256 == current.sha256
    return f"{UNCHANGED}（いまの台帳と同じファイルです）" if same else ""


def _lift(found: list[Brake], *, file: LedgerFile, by: Staff | None, reason: str) -> None:
    """Refuse while a brake holds, unless somebody else than the deliverer gives a reason."""
    if not found:
        return
    words = "".join(brake.words for brake in found)
    if not reason:
        raise LedgerRefused(f"{words}このまま反映するときは、理由を入力してください。")
    if by is None or by == file.received_by:
        raise LedgerRefused(
            f"{words}届けた人は、このファイルを反映できません。ほかの担当者が確認してください。"
        )


def _put_in_force(
    file: LedgerFile, *, by: Staff | None, at: datetime, lifted: list[Brake], reason: str
) -> None:
    before = queries.accepted().first()
    file.state, file.accepted_by, file.accepted_at = FileState.ACCEPTED, by, at
    if lifted:
        file.outcome = f"{''.join(brake.words for brake in lifted)}反映した理由：{reason}"[:300]
    elif before and before.sha256 == file.sha256:
        file.outcome = f"{UNCHANGED}（基準日だけが新しくなりました）"
    else:
        file.outcome = "反映しました"
    file.save()
    _drop_old_lines()
    ask_for_run(Trigger.LEDGER, by=by)


def _drop_old_lines() -> None:
    kept = list(queries.accepted().values_list("pk", flat=True)[:KEPT_LEDGERS])
    LedgerLine.objects.filter(file__state=FileState.ACCEPTED).exclude(file__in=kept).delete()
