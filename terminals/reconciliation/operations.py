"""Runs, and what people do about discrepancies. Nobody can close one: that is for a later run.

Whoever acts manages terminals, or OutsideDuty is raised and nothing has changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction

from accesscontrol.duties import must_have
from accesscontrol.models import Staff
from terminals.changed import ask_for_run
from terminals.choices import MANAGE, Outcome, State, Step, Trigger
from terminals.models import Discrepancy, DiscrepancyStep, LedgerFile, Run
from terminals.reconciliation import compare, discrepancies, queries, reactions
from terminals.reconciliation.rules import Rules, rules

LONGEST_EXCEPTION = timedelta(days=31)
_LOCK = "hashtext('terminals.reconciliation')"


class RunStopped(Exception):
    """A run cannot be trusted, or is too large to go on without a person; the message says why and what to do."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


def ask(*, is_dry: bool, only_kind: str, by: Staff, at: datetime) -> None:
    """Have a run made now by the worker. Raises kombu.exceptions.OperationalError when it cannot be asked."""
    must_have(by, MANAGE, at)
    ask_for_run(Trigger.ASKED, by=by, is_dry=is_dry, only_kind=only_kind)


def reconcile(
    *, trigger: Trigger, by: Staff | None, at: datetime, is_dry: bool = False, only_kind: str = ""
) -> Run:
    """Make one run as of `at` and return it; whatever stops it is in the run, and then nothing has changed.

    A dry run and a run that waits keep what they saw, so that a person can judge it.
    """
    if by is not None:
        must_have(by, MANAGE, at)
    return _make(trigger, by, at, is_dry=is_dry, only_kind=only_kind)


def _make(
    trigger: Trigger,
    by: Staff | None,
    at: datetime,
    *,
    is_dry: bool = False,
    only_kind: str = "",
    approves: Run | None = None,
) -> Run:
    limits = rules()
    run = Run.objects.create(
        started_at=at,
        trigger=trigger,
        asked_by=by,
        is_dry=is_dry,
        only_kind=only_kind,
        rules=limits.version,
        ledger=queries.ledger_in_force(),
        approves=approves,
    )
    try:
        with _one_at_a_time():
            _check_sources(run, limits, at)
            with transaction.atomic():
                _see(run, limits, at)
            with transaction.atomic():
                _act(run, limits, at)
    except RunStopped as stopped:
        _stop(run, stopped.outcome, str(stopped), at)
    except DatabaseError as error:
        _stop(
            run,
            Outcome.FAILED,
            f"データベースの障害のため、何も変えていません（{type(error).__name__}）。",
            at,
        )
    return run


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the runs' lock from the first look to the last change: what was seen is what is acted on."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_lock({_LOCK})")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_unlock({_LOCK})")


def _check_sources(run: Run, limits: Rules, at: datetime) -> None:
    _reach(run, 1)
    run.sources = compare.sources(run, rules=limits, at=at)
    run.save(update_fields=["sources"])
    ledger: LedgerFile | None = run.ledger
    if ledger is None or not run.sources["ledger"]["rows"]:
        raise RunStopped(
            Outcome.FAILED, "反映済みの端末配備先情報がありません。委託先の台帳を受け取り、反映してください。"
        )
    if ledger.as_of is None or (at.date() - ledger.as_of) > limits.ledger_age:
        raise RunStopped(
            Outcome.FAILED,
            f"端末配備先情報の基準日（{ledger.as_of}）が{limits.ledger_age.days}日より前です。新しい台帳を受け取ってください。",
        )


def _see(run: Run, limits: Rules, at: datetime) -> None:
    _reach(run, 2)
    compare.compare(run, rules=limits, at=at)
    run.sites = compare.sites(run, rules=limits, critical=discrepancies.critical_kinds(), at=at)
    run.checked = sum(site["terminals"] for site in run.sites)
    if run.only_kind:
        compare.keep_inspected(run, rules=limits, at=at)
    run.save(update_fields=["digest", "found", "sites", "checked"])


def _act(run: Run, limits: Rules, at: datetime) -> None:
    _reach(run, 3)
    planned = discrepancies.plan(run)
    run.opened, run.recurred, run.resolved = planned.opened, planned.recurred, planned.resolved
    if not run.is_dry:
        _brake(run, planned, limits)
        discrepancies.apply(run, at=at)
        run.suspended = reactions.stop_critical(run, at=at)
        reactions.tell_owners(run, at=at)
        run.findings.all().delete()
    run.outcome, run.finished_at = Outcome.DONE, at
    run.save()


