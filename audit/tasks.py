"""Scheduled work on the read log, one call each."""

from celery import shared_task
from django.utils import timezone

from audit import exports, operations
from audit.sealer import SealingRefused


@shared_task
def make_partitions() -> None:
    """Keep three months of partitions ahead; a failure is an error of the job, never silent."""
    operations.make_partitions(months_ahead=3)


@shared_task(throws=(SealingRefused,))
def seal() -> None:
    """Bring every committed entry into the tree."""
    operations.seal_everything(at=timezone.now())


@shared_task(throws=(SealingRefused,))
def publish() -> None:
    """Sign the tree as it is, have it witnessed, publish it."""
    operations.publish(at=timezone.now())


@shared_task
def verify(asked_by: str, first: int | None = None) -> None:
    """Verify what was sealed since the last good verification, or from a leaf on."""
    operations.verify(asked_by=asked_by, clock=timezone.now, first=first)


@shared_task
def make_exports() -> None:
    """Make the files of approved exports, and take away those whose time is over."""
    exports.make_approved(clock=timezone.now)
    exports.remove_expired(at=timezone.now())
