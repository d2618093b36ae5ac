"""Places, terminals, their registrations and deployments, and what a terminal proves itself with.

This is the system's own registry (営業オンラインの端末情報). The contractor's ledger (端末配備先情報) arrives
as files and is a source of its own: the failure of 2022 was that the two differed unseen.
"""

from typing import ClassVar

from auditlog.registry import auditlog
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from accesscontrol.models import Numbered, Organisation, Staff
from terminals.choices import AssignedSide, TerminalClass, TerminalStatus, ZoneKind

TERMINAL_NUMBER = RegexValidator(r"^[A-Z]{2}-\d{4}$", "端末番号は「NW-0118」の形で入力してください。")
LU_NAME = RegexValidator(r"^[A-Z@#$][A-Z0-9@#$]{0,7}$", "LU名は英大文字で始まる8文字以内で入力してください。")


class Building(models.Model):
    """A building; NW and retail may live in the same one (notice: 同一の建物に入居)."""

    code = models.CharField("建物コード", max_length=16, unique=True)
    name = models.CharField("名称", max_length=80)
    address = models.CharField("所在地", max_length=200)
    keeper = models.ForeignKey(
        Staff, models.PROTECT, verbose_name="端末の責任者", null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = "建物"

    def __str__(self) -> str:
        return self.name


class Place(models.Model):
    """A room or part of a floor that has one zone owner at a time."""

    building = models.ForeignKey(Building, models.PROTECT, verbose_name="建物")
    floor = models.CharField("階", max_length=8)
    name = models.CharField("室・区画", max_length=80)
    clock_offset = models.IntegerField("入退室の時計の進み（秒）", default=0)

    class Meta:
        verbose_name = "室・区画"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="place_named_once",
                fields=["building", "floor", "name"],
                violation_error_message="同じ建物・階に同じ名前の区画があります。",
            )
        ]

    def __str__(self) -> str:
        return f"{self.building} {self.floor} {self.name}"


class ZoneOwnership(models.Model):
    """Whose zone a place is, over a period. Without one the place belongs to nobody and opens nothing."""

    place = models.ForeignKey(Place, models.PROTECT, verbose_name="室・区画", related_name="ownerships")
    kind = models.CharField("区画の持ち主", max_length=12, choices=ZoneKind.choices)
    assigned_side = models.CharField("使用枠", max_length=8, choices=AssignedSide.choices, blank=True)
    during = DateTimeRangeField("期間")

    class Meta:
        verbose_name = "区画の持ち主"
        constraints: ClassVar = [
            models.CheckConstraint(name="zone_kind_known", condition=Q(kind__in=ZoneKind.values)),
            models.CheckConstraint(
                name="only_contractor_zones_are_assigned",
                condition=Q(assigned_side="") | Q(kind=ZoneKind.CONTRACTOR),
                violation_error_message="使用枠は委託会社区画だけに指定できます。",
            ),
            ExclusionConstraint(
                name="one_zone_owner_at_a_time",
                expressions=[("place", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
                violation_error_message="同じ期間に別の持ち主があります。前の期間の終わりを先に入れてください。",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.place} {self.get_kind_display()}"


class Terminal(Numbered):
    """A device. What it may do follows from its registrations, deployment and place, not from this row."""

    number = models.CharField("端末番号", max_length=16, unique=True, validators=[TERMINAL_NUMBER])
    asset_number = models.CharField("資産番号", max_length=24, unique=True)
    serial_number = models.CharField("製造番号", max_length=40, unique=True)
    status = models.CharField(
        "状態",
        max_length=16,
        choices=TerminalStatus.choices,
        default=TerminalStatus.PROCURED,
        editable=False,
    )
    suspended_at = models.DateTimeField("利用停止", null=True, blank=True, editable=False)
    suspended_reason = models.CharField("停止の理由", max_length=200, blank=True, editable=False)

    class Meta:
        verbose_name = "端末"
        default_permissions = ()
        permissions: ClassVar = [
            ("manage_terminals", "端末を管理する"),
            ("keep_terminals", "端末の受け渡しと棚卸をし、端末配備先情報を届ける"),
            ("view_terminals", "端末台帳を見る"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="terminal_status_known", condition=Q(status__in=TerminalStatus.values)
            ),
            models.CheckConstraint(
                name="terminal_suspension_has_a_reason",
                condition=Q(suspended_at__isnull=True, suspended_reason="")
                | (Q(suspended_at__isnull=False) & ~Q(suspended_reason="")),
            ),
        ]

    def __str__(self) -> str:
        return self.number


class LuRegistration(models.Model):
    """営業オンライン端末情報: the LU and class the system itself grants a terminal, over a period.

    One LU on two terminals must be storable: it is a fault to be found, not one to be denied.
    """

    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name="端末", related_name="registrations")
    lu = models.CharField("LU名", max_length=8, validators=[LU_NAME])
    terminal_class = models.CharField("用途区分", max_length=8, choices=TerminalClass.choices)
    during = DateTimeRangeField("期間")

    class Meta:
        verbose_name = "LU登録"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="terminal_class_is_one_of_two", condition=Q(terminal_class__in=TerminalClass.values)
            )
        ]
        indexes: ClassVar = [models.Index(fields=["lu"], name="lu_name")]

    def __str__(self) -> str:
        return f"{self.lu} {self.get_terminal_class_display()}"