def _brake(run: Run, planned: discrepancies.Plan, limits: Rules) -> None:
    """Stop a run that would change too much, unless a person approved exactly this one."""
    if run.approves is not None:
        if run.approves.digest != run.digest:
            raise RunStopped(
                Outcome.FAILED,
                "承認した時と相違の内容が変わっています。もう一度突合し、結果を確かめてください。",
            )
        return
    if limits.is_mass_change(planned.critical, run.checked):
        raise RunStopped(
            Outcome.WAITING,
            f"一度に{planned.critical:,}件の重大な相違が見つかりました。元の情報の誤りでないか確かめ、承認してください。何も変えていません。",
        )
    if limits.is_mass_change(planned.resolved, run.checked):
        raise RunStopped(
            Outcome.WAITING,
            f"一度に{planned.resolved:,}件の相違が解消します。元の情報が欠けていないか確かめ、承認してください。何も変えていません。",
        )


def _reach(run: Run, phase: int) -> None:
    run.phase = phase
    run.save(update_fields=["phase"])


def _stop(run: Run, outcome: Outcome, message: str, at: datetime) -> None:
    run.outcome, run.message, run.finished_at = outcome, message[:300], at
    run.save()
    if outcome is Outcome.WAITING:
        discrepancies.plan(run)
    before = queries.run_before(run)
    if not run.is_dry and (before is None or before.message != run.message):
        reactions.tell_of_failure(run, at=at)


def approve(run: Run, *, by: Staff, at: datetime) -> Run:
    """Let a run that waits go through: made again, and applied only when it finds exactly the same."""
    must_have(by, MANAGE, at)
    if run.outcome != Outcome.WAITING or hasattr(run, "approval"):
        raise ValidationError("この突合は承認を待っていません。")
    if run.asked_by == by:
        raise ValidationError("突合を始めた人は承認できません。別の担当者が確かめてください。")
    return _make(Trigger.APPROVAL, by, at, only_kind=run.only_kind, approves=run)


def confirm(found: Discrepancy, *, by: Staff, at: datetime) -> None:
    """Note that a person has looked: 検知・再発 → 確認."""
    must_have(by, MANAGE, at)
    with transaction.atomic():
        _move(_open(found), {State.DETECTED, State.RECURRED}, State.CONFIRMED)
        _step(found, Step.CONFIRMED, "", by, at)


def begin_correction(found: Discrepancy, *, words: str, by: Staff, at: datetime) -> None:
    """Note that it is being put right: → 是正中, with what is done."""
    must_have(by, MANAGE, at)
    if not words:
        raise ValidationError("是正の内容を入力してください。")
    with transaction.atomic():
        _move(_open(found), {State.DETECTED, State.RECURRED, State.CONFIRMED}, State.CORRECTING)
        _step(found, Step.CORRECTING, words, by, at)


def assign(found: Discrepancy, *, owner: Staff, by: Staff, at: datetime) -> None:
    """Give a discrepancy to a person."""
    must_have(by, MANAGE, at)
    with transaction.atomic():
        locked = _open(found)
        locked.owner = owner
        locked.save(update_fields=["owner"])
        _step(locked, Step.ASSIGNED, str(owner), by, at)


def add_note(found: Discrepancy, *, words: str, by: Staff, at: datetime) -> None:
    """Add to the story of a discrepancy."""
    must_have(by, MANAGE, at)
    if not words:
        raise ValidationError("経緯を入力してください。")
    _step(found, Step.NOTED, words, by, at)


def except_until(found: Discrepancy, *, until: datetime, reason: str, by: Staff, at: datetime) -> None:
    """Approve an exception that ends by itself; the owner cannot approve it."""
    must_have(by, MANAGE, at)
    if not at < until <= at + LONGEST_EXCEPTION:
        raise ValidationError(f"例外の期限は、これから{LONGEST_EXCEPTION.days}日以内にしてください。")
    if not reason:
        raise ValidationError("例外とする理由を入力してください。")
    with transaction.atomic():
        locked = _open(found)
        if locked.owner == by:
            raise ValidationError("担当者は自分の例外を承認できません。別の担当者が承認してください。")
        locked.excepted_until, locked.excepted_by, locked.excepted_reason = until, by, reason
        locked.save(update_fields=["excepted_until", "excepted_by", "excepted_reason"])
        _step(locked, Step.EXCEPTED, reason, by, at)


def _move(locked: Discrepancy, before: set[State], after: State) -> None:
    if locked.state not in before:
        raise ValidationError(f"この相違は「{locked.get_state_display()}」です。画面を開き直してください。")
    locked.state = after
    locked.save(update_fields=["state"])


def _open(found: Discrepancy) -> Discrepancy:
    locked = Discrepancy.objects.select_for_update().filter(pk=found.pk, closed_run__isnull=True).first()
    if locked is None:
        raise ValidationError("この相違は解消しています。")
    return locked


def _step(found: Discrepancy, step: Step, words: str, by: Staff | None, at: datetime) -> None:
    DiscrepancyStep.objects.create(discrepancy=found, step=step, at=at, by=by, words=words[:300])
