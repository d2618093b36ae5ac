"""What can be done with a terminal now, and by whom: the only buttons its page shows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accesscontrol.duties import may
from accesscontrol.models import Staff
from terminals.choices import KEEP, MANAGE, EventKind, TerminalStatus
from terminals.lifecycle import forms, operations, queries
from terminals.lifecycle.rules import Destination
from terminals.models import Deployment, Handover, LifeEvent, LuDeletion, LuRegistration, Terminal

HOLDER = "holder"  # the holding company's people, and those who keep terminals


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that decides which steps a person may take with a terminal now."""

    terminal: Terminal
    person: Staff
    at: datetime
    may: frozenset[str]
    handover: Handover | None
    deletion: LuDeletion | None
    registrations: list[LuRegistration]
    deployment: Deployment | None
    latest: LifeEvent | None
    configured_by: int | None


def situation(terminal: Terminal, person: Staff, at: datetime) -> Situation:
    """Read the situation of a terminal for a person."""
    held = {permission for permission in (KEEP, MANAGE) if may(person, permission, at)}
    if KEEP in held or queries.holds(person, terminal, at):
        held.add(HOLDER)
    setting = queries.configured(terminal)
    return Situation(
        terminal=terminal,
        person=person,
        at=at,
        may=frozenset(held),
        handover=queries.under_way(terminal),
        deletion=queries.open_deletion(terminal),
        registrations=queries.registrations(terminal, at),
        deployment=queries.deployment(terminal, at),
        latest=queries.latest(terminal),
        configured_by=setting.by_id if setting else None,
    )


def _is(*statuses: TerminalStatus) -> Callable[[Situation], bool]:
    return lambda now: now.terminal.status in statuses


def _clean(now: Situation) -> bool:
    return not now.registrations and now.deletion is None


def _to_configure(now: Situation) -> bool:
    return _is(TerminalStatus.IN_STOCK, TerminalStatus.REUSABLE)(now) and _clean(now)


def _to_hand_over(now: Situation) -> bool:
    by_another = now.configured_by is not None and now.configured_by != now.person.pk
    return _is(TerminalStatus.CONFIGURING)(now) and now.handover is None and by_another


def _to_move(now: Situation) -> bool:
    in_use = _is(TerminalStatus.DEPLOYED, TerminalStatus.RELOCATING)(now)
    return in_use and now.handover is None and now.deployment is not None


def _to_hand_back(now: Situation) -> bool:
    return _is(*operations.IN_USE)(now) and now.handover is None


def _to_delete(now: Situation) -> bool:
    waits = now.deletion is not None and now.deletion.deleted_at is None
    return not _is(*operations.IN_USE)(now) and (waits or bool(now.registrations))


def _to_read_back(now: Situation) -> bool:
    found = now.deletion
    deleted = found is not None and found.deleted_at is not None and not now.registrations
    return deleted and found is not None and found.deleted_by_id != now.person.pk


def _to_retire(now: Situation) -> bool:
    ends = (TerminalStatus.IN_STOCK, TerminalStatus.LU_DELETED, TerminalStatus.REUSABLE)
    return _is(*ends)(now) and _clean(now)


def _to_correct(now: Situation) -> bool:
    final = {EventKind.TAKEN_OVER, EventKind.CORRECTED}
    return now.latest is not None and now.latest.kind not in final


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One button: its words, who may press it, when it is there, what it asks and what it does."""

    name: str
    label: str
    icon: str
    permission: str
    fits: Callable[[Situation], bool]
    form: type[forms.StepForm]
    lead: str
    done: str
    act: Callable[[Situation, dict[str, Any]], Any]
    look: str = ""

    @property
    def url(self) -> str:
        """Return the name of this step's page."""
        return f"step_{self.name.replace('-', '_')}"

    def is_open(self, now: Situation) -> bool:
        """Tell whether this step can be taken now by this person."""
        return self.permission in now.may and self.fits(now)


def _configure(now: Situation, given: dict[str, Any]) -> Any:
    to = _destination(given, given["holder"])
    return operations.configure(
        now.terminal, to=to, lu=given["lu"], reason=given["reason"], by=now.person, at=now.at
    )


def _move(now: Situation, given: dict[str, Any]) -> Any:
    holder = now.deployment.holder if now.deployment else given["place"]
    to = _destination(given, holder)
    return operations.start_move(now.terminal, to=to, reason=given["reason"], by=now.person, at=now.at)


def _destination(given: dict[str, Any], holder: Any) -> Destination:
    return Destination(
        holder=holder,
        place=given["place"],
        who_can_enter=given["who_can_enter"],
        controls=given["controls"],
    )


def _with_reason(operation: Callable[..., Any]) -> Callable[[Situation, dict[str, Any]], Any]:
    return lambda now, given: operation(now.terminal, reason=given["reason"], by=now.person, at=now.at)


