"""What follows from a run at once: critical terminals are stopped, responsible people are told."""

from collections import Counter
from datetime import datetime

from django.db.models import Q, QuerySet

from accesscontrol import changes
from accesscontrol.models import Alert, Staff
from terminals import notices
from terminals.choices import Change, Severity, Step
from terminals.models import Discrepancy, DiscrepancyStep, Run, RunChange, Terminal

CODE = "K-101"
BOARD = "/reconciliation/"  # the worker knows no pages: loading them would double its memory


def stop_critical(run: Run, *, at: datetime) -> int:
    """Suspend every terminal with a critical discrepancy that nobody has excepted; return how many.

    Open sessions end with their next request: the claims look at the suspension each time.
    """
    stopped = 0
    for found in _unstopped(at):
        terminal = Terminal.objects.select_for_update().filter(number=found.terminal_number).first()
        if terminal is None:
            continue
        if terminal.suspended_at is None:
            reason = f"突合：{found.get_kind_display()}（{found.ledger_says}／{found.online_says}）"
            changes.suspend(terminal, reason=reason[:200], by=None, at=at)
            stopped += 1
        found.suspended_at = at
        found.save(update_fields=["suspended_at"])
        DiscrepancyStep.objects.create(discrepancy=found, step=Step.SUSPENDED, at=at)
        RunChange.objects.create(
            run=run,
            change=Change.SUSPEND,
            kind=found.kind,
            terminal_number=found.terminal_number,
            lu=found.lu,
        )
        _raise_alert(found, at)
    return stopped


def _unstopped(at: datetime) -> QuerySet[Discrepancy]:
    """Return critical discrepancies whose terminal works although nobody has excepted them."""
    working = Terminal.objects.filter(suspended_at__isnull=True).values("number")
    return (
        Discrepancy.objects.select_for_update()
        .filter(closed_run__isnull=True, severity=Severity.CRITICAL)
        .filter(Q(excepted_until__isnull=True) | Q(excepted_until__lte=at))
        .filter(Q(suspended_at__isnull=True) | Q(terminal_number__in=working))
        .order_by("terminal_number", "id")
    )


def _raise_alert(found: Discrepancy, at: datetime) -> None:
    Alert.objects.get_or_create(
        occurrence=f"discrepancy {found.pk}",
        defaults={
            "raised_at": at,
            "codes": [CODE],
            "summary": f"突合：{found.terminal_number} {found.get_kind_display()}。利用を停止しました。",
            "terminal_number": found.terminal_number,
        },
    )


def tell_owners(run: Run, *, at: datetime) -> None:
    """Tell each responsible person, once a run, what is new and theirs; what has no owner goes to compliance."""
    fresh = Discrepancy.objects.filter(first_run=run).values_list("owner", "severity")
    by_owner: dict[int | None, Counter[str]] = {}
    for owner, severity in fresh:
        by_owner.setdefault(owner, Counter())[severity] += 1
    staff = Staff.objects.in_bulk([pk for pk in by_owner if pk])
    for pk, counts in by_owner.items():
        parts = [
            f"{Severity(severity).label}{counts[severity]}件" for severity in Severity if counts[severity]
        ]
        notices.tell(
            staff.get(pk) if pk else None,
            f"端末の突合で新しい相違が{counts.total()}件見つかりました（{'、'.join(parts)}）。",
            link=BOARD,
            at=at,
        )


def tell_of_failure(run: Run, *, at: datetime) -> None:
    """Tell compliance that a run failed or waits for a person."""
    notices.tell(
        None,
        f"端末の突合：{run.get_outcome_display()}。{run.message}",
        link=f"{BOARD}runs/{run.pk}/",
        at=at,
    )
