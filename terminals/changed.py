"""Tell the reconciliation that something it looks at has changed, without knowing it."""

from datetime import timedelta

from celery import current_app
from django.db import connection, transaction

from accesscontrol.models import Staff
from terminals.choices import Trigger

TASK = "terminals.tasks.reconcile"
PRESENCE_TASK = "terminals.tasks.find_presence"
SETTLING = timedelta(seconds=2)  # several changes of one form are one run


def ask_for_run(
    trigger: Trigger, *, by: Staff | None = None, is_dry: bool = False, only_kind: str = ""
) -> None:
    """Have a run made by the worker as soon as the change is committed; many changes at once are one run.

    A change stands without the worker's queue: the nightly run sees it. Whoever asks for a run is told:
    raises kombu.exceptions.OperationalError.
    """
    if trigger is Trigger.CHANGE:
        waiting = (asked[1] for asked in connection.run_on_commit)
        if _tell_of_change not in waiting:
            transaction.on_commit(_tell_of_change, robust=True)
        return
    wanted = {
        "trigger": trigger.value,
        "asked_by": by.pk if by else None,
        "is_dry": is_dry,
        "only_kind": only_kind,
    }
    robust = trigger is not Trigger.ASKED
    transaction.on_commit(lambda: current_app.send_task(TASK, kwargs=wanted), robust=robust)


def _tell_of_change() -> None:
    current_app.send_task(TASK, kwargs={"trigger": Trigger.CHANGE.value}, countdown=SETTLING.total_seconds())


def ask_for_presence() -> None:
    """Have stays in rooms laid beside sessions by the worker as soon as the change is committed."""
    transaction.on_commit(lambda: current_app.send_task(PRESENCE_TASK), robust=True)
