"""Scheduled work on terminals, one call each."""

from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accesscontrol.models import Staff
from terminals import notices
from terminals.choices import Trigger
from terminals.ledger import inbox
from terminals.reconciliation import operations as reconciliation
from terminals.rooms import operations as rooms


@shared_task
def reconcile(trigger: str, asked_by: int | None = None, is_dry: bool = False, only_kind: str = "") -> None:  # noqa: FBT001, FBT002 - a task's arguments are a message
    """Make one run."""
    by = Staff.objects.filter(pk=asked_by).first() if asked_by else None
    reconciliation.reconcile(
        trigger=Trigger(trigger), by=by, at=timezone.now(), is_dry=is_dry, only_kind=only_kind
    )


@shared_task
def send_notices() -> None:
    """Send the notices not yet sent."""
    notices.send_waiting(at=timezone.now())


@shared_task
def find_presence() -> None:
    """Lay stays in rooms beside the sessions there."""
    rooms.find_presence(at=timezone.now())


@shared_task
def judge_zones() -> None:
    """Suspend what contradicts a zone's owner that has just begun."""
    rooms.judge_zones(at=timezone.now())


@shared_task
def watch_ledger_inbox() -> None:
    """Receive what the terminal contractor has dropped into the folder."""
    if settings.LEDGER_INBOX:
        inbox.watch(Path(settings.LEDGER_INBOX), at=timezone.now())
