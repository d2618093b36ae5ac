"""Upkeep of the read log: partitions, sealing, publishing, verifying, and how they are."""

from collections.abc import Callable
from datetime import datetime

import structlog
from django.conf import settings
from django.db import DatabaseError, connections

from audit import health, publication, sealer, verifications, verifier
from audit import log as read_log
from audit.choices import Action, Outcome
from audit.chunks import CHUNK
from audit.entry import Actor, Entry
from audit.health import Part

log = structlog.get_logger(__name__)


class PartitionsUnfit(Exception):
    """A month has no partition, or entries fell into the default one; the message says which (Japanese)."""


def make_partitions(*, months_ahead: int) -> int:
    """Create the monthly partitions up to `months_ahead`; return how many were missing.

    The work is done by functions of the log's owner, which also keep its outcome where officers see
    it; this role may only call them. Raises PartitionsUnfit when a month or its entries are not in place.
    """
    made, cause = 0, None
    with connections[settings.READ_LOG_APP_ALIAS].cursor() as cursor:
        try:
            cursor.execute("SELECT audit.make_partitions(%s)", [months_ahead])
            made = int(cursor.fetchone()[0])
        except DatabaseError as error:
            cause = error
        cursor.execute(
            "SELECT fine, message FROM audit.check_months(%s, %s)", [months_ahead, settings.READ_LOG_YEARS]
        )
        fine, message = cursor.fetchone()
    if cause or not fine:
        log.error("read_log_upkeep", part=Part.PARTITIONS.value, message=message)
        raise PartitionsUnfit(message) from cause
    return made


def seal_everything(*, at: datetime) -> int:
    """Seal all that is committed now; return how many leaves were added.

    A round that somebody else left unfinished is finished first.

    Raises SealingRefused after noting why, so that the job fails loudly.
    """
    added = 0
    try:
        published = publication.published()
        begun = ended = False
        while not (begun and ended):
            page = sealer.seal(published=published, at=at)
            added, begun, ended = added + page.added, begun or page.begins, page.ends
    except sealer.SealingRefused as refusal:
        _fails(Part.SEALING, str(refusal), at)
        raise
    health.note(Part.SEALING, "すべての記録を封印しました。", fine=True, at=at)
    return added


def publish(*, at: datetime) -> None:
    """Publish a checkpoint. A missing witness is an alarm, not an error; look-ups go on.

    Raises SealingRefused after noting why.
    """
    try:
        publication.publish(at=at)
    except publication.WitnessAbsent as absence:
        _fails(Part.WITNESS, str(absence), at)
    except sealer.SealingRefused as refusal:
        _fails(Part.WITNESS, str(refusal), at)
        raise
    else:
        health.note(Part.WITNESS, "立会人の署名がそろっています。", fine=True, at=at)


def next_to_verify() -> int:
    """Return the beginning of the chunk in which the last good verification ended, in a log that is not shorter now."""
    return min(verifications.verified_size(), verifier.signed_size()) // CHUNK * CHUNK


def verify(
    *,
    asked_by: str,
    clock: Callable[[], datetime],
    first: int | None = None,
    size: int | None = None,
    progress: verifier.Progress = lambda checked: None,
) -> verifier.Verdict:
    """Verify the log, keep the run as a row and its verdict as an entry of the log.

    Without `first` it begins where the last good verification ended. A run that breaks off is kept as such.
    """
    size = verifier.signed_size() if size is None else size
    first = next_to_verify() if first is None else first
    run = verifications.begin(asked_by=asked_by, first=first, size=size, at=clock())

    def advance(checked: int) -> None:
        verifications.advance(run, checked)
        progress(checked)

    try:
        verdict = verifier.verify(first=first, size=size, progress=advance)
    except BaseException:
        verifications.end(run, fine=None, finding="", at=clock())
        raise
    finding = str(verdict.first_bad or "")
    read_log.append(
        [
            Entry(
                actor=Actor(person=asked_by),
                action=Action.VERIFY_LOG,
                outcome=Outcome.ALLOWED if verdict.is_fine else Outcome.REFUSED,
                at=clock(),
                request=f"verification-{run}",
                query={"first": str(first), "size": str(size), "finding": finding},
            )
        ]
    )
    verifications.end(run, fine=verdict.is_fine, finding=finding, at=clock())
    return verdict


def _fails(part: Part, message: str, at: datetime) -> None:
    if health.note(part, message, fine=False, at=at):
        log.error("read_log_upkeep", part=part.value, message=message)
