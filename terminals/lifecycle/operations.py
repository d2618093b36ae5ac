"""The transitions of a terminal's life, one operation each. The journal moves the status; the database agrees.

Every one raises ValidationError, or OutsideDuty, with words that say what to do, and then nothing has changed.
"""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from accesscontrol import changes
from accesscontrol.duties import may, must_have
from accesscontrol.models import Organisation, Staff
from terminals.choices import KEEP, MANAGE, EventKind, HandoverKind, TerminalStatus
from terminals.lifecycle import effects, journal, queries
from terminals.lifecycle.rules import Destination, check_entry, class_at
from terminals.models import (
    Deployment,
    Handover,
    LifeEvent,
    LuDeletion,
    LuRegistration,
    Place,
    Terminal,
)

IN_USE = (TerminalStatus.CONFIGURING, TerminalStatus.DEPLOYED, TerminalStatus.RELOCATING)


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
    if by is not None:
        must_have(by, MANAGE, at)
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
        if inherited.status == TerminalStatus.RETURNED:
            LuDeletion.objects.create(terminal=terminal, opened_at=at)
        terminal.refresh_from_db(fields=["status"])
    return event


def receive(terminal: Terminal, *, reason: str = "", by: Staff, at: datetime) -> LifeEvent:
    """調達→在庫: a delivered terminal is in the store."""
    must_have(by, KEEP, at)
    with journal.step(terminal, by=by) as held:
        journal.must_be(held, TerminalStatus.PROCURED)
        return journal.enter(held, EventKind.RECEIVED, TerminalStatus.IN_STOCK, by=by, at=at, reason=reason)


def configure(
    terminal: Terminal, *, to: Destination, lu: str, reason: str = "", by: Staff, at: datetime
) -> LifeEvent:
    """在庫・再利用可→設定中: give a fresh LU, whose class follows from the destination (TRM-03, TRM-04, TRM-05)."""
    must_have(by, MANAGE, at)
    check_entry(to.who_can_enter, to.controls)
    with journal.step(terminal, by=by) as held:
        journal.must_be(held, TerminalStatus.IN_STOCK, TerminalStatus.REUSABLE)
        journal.must_have_no_lu(held, at)
        terminal_class = class_at(to.holder, to.place, queries.zone(to.place, at))
        evidence = {
            "lu": lu,
            "class": terminal_class.value,
            "who_can_enter": to.who_can_enter,
            "controls": sorted(to.controls),
        }
        journal.end_deployments(held, by=by, at=at)
        event = journal.enter(
            held,
            EventKind.CONFIGURED,
            TerminalStatus.CONFIGURING,
            like=to,
            by=by,
            at=at,
            reason=reason,
            evidence=evidence,
        )
        _register(held, lu, terminal_class, by=by, at=at)
        return event


def _register(terminal: Terminal, lu: str, terminal_class: str, *, by: Staff, at: datetime) -> None:
    """Grant an LU from now on; the lock of the recording makes the check of a second one see the first."""
    period = DateTimeTZRange(at, None, "[)")
    row = LuRegistration(terminal=terminal, lu=lu, terminal_class=terminal_class, during=period)
    changes.record(row, by=by, at=at)
    others = LuRegistration.objects.filter(queries.in_force(at), lu=lu).exclude(terminal=terminal)
    if found := others.select_related("terminal").first():
        raise ValidationError(
            {"lu": f"LU「{lu}」は{found.terminal}に登録されています。別のLU名を使ってください。"}
        )


def hand_over(terminal: Terminal, *, reason: str, by: Staff, at: datetime) -> Handover:
    """設定中: give a configured terminal to its destination. Whoever has set it does not hand it over."""
    must_have(by, KEEP, at)
    with journal.step(terminal, by=by) as held:
        journal.must_be(held, TerminalStatus.CONFIGURING)
        journal.must_not_be_under_way(held)
        setting = queries.configured(held)
        if setting is None or setting.holder is None:
            raise ValidationError(f"{held}には設定の記録がありません。返却し、設定からやり直してください。")
        if setting.by == by:
            raise ValidationError(
                "設定した人は受け渡しできません（設定個所と管理個所は別の人です）。ほかの担当へ依頼してください。"
            )
        return Handover.objects.create(
            terminal=held,
            kind=HandoverKind.DEPLOY,
            holder=setting.holder,
            place=setting.place,
            handed_by=by,
            handed_at=at,
            reason=reason,
            who_can_enter=setting.evidence.get("who_can_enter", ""),
        )


