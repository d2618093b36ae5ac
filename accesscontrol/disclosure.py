"""Decide field by field, commit the read log, then hand out plain values.

Rows go in, disclosed values come out; nothing reaches a page or the API another way. A masked value
leaves no trace: neither its presence, length nor emptiness.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accesscontrol import policy
from accesscontrol.viewer import Viewer
from audit import log
from audit.choices import Action, Outcome
from audit.entry import Entry


class SideUnavailable(Exception):
    """This process does not hold the login role of the viewer's side."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """閲覧対象外: stands in the place of every masked value, always the same."""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return "閲覧対象外"


WITHHELD = Withheld()


@dataclass(frozen=True, slots=True)
class Subject:
    """A row before disclosure: the point, whether it is own (自社分), and its fields by name."""

    point: str
    own: bool
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A row after disclosure and logging; `values` holds a value or WITHHELD for each field asked."""

    point: str
    own: bool
    values: Mapping[str, Any]
    logged_at: datetime
    log_number: int

    @property
    def masked(self) -> bool:
        """Whether anything is withheld."""
        return any(value is WITHHELD for value in self.values.values())


def disclose(
    viewer: Viewer,
    subjects: Sequence[Subject],
    *,
    fields: Sequence[str],
    action: Action,
    query: Mapping[str, str],
) -> list[Disclosed]:
    """Return what the viewer may see of each row, after every row is committed to the read log.

    A search also records itself, so that one that found nothing is on the log too. Raises
    audit.log.LogUnavailable: then nothing may be shown.
    """
    decided = [_decide(viewer, subject, fields) for subject in subjects]
    entries = [
        _entry(viewer, subject, shown, fields, action=action)
        for subject, shown in zip(subjects, decided, strict=True)
    ]
    if query:
        entries.append(_search_entry(viewer, query, rows=len(subjects)))
    receipts = log.append(entries)
    return [
        Disclosed(subject.point, subject.own, shown, receipt.logged_at, receipt.number)
        for subject, shown, receipt in zip(subjects, decided, receipts, strict=False)
    ]


def note_own_reads(viewer: Viewer, *, since: datetime) -> None:
    """Commit that a person looks at their own look-ups, before any of them is shown."""
    entry = Entry(
        actor=viewer.actor,
        action=Action.READ_LOG,
        outcome=Outcome.ALLOWED,
        at=viewer.at,
        request=viewer.request,
        query={"person": viewer.card.staff_number, "since": since.isoformat()},
    )
    log.append([entry])


def _decide(viewer: Viewer, subject: Subject, fields: Sequence[str]) -> dict[str, Any]:
    return {
        field: subject.values.get(field)
        if policy.shows(field, viewer.clearance, own=subject.own)
        else WITHHELD
        for field in fields
    }


def _entry(
    viewer: Viewer, subject: Subject, shown: Mapping[str, Any], fields: Sequence[str], *, action: Action
) -> Entry:
    masked = tuple(field for field in fields if shown[field] is WITHHELD)
    return Entry(
        actor=viewer.actor,
        action=action,
        outcome=Outcome.MASKED if masked else Outcome.ALLOWED,
        at=viewer.at,
        request=viewer.request,
        point=subject.point,
        own=subject.own,
        voltage_class=_voltage_class(viewer, subject),
        fields=tuple(field for field in fields if field not in masked),
        masked=masked,
    )


def _voltage_class(viewer: Viewer, subject: Subject) -> str:
    if not policy.shows("voltage_class", viewer.clearance, own=subject.own):
        return ""
    return str(subject.values.get("voltage_class") or "")


def _search_entry(viewer: Viewer, query: Mapping[str, str], *, rows: int) -> Entry:
    return Entry(
        actor=viewer.actor,
        action=Action.SEARCH,
        outcome=Outcome.ALLOWED,
        at=viewer.at,
        request=viewer.request,
        query=dict(query),
        rows=rows,
    )
