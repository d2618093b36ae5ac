"""What the board, the runs and a terminal's page show of the reconciliation."""

from django.db.models import Count, Q, QuerySet

from terminals.choices import FileState, Outcome, Severity
from terminals.models import Discrepancy, LedgerFile, Run


def ledger_in_force() -> LedgerFile | None:
    """Return the newest ledger that was accepted."""
    return LedgerFile.objects.filter(state=FileState.ACCEPTED).order_by("-as_of", "-accepted_at").first()


def latest_run() -> Run | None:
    """Return the newest run of all rules that went through."""
    runs = Run.objects.filter(outcome=Outcome.DONE, is_dry=False, only_kind="")
    return runs.select_related("ledger").order_by("-started_at", "-pk").first()


def newest_run() -> Run | None:
    """Return the newest run, however it ended."""
    return Run.objects.select_related("ledger", "asked_by").order_by("-started_at", "-pk").first()


def run_before(run: Run) -> Run | None:
    """Return the run made before another: the same failure again is kept, but not told again."""
    return Run.objects.filter(pk__lt=run.pk, is_dry=False).order_by("-pk").first()


def runs() -> QuerySet[Run]:
    """Return all runs, newest first."""
    return Run.objects.select_related("ledger", "asked_by", "approves").order_by("-started_at", "-pk")


def open_discrepancies(*, site: str = "", terminal_class: str = "", owner: str = "") -> QuerySet[Discrepancy]:
    """Return what is open, heaviest and oldest first."""
    found = Discrepancy.objects.filter(closed_run__isnull=True).select_related("owner", "reopens")
    if site:
        found = found.filter(site=site)
    if terminal_class:
        found = found.filter(terminal_class=terminal_class)
    if owner:
        found = found.filter(owner__number=owner) if owner != "none" else found.filter(owner__isnull=True)
    return found.order_by("detected_at", "terminal_number")


def discrepancies_of(terminal_number: str) -> QuerySet[Discrepancy]:
    """Return what was ever found at a terminal, newest first."""
    return Discrepancy.objects.filter(terminal_number=terminal_number).order_by("-detected_at", "-pk")


def counts() -> dict[str, int]:
    """Return how many are open, critical, overdue and without an owner."""
    return Discrepancy.objects.filter(closed_run__isnull=True).aggregate(
        open=Count("pk"),
        critical=Count("pk", filter=Q(severity=Severity.CRITICAL)),
        unowned=Count("pk", filter=Q(owner__isnull=True)),
    )


def waiting_run() -> Run | None:
    """Return a run that waits for a person, if none went through since."""
    found = newest_run()
    return found if found and found.outcome == Outcome.WAITING else None


def to_put_right(staff_number: str) -> int:
    """Return how many discrepancies are open and more than a reminder, for the menu."""
    return Discrepancy.objects.filter(closed_run__isnull=True).exclude(severity=Severity.MINOR).count()
