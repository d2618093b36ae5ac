"""What officers write beside the log: what is withheld from answers, and the searches they keep."""

from datetime import datetime

from django.conf import settings
from django.db import connections

from audit.choices import WITHHOLD, Withheld
from audit.duties import must_have
from audit.models import SavedCondition

MOST_SAVED = 30


class TooManySaved(Exception):
    """An officer keeps as many conditions as one can find again."""


def withhold(*, kind: Withheld, subject: str, until: datetime, reason: str, by: str, at: datetime) -> None:
    """Keep a subject out of answers to customers until then. Said again, the newest word counts.

    Raises PermissionDenied for whoever does not decide on disclosure.
    """
    must_have(by, WITHHOLD, at)
    with connections[settings.READ_LOG_APP_ALIAS].cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit.withholding (kind, subject, until, reason, said_by, said_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [kind.value, subject, until, reason, by, at],
        )


def release(*, kind: Withheld, subject: str, reason: str, by: str, at: datetime) -> None:
    """End a withholding now; the word that it ended is kept as well."""
    withhold(kind=kind, subject=subject, until=at, reason=reason, by=by, at=at)


def saved_conditions(person: str) -> list[SavedCondition]:
    """Return the searches of one officer by name."""
    return list(SavedCondition.objects.filter(person=person).order_by("name"))


def save_condition(*, name: str, query: str, by: str, at: datetime) -> None:
    """Keep a search under a name; one of the same name is replaced. Raises TooManySaved."""
    others = SavedCondition.objects.filter(person=by).exclude(name=name).count()
    if others >= MOST_SAVED:
        raise TooManySaved
    SavedCondition.objects.update_or_create(person=by, name=name, defaults={"query": query, "saved_at": at})


def forget_condition(number: int, *, by: str) -> None:
    """Drop one of the officer's own searches; nothing happens to another's."""
    SavedCondition.objects.filter(pk=number, person=by).delete()
