"""Upkeep of the read log (appending is in `log`): partitions, sealing, publishing, and how they are."""

from datetime import datetime

import structlog
from django.db import connections

from audit import health, publication, sealer
from audit.health import Part

log = structlog.get_logger(__name__)


def make_partitions(*, months_ahead: int) -> int:
    """Create the monthly partitions up to `months_ahead`; return how many were missing.

    The work is done by a function of the log's owner; this role may only call it.
    """
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT audit.make_partitions(%s)", [months_ahead])
        return int(cursor.fetchone()[0])


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
        _fails(Part.SEALING, str(refusal), at)
        raise
    else:
        health.note(Part.WITNESS, "立会人の署名がそろっています。", fine=True, at=at)


def _fails(part: Part, message: str, at: datetime) -> None:
    log.error("read_log_upkeep", part=part.value, message=message)
    health.note(part, message, fine=False, at=at)
