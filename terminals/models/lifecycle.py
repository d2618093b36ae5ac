"""The life of a terminal as a journal: one row per transition, never changed, never removed.

A terminal's status follows from this journal alone: the database moves it when a row is written
here, and refuses every other way (notice ②: 端末配備・返却の業務フロー).
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accesscontrol.models import Organisation, Staff
from terminals.choices import EventKind, HandoverKind, TerminalStatus
from terminals.models.registry import Place, Terminal


class Handover(models.Model):
    """受け渡し: a terminal on its way between two people; it counts when the receiver accepts it."""

    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name="端末", related_name="handovers")
    kind = models.CharField("種別", max_length=12, choices=HandoverKind.choices)
    holder = models.ForeignKey(Organisation, models.PROTECT, verbose_name="受け取る会社")
    place = models.ForeignKey(Place, models.PROTECT, verbose_name="設置場所", null=True, blank=True)
    handed_by = models.ForeignKey(Staff, models.PROTECT, verbose_name="渡した人", related_name="+")
    handed_at = models.DateTimeField("渡した日時")
    reason = models.CharField("理由", max_length=200)
    who_can_enter = models.CharField("ほかに立ち入れる人", max_length=200, blank=True)
    approved_by = models.ForeignKey(
        Staff, models.PROTECT, verbose_name="承認した人", null=True, related_name="+"
    )
    accepted_by = models.ForeignKey(
        Staff, models.PROTECT, verbose_name="受け取った人", null=True, related_name="+"
    )
    accepted_at = models.DateTimeField("受け取った日時", null=True)
    declined_at = models.DateTimeField("受け取らなかった日時", null=True)
    declined_reason = models.CharField("受け取らなかった理由", max_length=200, blank=True)

    class Meta:
        verbose_name = "受け渡し"
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_handover_under_way",
                fields=["terminal"],
                condition=Q(accepted_at__isnull=True, declined_at__isnull=True),
            ),
            models.CheckConstraint(
                name="receiver_is_not_giver",
                condition=Q(accepted_by__isnull=True) | ~Q(accepted_by=models.F("handed_by")),
            ),
            models.CheckConstraint(
                name="approver_is_not_giver",
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=models.F("handed_by")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terminal} {self.get_kind_display()}"


class LifeEvent(models.Model):
    """One transition: who, when, where, why; `at` is when it happened, `recorded_at` when it was entered."""

    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name="端末", related_name="events")
    kind = models.CharField("出来事", max_length=16, choices=EventKind.choices)
    from_status = models.CharField("前の状態", max_length=16, choices=TerminalStatus.choices)
    to_status = models.CharField("後の状態", max_length=16, choices=TerminalStatus.choices)
    at = models.DateTimeField("日時")
    recorded_at = models.DateTimeField("記録した日時", db_default=Now())
    by = models.ForeignKey(Staff, models.PROTECT, verbose_name="行った人", null=True, related_name="+")
    holder = models.ForeignKey(Organisation, models.PROTECT, verbose_name="会社", null=True)
    place = models.ForeignKey(Place, models.PROTECT, verbose_name="場所", null=True)
    reason = models.CharField("理由", max_length=200, blank=True)
    handover = models.ForeignKey(Handover, models.PROTECT, null=True)
    corrects = models.OneToOneField("self", models.PROTECT, verbose_name="訂正する記録", null=True)
    evidence = models.JSONField("確認の内容", default=dict)

    class Meta:
        verbose_name = "端末の出来事"
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["terminal", "-id"], name="life_of_a_terminal")]

    def __str__(self) -> str:
        return f"{self.terminal} {self.get_kind_display()}"


class LuDeletion(models.Model):
    """LU削除: opened by every return; it closes only with a read-back that finds no LU (measure d-1)."""

    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name="端末", related_name="lu_deletions")
    opened_at = models.DateTimeField("依頼日時")
    deleted_by = models.ForeignKey(
        Staff, models.PROTECT, verbose_name="削除した人", null=True, related_name="+"
    )
    deleted_at = models.DateTimeField("削除日時", null=True)
    confirmed_by = models.ForeignKey(
        Staff, models.PROTECT, verbose_name="確認した人", null=True, related_name="+"
    )
    confirmed_at = models.DateTimeField("読み返した日時", null=True)
    withdrawn_at = models.DateTimeField("取り下げ日時", null=True)  # the return itself was taken back

    class Meta:
        verbose_name = "LU削除"
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_open_lu_deletion",
                fields=["terminal"],
                condition=Q(confirmed_at__isnull=True, withdrawn_at__isnull=True),
            ),
            models.CheckConstraint(
                name="deleter_does_not_confirm",
                condition=Q(confirmed_by__isnull=True)
                | Q(deleted_by__isnull=True)
                | ~Q(confirmed_by=models.F("deleted_by")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terminal} {self.opened_at:%Y-%m-%d}"
