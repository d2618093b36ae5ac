"""Who was in which room, and which terminals were found there.

New case 2 came out by laying entry records beside sign-ins; a retail person in the room during an NW
session is a finding whoever's card was used (CON-03).
"""

from typing import ClassVar

from auditlog.registry import auditlog
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q

from accesscontrol.models import Organisation, Staff
from terminals.choices import Channel
from terminals.models.registry import Place, Terminal


class StockTake(models.Model):
    """棚卸: one person at one place, scanning everything that stands there."""

    place = models.ForeignKey(Place, models.PROTECT, verbose_name="室・区画", related_name="stock_takes")
    by = models.ForeignKey(Staff, models.PROTECT, verbose_name="行った人", related_name="+")
    started_at = models.DateTimeField("開始")
    finished_at = models.DateTimeField("終了", null=True)

    class Meta:
        verbose_name = "棚卸"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.place} {self.started_at:%Y-%m-%d}"


class Sighting(models.Model):
    """A code read at a place; a code no terminal has is kept as well."""

    stock_take = models.ForeignKey(StockTake, models.PROTECT, related_name="sightings")
    code = models.CharField("読み取った番号", max_length=40)
    terminal = models.ForeignKey(Terminal, models.PROTECT, null=True, related_name="sightings")
    seen_at = models.DateTimeField("日時")

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(name="read_once_per_stock_take", fields=["stock_take", "code"])
        ]

    def __str__(self) -> str:
        return self.code


class RoomEntryFile(models.Model):
    """One delivery of entry records."""

    received_at = models.DateTimeField("受け取り")
    received_by = models.ForeignKey(Staff, models.PROTECT, null=True, related_name="+")
    channel = models.CharField("受け取り方", max_length=8, choices=Channel.choices)
    file_name = models.CharField("ファイル名", max_length=200)
    sha256 = models.CharField("SHA-256", max_length=64, unique=True)
    rows = models.PositiveIntegerField("行数", default=0)
    repeated = models.PositiveIntegerField("重複", default=0)
    missing_exits = models.PositiveIntegerField("退室の記録なし", default=0)

    class Meta:
        verbose_name = "入退室記録"
        default_permissions = ()

    def __str__(self) -> str:
        return self.file_name


class RoomEntry(models.Model):
    """One stay in a room; without a record of leaving, `left_at` is empty and the stay counts as open."""

    file = models.ForeignKey(RoomEntryFile, models.PROTECT, related_name="entries")
    place = models.ForeignKey(Place, models.PROTECT, verbose_name="室・区画", related_name="entries")
    person_number = models.CharField("職員番号", max_length=7)
    person_name = models.CharField("氏名", max_length=80, blank=True)
    company = models.ForeignKey(Organisation, models.PROTECT, verbose_name="会社")
    entered_at = models.DateTimeField("入室")
    left_at = models.DateTimeField("退室", null=True)

    class Meta:
        verbose_name = "入退室"
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_entry_at_a_moment", fields=["place", "person_number", "entered_at"]
            ),
            models.CheckConstraint(
                name="left_after_entering",
                condition=Q(left_at__isnull=True) | Q(left_at__gte=models.F("entered_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_number} {self.entered_at:%Y-%m-%d %H:%M}"


class RoomAdmission(models.Model):
    """入室の許可: a company, or one person of it, that may be in a room over a period (CON-04)."""

    place = models.ForeignKey(Place, models.PROTECT, verbose_name="室・区画", related_name="admissions")
    company = models.ForeignKey(Organisation, models.PROTECT, verbose_name="会社")
    person_number = models.CharField("職員番号", max_length=7, blank=True)
    during = DateTimeRangeField("期間")
    reason = models.CharField("理由", max_length=200)

    class Meta:
        verbose_name = "入室の許可"
        default_permissions = ()
        constraints: ClassVar = [
            ExclusionConstraint(
                name="one_admission_at_a_time",
                expressions=[
                    ("place", RangeOperators.EQUAL),
                    ("company", RangeOperators.EQUAL),
                    ("person_number", RangeOperators.EQUAL),
                    ("during", RangeOperators.OVERLAPS),
                ],
                violation_error_message="同じ期間の許可がすでにあります。",
            )
        ]

    def __str__(self) -> str:
        return f"{self.place} {self.company}"


class PresenceFinding(models.Model):
    """Somebody in a room who should not have been: during an NW session there, or without admission.

    Copies, no foreign keys to the entry: a finding stays as it was found.
    """

    place = models.ForeignKey(Place, models.PROTECT, verbose_name="室・区画", related_name="findings")
    person_number = models.CharField("職員番号", max_length=7)
    person_name = models.CharField("氏名", max_length=80, blank=True)
    company = models.CharField("会社", max_length=80)
    during = DateTimeRangeField("重なった時間")
    is_open = models.BooleanField("退室の記録なし", default=False)
    terminal_number = models.CharField("端末番号", max_length=16, blank=True)
    card_number = models.CharField("職員証", max_length=10, blank=True)
    user_name = models.CharField("端末を使っていた人", max_length=100, blank=True)
    points = models.PositiveIntegerField("その間に表示した地点", default=0)
    found_at = models.DateTimeField("検知")
    reviewed_at = models.DateTimeField("確認", null=True)
    reviewed_by = models.ForeignKey(Staff, models.PROTECT, null=True, related_name="+")
    review = models.CharField("確認の内容", max_length=300, blank=True)

    class Meta:
        verbose_name = "同室の検知"
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_finding_of_a_meeting",
                fields=["place", "person_number", "during", "terminal_number", "card_number"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.place} {self.person_number}"


auditlog.register(RoomAdmission)
