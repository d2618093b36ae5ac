"""突合: runs, what they changed, what they checked, and the discrepancies that live across runs.

A discrepancy closes only when a later run no longer sees it (REC-06); nobody can close one by hand.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accesscontrol.models import Staff
from terminals.choices import Change, Kind, Outcome, Severity, State, Step, Trigger
from terminals.models.ledger import LedgerFile


class Run(models.Model):
    """One comparison: what was compared, by which rules, and what came of it. Runs without a difference are kept too."""

    started_at = models.DateTimeField("開始")
    finished_at = models.DateTimeField("終了", null=True)
    trigger = models.CharField("きっかけ", max_length=10, choices=Trigger.choices)
    asked_by = models.ForeignKey(Staff, models.PROTECT, null=True, related_name="+")
    is_dry = models.BooleanField("試行", default=False)
    only_kind = models.CharField("規則", max_length=24, choices=Kind.choices, blank=True)
    ledger = models.ForeignKey(LedgerFile, models.PROTECT, null=True)
    rules = models.CharField("規則の版", max_length=12)
    sources = models.JSONField("突き合わせた情報", default=dict)
    outcome = models.CharField("結果", max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    phase = models.PositiveSmallIntegerField("段階", default=0)
    message = models.CharField("説明", max_length=300, blank=True)
    found = models.PositiveIntegerField("相違", default=0)
    opened = models.PositiveIntegerField("新しい相違", default=0)
    recurred = models.PositiveIntegerField("再発", default=0)
    resolved = models.PositiveIntegerField("解消", default=0)
    suspended = models.PositiveIntegerField("停止した端末", default=0)
    checked = models.PositiveIntegerField("調べた端末", default=0)
    sites = models.JSONField("拠点別", default=list)
    digest = models.CharField("相違の要約値", max_length=64, blank=True)
    approves = models.OneToOneField(
        "self", models.PROTECT, null=True, verbose_name="承認する突合", related_name="approval"
    )

    class Meta:
        verbose_name = "突合"
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["-started_at"], name="run_newest")]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class Difference(models.Model):
    """One kind of fault at one terminal and LU, and what each source says of it."""

    kind = models.CharField("種別", max_length=24, choices=Kind.choices)
    terminal_number = models.CharField("端末番号", max_length=16)
    lu = models.CharField("LU名", max_length=8, blank=True)
    site = models.CharField("拠点", max_length=80, blank=True)
    terminal_class = models.CharField("用途区分", max_length=8, blank=True)
    ledger_says = models.CharField("台帳", max_length=200, blank=True)
    online_says = models.CharField("オンライン", max_length=200, blank=True)
    seen_says = models.CharField("検出", max_length=200, blank=True)
    odd_one = models.CharField("食い違う側", max_length=8, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.terminal_number} {self.get_kind_display()}"


class Discrepancy(Difference):
    """相違: one kind of fault at one terminal and LU, from the run that saw it first to the run that no longer did."""

    severity = models.CharField("重さ", max_length=10, choices=Severity.choices)
    state = models.CharField("状態", max_length=10, choices=State.choices, default=State.DETECTED)
    first_run = models.ForeignKey(Run, models.PROTECT, related_name="+")
    last_run = models.ForeignKey(Run, models.PROTECT, related_name="+")
    closed_run = models.ForeignKey(Run, models.PROTECT, null=True, related_name="+")
    detected_at = models.DateTimeField("検知")
    closed_at = models.DateTimeField("解消", null=True)
    reopens = models.ForeignKey("self", models.PROTECT, null=True, verbose_name="前回の相違")
    owner = models.ForeignKey(Staff, models.PROTECT, verbose_name="担当", null=True, related_name="+")
    due_on = models.DateField("期限", null=True)
    suspended_at = models.DateTimeField("利用停止", null=True)
    excepted_until = models.DateTimeField("例外の期限", null=True)
    excepted_by = models.ForeignKey(Staff, models.PROTECT, null=True, related_name="+")
    excepted_reason = models.CharField("例外の理由", max_length=200, blank=True)

    class Meta:
        verbose_name = "相違"
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_open_discrepancy",
                fields=["kind", "terminal_number", "lu"],
                condition=Q(closed_run__isnull=True),
            ),
            models.CheckConstraint(
                name="closed_by_a_run",
                condition=Q(closed_run__isnull=True, closed_at__isnull=True)
                | Q(closed_run__isnull=False, closed_at__isnull=False, state="resolved"),
            ),
            models.CheckConstraint(
                name="exception_is_limited_and_approved",
                condition=Q(excepted_until__isnull=True, excepted_by__isnull=True)
                | (Q(excepted_until__isnull=False, excepted_by__isnull=False) & ~Q(excepted_reason="")),
            ),
        ]


class DiscrepancyStep(models.Model):
    """経緯: what a person or a run did about a discrepancy."""

    discrepancy = models.ForeignKey(Discrepancy, models.PROTECT, related_name="steps")
    step = models.CharField("経緯", max_length=10, choices=Step.choices)
    at = models.DateTimeField("日時")
    by = models.ForeignKey(Staff, models.PROTECT, null=True, related_name="+")
    words = models.CharField("内容", max_length=300, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.discrepancy} {self.get_step_display()}"


class RunChange(models.Model):
    """One thing a run changed, or would have changed when it was dry or is waiting."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="changes")
    change = models.CharField("変化", max_length=10, choices=Change.choices)
    kind = models.CharField("種別", max_length=24, choices=Kind.choices)
    terminal_number = models.CharField("端末番号", max_length=16)
    lu = models.CharField("LU名", max_length=8, blank=True)
    words = models.CharField("内容", max_length=300, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_change_display()} {self.terminal_number}"


class Inspected(models.Model):
    """水平展開: one terminal a run looked at, with or without a finding (同様の事案がないことを確認)."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="inspected")
    site = models.CharField("拠点", max_length=80)
    terminal_number = models.CharField("端末番号", max_length=16)
    is_fine = models.BooleanField("相違なし")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.terminal_number


class Found(Difference):
    """What a run saw. Kept while the run is under way, dry or waiting: an approval is of exactly these rows."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="findings")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(name="found_once_a_run", fields=["run", "kind", "terminal_number", "lu"])
        ]