class Deployment(models.Model):
    """配備: which company holds a terminal and where it stands, over a period, as its life cycle brought it about."""

    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name="端末", related_name="deployments")
    holder = models.ForeignKey(Organisation, models.PROTECT, verbose_name="配備先の会社")
    place = models.ForeignKey(Place, models.PROTECT, verbose_name="設置場所")
    during = DateTimeRangeField("期間")

    class Meta:
        verbose_name = "配備"
        constraints: ClassVar = [
            ExclusionConstraint(
                name="one_deployment_at_a_time",
                expressions=[("terminal", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
                violation_error_message="同じ期間に別の配備があります。前の配備の終わりを先に入れてください。",
            )
        ]

    def __str__(self) -> str:
        return f"{self.holder} {self.place}"


class TerminalCertificate(models.Model):
    """A client certificate a terminal proves itself with (SHA-256 of its DER form, hexadecimal)."""

    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name="端末", related_name="certificates")
    fingerprint = models.CharField("証明書の指紋（SHA-256）", max_length=64, unique=True)
    registered_at = models.DateTimeField("登録日時")
    revoked_at = models.DateTimeField("失効日時", null=True, blank=True)

    class Meta:
        verbose_name = "端末証明書"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="fingerprint_is_sha256", condition=Q(fingerprint__regex=r"^[0-9a-f]{64}$")
            )
        ]

    def __str__(self) -> str:
        return self.fingerprint[:16]


class EnrolmentCode(models.Model):
    """A single-use code by which a device becomes a terminal where client certificates are not used."""

    terminal = models.ForeignKey(Terminal, models.PROTECT)
    code_hash = models.CharField(max_length=64, unique=True)
    issued_at = models.DateTimeField()
    issued_by = models.CharField(max_length=100)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.terminal} {self.issued_at:%Y-%m-%d}"


class EnrolledDevice(models.Model):
    """A browser enrolled as a terminal. Its secret changes with every use: a copy is found out."""

    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="devices")
    secret_hash = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64, blank=True)
    rotated_at = models.DateTimeField()
    enrolled_at = models.DateTimeField("登録日時")
    revoked_at = models.DateTimeField("失効日時", null=True)
    revoked_reason = models.CharField("失効の理由", max_length=200, blank=True)

    class Meta:
        verbose_name = "登録済みの機器"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_device_per_terminal",
                fields=["terminal"],
                condition=Q(revoked_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.terminal} {self.enrolled_at:%Y-%m-%d}"


class TerminalLastSeen(models.Model):
    """When a terminal was last seen; a table of its own because it is written all the time."""

    terminal = models.OneToOneField(Terminal, models.PROTECT, primary_key=True, related_name="last_seen")
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.terminal_id} {self.seen_at:%Y-%m-%d %H:%M}"


class Notice(models.Model):
    """お知らせ: something a responsible person is told, in the product, by mail and to a webhook."""

    recipient = models.ForeignKey(Staff, models.PROTECT, null=True, related_name="+")
    text = models.CharField(max_length=300)
    link = models.CharField(max_length=200, blank=True)
    made_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "お知らせ"
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["recipient", "-made_at"], name="notice_newest")]

    def __str__(self) -> str:
        return self.text


class SavedView(models.Model):
    """A filter of the terminal list that one person keeps under a name."""

    person = models.CharField(max_length=7)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=1000)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_terminal_view_of_a_name", fields=["person", "name"])
        ]

    def __str__(self) -> str:
        return self.name


for _model in (Building, Place, ZoneOwnership, Terminal, LuRegistration, Deployment, TerminalCertificate):
    auditlog.register(_model)
auditlog.register(EnrolledDevice, include_fields=["terminal", "enrolled_at", "revoked_at", "revoked_reason"])
