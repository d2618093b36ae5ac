"""What officers do at the log's pages: read it, withhold from answers, have it verified, keep searches.

Every deed asks for the duty; what is read or withheld is on the log first.
"""

from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.db import connections

from audit import integrity, log
from audit.choices import READ, WITHHOLD, Action, Outcome, Withheld
from audit.duties import must_have
from audit.entry import Actor, Entry
from audit.models import SavedCondition

VERIFY = "audit.tasks.verify"
MOST_SAVED = 30
STUCK_AFTER = timedelta(hours=1)  # a run that was killed does not keep the button for ever


class TooManySaved(Exception):
    """An officer keeps as many conditions as one can find again."""


class AlreadyVerifying(Exception):
    """A verification runs; a second one would find the same."""


def consult(
    query: dict[str, str], *, by: Actor, at: datetime, request: str, action: Action = Action.READ_LOG
) -> None:
    """Put what an officer asks of the log on the log, before anything of it is shown.

    Raises PermissionDenied for whoever does not read the log.
    """
    must_have(by.person, READ, at)
    _tell(action, query, by=by, at=at, request=request)


def withhold(
    *, kind: Withheld, subject: str, until: datetime, reason: str, by: Actor, at: datetime, request: str
) -> None:
    """Keep a subject out of answers to customers until then. Said again, the newest word counts.

    Raises PermissionDenied for whoever does not decide on disclosure.
    """
    must_have(by.person, WITHHOLD, at)
    said = {kind.value: subject, "until": until.isoformat(), "reason": reason}
    _tell(Action.WITHHOLD_LOG, said, by=by, at=at, request=request)
    with connections[settings.READ_LOG_APP_ALIAS].cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit.withholding (kind, subject, until, reason, said_by, said_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [kind.value, subject, until, reason, by.person, at],
        )


def release(*, kind: Withheld, subject: str, reason: str, by: Actor, at: datetime, request: str) -> None:
    """End a withholding now; the word that it ended is kept as well."""
    withhold(kind=kind, subject=subject, until=at, reason=reason, by=by, at=at, request=request)


def ask_verification(*, by: str, at: datetime) -> None:
    """Have the worker verify the log in an officer's name; its verdict becomes an entry of the log.

    Raises AlreadyVerifying, and PermissionDenied for whoever does not read the log.
    """
    must_have(by, READ, at)
    if any(run.running and at - run.started_at < STUCK_AFTER for run in integrity.runs()):
        raise AlreadyVerifying
    current_app.send_task(VERIFY, args=[by])


def saved_conditions(person: str) -> list[SavedCondition]:
    """Return the searches of one officer by name."""
    return list(SavedCondition.objects.filter(person=person).order_by("name"))


def save_condition(*, name: str, query: str, by: str, at: datetime) -> None:
    """Keep a search under a name; one of the same name is replaced.

    Raises TooManySaved, and PermissionDenied for whoever does not read the log.
    """
    must_have(by, READ, at)
    others = SavedCondition.objects.filter(person=by).exclude(name=name).count()
    if others >= MOST_SAVED:
        raise TooManySaved
    SavedCondition.objects.update_or_create(person=by, name=name, defaults={"query": query, "saved_at": at})


def forget_condition(number: int, *, by: str, at: datetime) -> None:
    """Drop one of the officer's own searches; nothing happens to another's.

    Raises PermissionDenied for whoever does not read the log.
    """
    must_have(by, READ, at)
    SavedCondition.objects.filter(pk=number, person=by).delete()


def _tell(action: Action, query: dict[str, str], *, by: Actor, at: datetime, request: str) -> None:
    log.append([Entry(actor=by, action=action, outcome=Outcome.ALLOWED, at=at, request=request, query=query)])