def start_move(terminal: Terminal, *, to: Destination, reason: str, by: Staff, at: datetime) -> Handover:
    """配備→移設・貸替: ask for another room of the same company and class; it waits for an approval."""
    check_entry(to.who_can_enter, to.controls)
    with journal.step(terminal, by=by) as held:
        journal.must_be(held, TerminalStatus.DEPLOYED, TerminalStatus.RELOCATING)
        journal.must_not_be_under_way(held)
        _must_keep_or_hold(held, by, at)
        _must_stay_on_its_side(held, to, at)
        handover = Handover.objects.create(
            terminal=held,
            kind=HandoverKind.MOVE,
            holder=to.holder,
            place=to.place,
            handed_by=by,
            handed_at=at,
            reason=reason,
            who_can_enter=to.who_can_enter,
        )
        if held.status == TerminalStatus.DEPLOYED:
            journal.enter(
                held,
                EventKind.MOVING,
                TerminalStatus.RELOCATING,
                like=to,
                by=by,
                at=at,
                reason=reason,
                handover=handover,
                evidence={"who_can_enter": to.who_can_enter, "controls": sorted(to.controls)},
            )
        return handover


def _must_keep_or_hold(terminal: Terminal, by: Staff, at: datetime) -> None:
    if not (may(by, KEEP, at) or queries.holds(by, terminal, at)):
        raise ValidationError("配備先の会社の人か、端末の受け渡しの担当だけができます。")


def _must_stay_on_its_side(terminal: Terminal, to: Destination, at: datetime) -> None:
    current = queries.deployment(terminal, at)
    granted = queries.registrations(terminal, at)
    if current is None or len(granted) != 1:
        raise ValidationError(
            "配備とLUの登録がそれぞれ1つの端末だけを移せます。返却し、設定し直してください。"
        )
    if current.holder_id != to.holder.pk:
        raise ValidationError(
            f"別の会社へは移せません。いったん返却し、LU削除の後に{to.holder}あてに設定し直してください。"
        )
    if current.place_id == to.place.pk:
        raise ValidationError("いまと同じ場所です。移す先を選んでください。")
    if class_at(to.holder, to.place, queries.zone(to.place, at)) != granted[0].terminal_class:
        raise ValidationError(
            f"{granted[0].get_terminal_class_display()}の端末は「{to.place}」へ移せません。"
            "いったん返却し、LU削除の後に設定し直してください。"
        )


def approve_move(handover: Handover, *, by: Staff, at: datetime) -> Handover:
    """Approve a move. Whoever asked for it does not approve it (TRM-05)."""
    must_have(by, MANAGE, at)
    with journal.step(handover.terminal, by=by):
        found = _open(handover)
        if found.kind != HandoverKind.MOVE:
            raise ValidationError("承認が要るのは移設・貸替だけです。")
        if found.handed_by == by:
            raise ValidationError(
                "自分の申し出は承認できません。ほかの端末管理の担当へ承認を依頼してください。"
            )
        found.approved_by = by
        found.save(update_fields=["approved_by"])
        return found


def hand_back(terminal: Terminal, *, to: Organisation, reason: str, by: Staff, at: datetime) -> Handover:
    """返却: give a terminal back to a company that keeps terminals; it counts when they accept it."""
    with journal.step(terminal, by=by) as held:
        journal.must_be(held, *IN_USE)
        journal.must_not_be_under_way(held)
        _must_keep_or_hold(held, by, at)
        if not queries.keepers(at).filter(pk=to.pk).exists():
            raise ValidationError(f"{to}は端末を預かる会社ではありません。返却先を選び直してください。")
        return Handover.objects.create(
            terminal=held, kind=HandoverKind.RETURN, holder=to, handed_by=by, handed_at=at, reason=reason
        )


def accept(handover: Handover, *, by: Staff, at: datetime) -> LifeEvent:
    """Take what was handed over: a hand-over counts now, and from this moment the terminal is the receiver's."""
    with journal.step(handover.terminal, by=by) as held:
        found = _open(handover)
        if found.handed_by == by:
            raise ValidationError(
                "渡した人は自分で受け取れません。受け取る会社のほかの人が受け取ってください。"
            )
        if not queries.waits_for(found, by, at):
            raise ValidationError(f"{found.holder}の人だけが受け取れます。")
        found.accepted_by, found.accepted_at = by, at
        found.save(update_fields=["accepted_by", "accepted_at"])
        if found.kind == HandoverKind.RETURN:
            return effects.take_back(held, found, by=by, at=at)
        return effects.put_to_use(held, found, by=by, at=at)