def _plainly(operation: Callable[..., Any]) -> Callable[[Situation, dict[str, Any]], Any]:
    return lambda now, given: operation(now.terminal, by=now.person, at=now.at)


def _hand_back(now: Situation, given: dict[str, Any]) -> Any:
    return operations.hand_back(
        now.terminal, to=given["to"], reason=given["reason"], by=now.person, at=now.at
    )


def _correct(now: Situation, given: dict[str, Any]) -> Any:
    if now.latest is None:
        return None
    return operations.correct(now.latest, reason=given["reason"], by=now.person, at=now.at)


STEPS = (
    Step(
        name="receive",
        label="在庫に受け入れる",
        icon="package-check",
        permission=KEEP,
        fits=_is(TerminalStatus.PROCURED),
        form=forms.StepForm,
        lead="納品された端末を在庫にします。用途区分もLUも、まだありません。",
        done="在庫に受け入れました。",
        act=_with_reason(operations.receive),
    ),
    Step(
        name="configure",
        label="配備先を決めて設定する",
        icon="settings-2",
        permission=MANAGE,
        fits=_to_configure,
        form=forms.ConfigureForm,
        lead="用途区分は選びません。配備先の会社と室・区画から決まります。以前のLUや区分は引き継ぎません。",
        done="設定しました。受け渡しは、設定した人とは別の担当が行います。",
        act=_configure,
    ),
    Step(
        name="hand-over",
        label="配備先へ渡す",
        icon="arrow-right-left",
        permission=KEEP,
        fits=_to_hand_over,
        form=forms.ReasonedForm,
        lead="配備先の会社の人が受け取ったときに、配備になります。",
        done="受け渡しを始めました。配備先の会社の人が受け取ると、配備になります。",
        act=_with_reason(operations.hand_over),
    ),
    Step(
        name="move",
        label="移設を申し出る",
        icon="move-right",
        permission=HOLDER,
        fits=_to_move,
        form=forms.MoveForm,
        lead="同じ会社の別の室へ移します。承認と受け取りが済むまで、端末は利用できません。別の会社へは、返却してから配備し直します。",
        done="移設を申し出ました。端末管理の担当の承認を待っています。",
        act=_move,
        look="quiet",
    ),
    Step(
        name="hand-back",
        label="返却に出す",
        icon="undo-2",
        permission=HOLDER,
        fits=_to_hand_back,
        form=forms.HandBackForm,
        lead="返却先の人が受け取ると配備が終わり、登録済みの機器と証明書が失効し、LU削除が始まります。",
        done="返却に出しました。返却先の人が受け取ると、LU削除が始まります。",
        act=_hand_back,
        look="quiet",
    ),
    Step(
        name="delete-lu",
        label="LUを削除",
        icon="eraser",
        permission=MANAGE,
        fits=_to_delete,
        form=forms.SureForm,
        lead="この端末のLU登録をすべて、いま終わらせます。削除した人とは別の人が読み返して、はじめて完了します。",
        done="LUを削除しました。別の人の読み返しを待っています。",
        act=_plainly(operations.delete_lu),
    ),
    Step(
        name="confirm-lu-deletion",
        label="LU登録を読み返す",
        icon="scan-search",
        permission=KEEP,
        fits=_to_read_back,
        form=forms.SureForm,
        lead="営業オンラインの登録をデータベースから読み返します。1件でも残っていれば、削除は完了しません。",
        done="読み返しました。LUの登録は0件です。",
        act=_plainly(operations.confirm_lu_deletion),
    ),
    Step(
        name="clear",
        label="再利用できると判定",
        icon="recycle",
        permission=MANAGE,
        fits=lambda now: _is(TerminalStatus.LU_DELETED)(now) and _clean(now),
        form=forms.StepForm,
        lead="次の配備では、用途区分とLUを新しく設定します。",
        done="再利用できる端末にしました。",
        act=_with_reason(operations.clear_for_reuse),
    ),
    Step(
        name="retire",
        label="廃棄",
        icon="trash-2",
        permission=MANAGE,
        fits=_to_retire,
        form=forms.ReasonedForm,
        lead="廃棄した端末は、二度と配備できません。記録は残ります。",
        done="廃棄にしました。",
        act=_with_reason(operations.retire),
        look="bad",
    ),
    Step(
        name="correct",
        label="最後の記録を訂正",
        icon="rotate-ccw",
        permission=MANAGE,
        fits=_to_correct,
        form=forms.ReasonedForm,
        lead="誤った記録は消さず、取り消したことを新しく記録します。取り消せるのは最後の記録だけです。",
        done="最後の記録を訂正しました。",
        act=_correct,
        look="txt",
    ),
)


def open_steps(now: Situation) -> list[Step]:
    """Return the steps a person can take now."""
    return [step for step in STEPS if step.is_open(now)]
