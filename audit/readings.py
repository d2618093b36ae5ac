"""誰が見たか: every reading of one supply point, for the answer to the customer, and what is withheld from it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections

from audit import words
from audit.choices import FIELD_LABELS, Outcome, Withheld
from audit.entry import told
from audit.models import LogEntry
from audit.queries import PRIMARY, searching

MOST = 2_000

_NEWEST_WORDS = """
SELECT DISTINCT ON (kind, subject) kind, subject, until, reason, said_by, said_at
FROM withholding ORDER BY kind, subject, id DESC
"""


@dataclass(frozen=True, slots=True)
class Withholding:
    """The newest word on a subject: kept out of answers until then, by whom and why."""

    kind: Withheld
    subject: str
    until: datetime
    reason: str
    said_by: str
    said_at: datetime

    def covers(self, detail: dict[str, Any]) -> bool:
        """Tell whether an entry is about the subject."""
        name = {Withheld.POINT: "point", Withheld.PERSON: "person", Withheld.CASE: "purpose_reference"}
        return bool(detail.get(name[self.kind]) == self.subject)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading in words a customer can be told, and why it is not told yet."""

    number: int
    logged_at: datetime
    company: str
    department: str
    person_name: str
    purpose: str
    action: str
    fields: list[str]
    withheld: Withholding | None


@dataclass(frozen=True, slots=True)
class Readings:
    """The readings of a point in a period, oldest first; `whole` is False when the oldest were left off."""

    told: list[Reading]
    withheld: list[Reading]
    whole: bool


def withholdings(*, at: datetime) -> list[Withholding]:
    """Return what is withheld at an instant, the nearest end first; it counts from the moment it is said."""
    with connections[PRIMARY].cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM ({_NEWEST_WORDS}) newest WHERE until > %s ORDER BY until, subject", [at]
        )
        return [Withholding(Withheld(kind), *rest) for kind, *rest in cursor.fetchall()]


def readings(point: str, *, since: datetime, until: datetime, at: datetime, alias: str) -> Readings:
    """Return who read a point: what was shown to somebody, not what was refused."""
    kept_back = withholdings(at=at)
    read = (
        LogEntry.objects.using(alias)
        .filter(point=point, logged_at__gte=since, logged_at__lt=until)
        .exclude(outcome=Outcome.REFUSED)
        .order_by("-logged_at", "-id")
    )
    with searching():
        found = list(read[: MOST + 1])
    lines = [_reading(entry, kept_back) for entry in reversed(found[:MOST])]
    shown = [line for line in lines if line.fields]
    return Readings(
        told=[line for line in shown if line.withheld is None],
        withheld=[line for line in shown if line.withheld is not None],
        whole=len(found) <= MOST,
    )


def _reading(entry: LogEntry, kept_back: list[Withholding]) -> Reading:
    detail = told(entry.payload)
    return Reading(
        number=entry.id,
        logged_at=entry.logged_at,
        company=detail["company"],
        department=detail["department"],
        person_name=detail["person_name"],
        purpose=words.word("query.purpose", detail["purpose"]),
        action=words.word("query.action", detail["action"]),
        fields=[FIELD_LABELS.get(name, name) for name in detail["fields"]],
        withheld=next((word for word in kept_back if word.covers(detail)), None),
    )
