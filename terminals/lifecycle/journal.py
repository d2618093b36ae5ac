"""One step of a terminal's life: the terminal held, the entry written, what it looked like asked again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from accesscontrol import changes
from accesscontrol.models import Staff
from terminals.changed import ask_for_run
from terminals.choices import EventKind, TerminalStatus, Trigger
from terminals.lifecycle import queries
from terminals.models import Deployment, LifeEvent, LuRegistration, Terminal

OVERTAKEN = "ほかの人が先にこの端末を進めました。画面を開き直して、いまの状態を確かめてください。"
_LOST = {"40001", "40P01"}  # serialization failure (the trigger's word), deadlock


@contextmanager
def step(terminal: Terminal, *, by: Staff) -> Iterator[Terminal]:
    """Hold a terminal for one step, all of it or nothing. Raises ValidationError when somebody was first."""
    try:
        with transaction.atomic():
            yield Terminal.objects.select_for_update().get(pk=terminal.pk)
            ask_for_run(Trigger.CHANGE, by=by)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") in _LOST:
            raise ValidationError(OVERTAKEN) from error
        raise


def enter(
    terminal: Terminal, kind: EventKind, to: str, *, like: Any = None, by: Staff, at: datetime, **more: Any
) -> LifeEvent:
    """Write an entry with the company and place of `like`; the database moves the status by it, or refuses."""
    event = LifeEvent.objects.create(
        terminal=terminal,
        kind=kind,
        from_status=terminal.status,
        to_status=to,
        holder=like and like.holder,
        place=like and like.place,
        by=by,
        at=at,
        **more,
    )
    terminal.status = to
    return event


def must_be(terminal: Terminal, *statuses: TerminalStatus) -> None:
    """Refuse a step that does not begin where the terminal is."""
    if terminal.status not in statuses:
        wanted = "」か「".join(status.label for status in statuses)
        raise ValidationError(
            f"{terminal}は、いま「{terminal.get_status_display()}」です。"
            f"この操作は「{wanted}」の端末だけにできます。"
        )


def must_not_be_under_way(terminal: Terminal) -> None:
    """Refuse a second hand-over beside one nobody has answered."""
    if found := queries.under_way(terminal):
        raise ValidationError(
            f"{found.holder}あての受け渡し（{found.get_kind_display()}）が途中です。"
            "先に、受け取るか、取り下げてください。"
        )


def must_have_no_lu(terminal: Terminal, at: datetime) -> None:
    """Refuse while an LU is in force or its deletion is not read back: nothing is ever inherited (TRM-03)."""
    if left := queries.registrations(terminal, at):
        raise ValidationError(
            f"{terminal}にはLU「{lus(left)}」（{left[0].get_terminal_class_display()}）が残っています。"
            "LUは引き継げません。先にLU削除と読み返しを済ませてください。"
        )
    if queries.open_deletion(terminal):
        raise ValidationError(
            f"{terminal}はLU削除の読み返しが済んでいません。先に「LU削除」で読み返してください。"
        )


def lus(registrations: list[LuRegistration]) -> str:
    """Return LU names in a row."""
    return "、".join(each.lu for each in registrations)


def end(row: Deployment | LuRegistration, *, by: Staff | None, at: datetime) -> None:
    """Let a dated row end now; one that has not begun never does."""
    row.during = DateTimeTZRange(row.during.lower, max(row.during.lower, at), "[)")
    changes.save(row, by=by, at=at)


def end_deployments(terminal: Terminal, *, by: Staff | None, at: datetime) -> None:
    """Let every deployment of a terminal end now."""
    for row in Deployment.objects.filter(queries.in_force(at), terminal=terminal):
        end(row, by=by, at=at)


def end_registrations(terminal: Terminal, *, by: Staff, at: datetime) -> None:
    """Let every LU registration of a terminal end now."""
    for row in queries.registrations(terminal, at):
        end(row, by=by, at=at)


def deploy(terminal: Terminal, *, like: Any, since: datetime, by: Staff, at: datetime) -> None:
    """Let a deployment begin at the company and place of `like`."""
    row = Deployment(
        terminal=terminal,
        holder=like.holder,
        place=like.place,
        during=DateTimeTZRange(since, None, "[)"),
    )
    changes.record(row, by=by, at=at)