def _open(handover: Handover) -> Handover:
    found = Handover.objects.select_for_update(of=("self",)).select_related("holder", "place", "handed_by")
    row = found.get(pk=handover.pk)
    if row.accepted_at or row.declined_at:
        raise ValidationError("この受け渡しは、もう終わっています。画面を開き直してください。")
    return row


def decline(handover: Handover, *, reason: str, by: Staff, at: datetime) -> Handover:
    """Leave a terminal with whoever hands it over; the giver takes it back the same way. A move is taken back."""
    with journal.step(handover.terminal, by=by) as held:
        found = _open(handover)
        if found.handed_by != by and not queries.waits_for(found, by, at):
            raise ValidationError(f"{found.holder}の人か、渡した人だけが断れます。")
        _close(found, reason, at)
        begun = queries.latest(held)
        if begun and begun.kind == EventKind.MOVING and begun.handover_id == found.pk:
            effects.undo(held, begun, reason=reason, by=by, at=at)
        return found


def _close(handover: Handover, reason: str, at: datetime) -> None:
    handover.declined_at, handover.declined_reason = at, reason
    handover.save(update_fields=["declined_at", "declined_reason"])


def delete_lu(terminal: Terminal, *, by: Staff, at: datetime) -> LuDeletion:
    """End every LU registration of a terminal that is not in use; somebody else reads it back (measure d-1)."""
    must_have(by, MANAGE, at)
    with journal.step(terminal, by=by) as held:
        if held.status in IN_USE:
            raise ValidationError(f"{held}は「{held.get_status_display()}」です。先に返却してください。")
        found = queries.open_deletion(held) or LuDeletion(terminal=held, opened_at=at)
        journal.end_registrations(held, by=by, at=at)
        found.deleted_by, found.deleted_at = by, at
        found.save()
        return found


def confirm_lu_deletion(terminal: Terminal, *, by: Staff, at: datetime) -> LuDeletion:
    """返却→LU削除確認: read the registrations back; only "none" closes a deletion (TRM-02)."""
    must_have(by, KEEP, at)
    with journal.step(terminal, by=by) as held:
        found = queries.open_deletion(held)
        if found is None:
            raise ValidationError(f"{held}には、読み返すLU削除がありません。")
        if left := queries.registrations(held, at):
            raise ValidationError(
                f"LU「{journal.lus(left)}」がまだ登録されています。端末管理の担当が「LUを削除」してください。"
            )
        if found.deleted_at is None:
            raise ValidationError("先に、端末管理の担当が「LUを削除」してください。")
        if found.deleted_by == by:
            raise ValidationError("削除した人は自分で読み返せません。ほかの人が読み返してください。")
        found.confirmed_by, found.confirmed_at = by, at
        found.save()
        if held.status == TerminalStatus.RETURNED:
            journal.enter(
                held,
                EventKind.LU_CONFIRMED,
                TerminalStatus.LU_DELETED,
                by=by,
                at=at,
                evidence={"registrations": len(left), "read_at": at.isoformat()},
            )
        return found


def clear_for_reuse(terminal: Terminal, *, reason: str = "", by: Staff, at: datetime) -> LifeEvent:
    """LU削除確認→再利用可: judged fit to be set again, from nothing."""
    must_have(by, MANAGE, at)
    with journal.step(terminal, by=by) as held:
        journal.must_be(held, TerminalStatus.LU_DELETED)
        journal.must_have_no_lu(held, at)
        return journal.enter(held, EventKind.CLEARED, TerminalStatus.REUSABLE, by=by, at=at, reason=reason)


def retire(terminal: Terminal, *, reason: str, by: Staff, at: datetime) -> LifeEvent:
    """在庫・LU削除確認・再利用可→廃棄: the end of a life."""
    must_have(by, MANAGE, at)
    with journal.step(terminal, by=by) as held:
        journal.must_be(held, TerminalStatus.IN_STOCK, TerminalStatus.LU_DELETED, TerminalStatus.REUSABLE)
        journal.must_have_no_lu(held, at)
        return journal.enter(held, EventKind.RETIRED, TerminalStatus.RETIRED, by=by, at=at, reason=reason)


def correct(event: LifeEvent, *, reason: str, by: Staff, at: datetime) -> LifeEvent:
    """Take the latest entry back by a new one that names it; what it began ends now, what it ended goes on."""
    must_have(by, MANAGE, at)
    with journal.step(event.terminal, by=by) as held:
        found = queries.latest(held)
        if found is None or found.pk != event.pk:
            raise ValidationError("訂正できるのは最後の記録だけです。画面を開き直してください。")
        if handover := queries.under_way(held):
            _close(handover, "記録の訂正", at)
        return effects.undo(held, found, reason=reason, by=by, at=at)
