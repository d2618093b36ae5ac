"""Scheduled work on the read log, one call each."""

from celery import shared_task

from audit import operations


@shared_task
def make_partitions() -> None:
    """Keep three months of partitions ahead; a failure is an error of the job, never silent."""
    operations.make_partitions(months_ahead=3)
