"""How long entries stay: holds for cases, and the one way a month leaves the database. Each step is on the log."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, connections

from audit import archive, log
from audit.choices import Action, Outcome
from audit.entry import Actor, Entry
from audit.records import Month

ALIAS = "retain"
REFUSED, BUSY = "P0001", "55P03"  # what the function refuses, and a lock that did not come in time


class RetentionRefused(Exception):
    """The month stays; the message says why (Japanese)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What a case needs kept: a period, or one point or person within it; without `ends_at` until released."""

    since: datetime
    until: datetime
    reason: str
    point: str = ""
    person: str = ""
    ends_at: datetime | None = None


def drop(month: Month, *, by: str, at: datetime) -> int:
    """Drop an archived month whose time is over; return how many entries left. Raises RetentionRefused.

    The file is verified once more before anything goes. The log's owner decides in the database; this login may only ask.
    """
    try:
        archive.verify(archive.manifest_of(month))
    except archive.ArchiveRefused as refusal:
        _tell("drop", {"month": str(month), "reason": str(refusal)}, by=by, at=at, outcome=Outcome.REFUSED)
        raise RetentionRefused(str(refusal)) from refusal
    receipt = _tell("drop", {"month": str(month)}, by=by, at=at)
    try:
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(
                "SELECT drop_month(%s, %s, %s)", [month.first, settings.READ_LOG_YEARS, receipt.number]
            )
            return int(cursor.fetchone()[0])
    except DatabaseError as error:
        reason = _reason(error)
        _tell("drop", {"month": str(month), "reason": reason}, by=by, at=at, outcome=Outcome.REFUSED)
        raise RetentionRefused(reason) from error


def place(hold: Hold, *, by: str, at: datetime) -> int:
    """Keep what a case needs, whatever its age; return the number of the hold."""
    about = {"since": hold.since.isoformat(), "until": hold.until.isoformat(), "reason": hold.reason}
    about |= {name: value for name in ("point", "person") if (value := getattr(hold, name))}
    _tell("hold", about, by=by, at=at)
    with connections[settings.READ_LOG_APP_ALIAS].cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit.hold (since, until, point, person, reason, ends_at, placed_by, placed_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            [
                hold.since,
                hold.until,
                hold.point or None,
                hold.person or None,
                hold.reason,
                hold.ends_at,
                by,
                at,
            ],
        )
        return int(cursor.fetchone()[0])


def release(number: int, *, by: str, at: datetime) -> None:
    """End a hold. Raises RetentionRefused when there is none to end."""
    _tell("release", {"hold": str(number)}, by=by, at=at)
    with connections[settings.READ_LOG_APP_ALIAS].cursor() as cursor:
        cursor.execute(
            "UPDATE audit.hold SET released_by = %s, released_at = %s WHERE id = %s AND released_at IS NULL",
            [by, at, number],
        )
        if cursor.rowcount != 1:
            raise RetentionRefused(f"解除できる保全の指定 {number} はありません。")


def tell_of_archive(month: Month, sha256: str, *, by: str, at: datetime) -> None:
    """Put on the log that a month is kept as a file with this hash."""
    _tell("archive", {"month": str(month), "sha256": sha256}, by=by, at=at)


def _tell(
    step: str, about: dict[str, str], *, by: str, at: datetime, outcome: Outcome = Outcome.ALLOWED
) -> log.Receipt:
    entry = Entry(
        actor=Actor(person=by),
        action=Action.RETAIN_LOG,
        outcome=outcome,
        at=at,
        request="manage.py",
        query={"step": step, **about},
    )
    (receipt,) = log.append([entry])
    return receipt


def _reason(error: DatabaseError) -> str:
    diagnosis = getattr(error.__cause__, "diag", None)
    state = getattr(diagnosis, "sqlstate", None)
    if state == REFUSED:
        return str(getattr(diagnosis, "message_primary", ""))
    if state == BUSY:
        return "閲覧記録が使用中です。しばらくしてから、もう一度実行してください。"
    return f"データベースが処理できませんでした（{state or type(error).__name__}）。"
