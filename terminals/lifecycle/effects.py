"""What an accepted hand-over and a correction bring about, inside the step that holds the terminal."""

from datetime import datetime

from django.core.exceptions import ValidationError

from accesscontrol.models import Staff
from terminals import operations as registry
from terminals.choices import EventKind, HandoverKind, TerminalStatus
from terminals.lifecycle import journal, queries
from terminals.lifecycle.rules import class_at
from terminals.models import Deployment, Handover, LifeEvent, LuDeletion, Terminal


def put_to_use(terminal: Terminal, handover: Handover, *, by: Staff, at: datetime) -> LifeEvent:
    """Let a deployment begin where a terminal was accepted, if the room is still right for its class."""
    moves = handover.kind == HandoverKind.MOVE
    journal.must_be(terminal, TerminalStatus.RELOCATING if moves else TerminalStatus.CONFIGURING)
    if moves and handover.approved_by_id is None:
        raise ValidationError("移設はまだ承認されていません。端末管理の担当の承認を待ってください。")
    if handover.place is None:
        raise ValidationError("設置場所のない受け渡しです。受け取らずに、渡した人へ戻してください。")
    granted = queries.registrations(terminal, at)
    wanted = class_at(handover.holder, handover.place, queries.zone(handover.place, at))
    if [each.terminal_class for each in granted] != [wanted]:
        raise ValidationError(
            f"LUの登録が、設置場所に必要な{wanted.label}と合いません。受け取らずに、渡した人へ戻してください。"
        )
    event = journal.enter(
        terminal,
        EventKind.MOVED if moves else EventKind.DEPLOYED,
        TerminalStatus.DEPLOYED,
        like=handover,
        by=by,
        at=at,
        reason=handover.reason,
        handover=handover,
    )
    journal.end_deployments(terminal, by=by, at=at)
    journal.deploy(terminal, like=handover, since=at, by=by, at=at)
    return event


def take_back(terminal: Terminal, handover: Handover, *, by: Staff, at: datetime) -> LifeEvent:
    """End everything a returned terminal was good for, and open the deletion of its LU (TRM-02)."""
    event = journal.enter(
        terminal,
        EventKind.RETURNED,
        TerminalStatus.RETURNED,
        like=queries.deployment(terminal, at),
        by=by,
        at=at,
        reason=handover.reason,
        handover=handover,
    )
    journal.end_deployments(terminal, by=by, at=at)
    LuDeletion.objects.create(terminal=terminal, opened_at=at)
    registry.revoke_all(terminal, reason="返却", by=by, at=at)
    return event


def undo(terminal: Terminal, event: LifeEvent, *, reason: str, by: Staff, at: datetime) -> LifeEvent:
    """Write the correction of the latest entry, and put the dated rows right from now on."""
    if event.kind in {EventKind.TAKEN_OVER, EventKind.CORRECTED}:
        raise ValidationError(
            f"「{event.get_kind_display()}」は訂正できません。次の手続きで、いまの状態に合わせてください。"
        )
    _undo_return(terminal, event, by=by, at=at)
    if event.kind == EventKind.CONFIGURED:
        journal.end_registrations(terminal, by=by, at=at)
    if event.kind in {EventKind.DEPLOYED, EventKind.MOVED}:
        journal.end_deployments(terminal, by=by, at=at)
    if event.kind == EventKind.MOVED and (before := _ended_by(event)):
        journal.deploy(terminal, like=before, since=at, by=by, at=at)
    if event.kind == EventKind.LU_CONFIRMED:
        LuDeletion.objects.create(terminal=terminal, opened_at=at)
    return journal.enter(
        terminal,
        EventKind.CORRECTED,
        event.from_status,
        like=event,
        by=by,
        at=at,
        reason=reason,
        corrects=event,
    )


def _undo_return(terminal: Terminal, event: LifeEvent, *, by: Staff, at: datetime) -> None:
    if event.kind != EventKind.RETURNED:
        return
    if len(queries.registrations(terminal, at)) != 1:
        raise ValidationError(
            "LUはすでに削除されています。返却は訂正できません。LU削除の読み返しを済ませ、設定からやり直してください。"
        )
    if deletion := queries.open_deletion(terminal):
        deletion.withdrawn_at = at
        deletion.save(update_fields=["withdrawn_at"])
    if before := _ended_by(event):  # it was there all the time: the next row begins where that one ended
        journal.deploy(terminal, like=before, since=event.at, by=by, at=at)


def _ended_by(event: LifeEvent) -> Deployment | None:
    ended = Deployment.objects.select_related("holder", "place")
    return ended.filter(terminal=event.terminal_id, during__endswith=event.at, during__isempty=False).first()
