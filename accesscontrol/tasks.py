"""Scheduled work of access control, one call each."""

from celery import shared_task
from django.utils import timezone

from accesscontrol import operations


@shared_task
def notify_alerts() -> None:
    """Tell compliance of new alerts."""
    operations.notify_alerts(at=timezone.now())


@shared_task
def watch_read_log() -> None:
    """Tell compliance of trouble with the read log."""
    operations.watch_read_log(at=timezone.now())


@shared_task
def close_idle_sessions() -> None:
    """End sessions nobody uses."""
    operations.close_idle_sessions(at=timezone.now())
