"""The transitions of a terminal's life, one operation each. The journal moves the status; the database agrees."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from accesscontrol import changes
from accesscontrol.models import Organisation, Staff
from terminals.choices import EventKind, TerminalStatus
from terminals.models import Deployment, LifeEvent, LuRegistration, Place, Terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """A terminal as it stood before this system knew it."""

    status: str
    holder: Organisation
    place: Place
    lu: str
    terminal_class: str


def take_over(
    terminal: Terminal, *, inherited: Inherited, since: datetime, reason: str, by: Staff | None, at: datetime
) -> LifeEvent:
    """Enter a terminal that was in use before this system, as it is found; only its first entry can be this.

    Nothing is put right here: what does not fit is for the reconciliation to find.
    """
    period = DateTimeTZRange(since, None, "[)")
    with transaction.atomic():
        if inherited.lu:
            lu = LuRegistration(
                terminal=terminal, lu=inherited.lu, terminal_class=inherited.terminal_class, during=period
            )
            changes.save(lu, by=by, at=at)
        deployment = Deployment(
            terminal=terminal, holder=inherited.holder, place=inherited.place, during=period
        )
        changes.save(deployment, by=by, at=at)
        event = LifeEvent.objects.create(
            terminal=terminal,
            kind=EventKind.TAKEN_OVER,
            from_status=TerminalStatus.PROCURED,
            to_status=inherited.status,
            at=at,
            by=by,
            holder=inherited.holder,
            place=inherited.place,
            reason=reason,
        )
        terminal.refresh_from_db(fields=["status"])
    return event
