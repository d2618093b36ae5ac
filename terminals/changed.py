"""Tell the reconciliation that something it looks at has changed, without knowing it."""

from datetime import timedelta

from celery import current_app
from django.db import transaction

from accesscontrol.models import Staff
from terminals.choices import Trigger

TASK = "terminals.tasks.reconcile"
PRESENCE_TASK = "terminals.tasks.find_presence"
SETTLING = timedelta(seconds=2)  # several changes of one form are one run


def ask_for_run(
    trigger: Trigger, *, by: Staff | None = None, is_dry: bool = False, only_kind: str = ""
) -> None:
    """Have a run made by the worker as soon as the change is committed."""
    wanted = {
        "trigger": trigger.value,
        "asked_by": by.pk if by else None,
        "is_dry": is_dry,
        "only_kind": only_kind,
    }
    countdown = SETTLING.total_seconds() if trigger is Trigger.CHANGE else 0
    transaction.on_commit(lambda: current_app.send_task(TASK, kwargs=wanted, countdown=countdown))


def ask_for_presence() -> None:
    """Have stays in rooms laid beside sessions by the worker as soon as the change is committed."""
    transaction.on_commit(lambda: current_app.send_task(PRESENCE_TASK))
