"""Organisations, staff, postings, cards, sessions, alerts: tables and constraints.

Periods are half-open ranges with exclusion constraints; a card number is never used again.
"""

from typing import Any, ClassVar

from auditlog.registry import auditlog
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from accesscontrol.choices import PERMISSIONS, CardKind, Duty, EndReason, EngagedFor, OrganisationKind
from audit.choices import Purpose

STAFF_NUMBER = RegexValidator(r"^[A-Z]-\d{5}$", "職員番号は「N-12345」の形で入力してください。")
CARD_NUMBER = RegexValidator(r"^\d{10}$", "職員証番号は10桁の数字で入力してください。")


class Numbered(models.Model):
    """A row the read log names by its number for ever: once saved, the number stays."""

    number: "models.CharField[str, str]"

    class Meta:
        abstract = True

    def clean(self) -> None:
        """Refuse another number; the database refuses it too."""
        super().clean()
        saved = type(self)._default_manager.filter(pk=self.pk)
        if self.pk is not None and saved.exclude(Q(number=self.number)).exists():
            raise ValidationError(
                {"number": "番号は登録した後に変えられません。閲覧記録がこの番号で残っているためです。"}
            )


class Organisation(models.Model):
    """A company, with its role under 行為規制."""

    code = models.CharField("組織コード", max_length=16, unique=True)
    name = models.CharField("名称", max_length=80)
    kind = models.CharField("区分", max_length=16, choices=OrganisationKind.choices)

    class Meta:
        verbose_name = "組織"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="organisation_kind_known", condition=Q(kind__in=OrganisationKind.values)
            )
        ]

    def __str__(self) -> str:
        return self.name


class StaffManager(BaseUserManager["Staff"]):
    """Finds staff by number, as Django's user machinery expects."""


class Staff(Numbered, AbstractBaseUser):
    """A person. Rights come from the posting of the moment, never from this row."""

    password = None  # type: ignore[assignment]  # people sign in by card and PIN
    last_login = None
    number = models.CharField("職員番号", max_length=7, unique=True, validators=[STAFF_NUMBER])
    name = models.CharField("氏名", max_length=80)
    kana = models.CharField("氏名カナ", max_length=80, blank=True)
    email = models.EmailField("メールアドレス", blank=True)

    USERNAME_FIELD = "number"
    objects = StaffManager()
    permissions: frozenset[str] = frozenset()  # set per request from the current posting

    class Meta:
        verbose_name = "職員"
        default_permissions = ()
        permissions: ClassVar = [
            ("manage_cards", "職員・職員証を管理する"),
            ("review_alerts", "通報を確認する"),
        ]

    def __str__(self) -> str:
        return f"{self.name}（{self.number}）"

    def has_perm(self, permission: str, obj: Any = None) -> bool:
        """Tell whether the current posting carries the permission."""
        return permission in self.permissions

    def has_perms(self, permissions: list[str], obj: Any = None) -> bool:
        """Tell whether the current posting carries all of them."""
        return all(self.has_perm(permission) for permission in permissions)

    def act_under(self, duty: str) -> None:
        """Take the permissions of a duty for this request."""
        self.permissions = PERMISSIONS.get(duty, frozenset())


class Posting(models.Model):
    """所属・従事: where a person works, for whom and as what, over a period."""

    staff = models.ForeignKey(Staff, models.PROTECT, verbose_name="職員", related_name="postings")
    organisation = models.ForeignKey(Organisation, models.PROTECT, verbose_name="組織")
    department = models.CharField("部署", max_length=80)
    duty = models.CharField("業務", max_length=24, choices=Duty.choices)
    engaged_for = models.CharField("委託元", max_length=8, choices=EngagedFor.choices, blank=True)
    during = DateTimeRangeField("期間")

    class Meta:
        verbose_name = "所属"
        constraints: ClassVar = [
            models.CheckConstraint(name="posting_duty_known", condition=Q(duty__in=Duty.values)),
            ExclusionConstraint(
                name="one_posting_at_a_time",
                expressions=[("staff", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
                violation_error_message="同じ期間に別の所属があります。前の所属の終わりを先に入れてください。",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.staff} {self.organisation} {self.department}"


class Card(Numbered):
    """職員証. The number identifies; the PIN (Argon2id) proves."""

    number = models.CharField("職員証番号", max_length=10, unique=True, validators=[CARD_NUMBER])
    kind = models.CharField("種別", max_length=12, choices=CardKind.choices, default=CardKind.INDIVIDUAL)
    company = models.ForeignKey(Organisation, models.PROTECT, verbose_name="発行会社")
    staff = models.ForeignKey(
        Staff, models.PROTECT, verbose_name="職員", null=True, blank=True, related_name="cards"
    )
    valid = DateTimeRangeField("有効期間")
    pin_hash = models.CharField(max_length=200, blank=True, editable=False)
    suspended_at = models.DateTimeField("停止日時", null=True, blank=True, editable=False)
    suspended_reason = models.CharField("停止の理由", max_length=200, blank=True, editable=False)
    failed_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    locked_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "職員証"
        constraints: ClassVar = [
            models.CheckConstraint(name="card_kind_known", condition=Q(kind__in=CardKind.values)),
            models.CheckConstraint(
                name="individual_card_has_a_person",
                condition=~Q(kind=CardKind.INDIVIDUAL) | Q(staff__isnull=False),
                violation_error_message="個人の職員証には職員を指定してください。",
            ),
            models.CheckConstraint(
                name="card_suspension_has_a_reason",
                condition=Q(suspended_at__isnull=True, suspended_reason="")
                | (Q(suspended_at__isnull=False) & ~Q(suspended_reason="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}（{self.get_kind_display()}）"


class TerminalGuard(models.Model):
    """Wrong PINs at one terminal, whatever the card: a fixed pause that further tries do not lengthen."""

    terminal_number = models.CharField(max_length=16, unique=True)
    failed_attempts = models.PositiveSmallIntegerField(default=0)
    locked_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.terminal_number


class WorkSession(models.Model):
    """利用: one card on one terminal from sign-in to the end."""

    token_hash = models.CharField(max_length=64, unique=True)
    card = models.ForeignKey(Card, models.PROTECT)
    terminal_number = models.CharField(max_length=16)
    started_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    purpose = models.CharField(max_length=24, choices=Purpose.choices, blank=True)
    purpose_reference = models.CharField(max_length=80, blank=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, choices=EndReason.choices, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_open_session_per_card", fields=["card"], condition=Q(ended_at__isnull=True)
            ),
            models.UniqueConstraint(
                name="one_open_session_per_terminal",
                fields=["terminal_number"],
                condition=Q(ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terminal_number} {self.started_at:%Y-%m-%d %H:%M}"


class Alert(models.Model):
    """通報: a refusal that points to a wrong binding, or trouble with the read log. Copies, no foreign keys."""

    raised_at = models.DateTimeField()
    codes = ArrayField(models.CharField(max_length=8))
    summary = models.CharField(max_length=200)
    terminal_number = models.CharField(max_length=16, blank=True)
    card_number = models.CharField(max_length=10, blank=True)
    person = models.CharField(max_length=100, blank=True)
    place = models.CharField(max_length=120, blank=True)
    log_entry = models.BigIntegerField(null=True)
    occurrence = models.CharField(max_length=80, blank=True)
    notified_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name = "通報"
        indexes: ClassVar = [models.Index(fields=["-raised_at"], name="alert_newest")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_alert_per_occurrence", fields=["occurrence"], condition=~Q(occurrence="")
            )
        ]

    def __str__(self) -> str:
        return f"{' '.join(self.codes)} {self.summary}"


HIDDEN = "（値は残しません）"


def hidden(value: str) -> str:
    """Return what the change history keeps of a secret: nothing (the library's own mask keeps half)."""
    return HIDDEN


for _model in (Organisation, Staff, Posting):
    auditlog.register(_model)
auditlog.register(
    Card,
    exclude_fields=["failed_attempts", "locked_until"],
    mask_fields=["pin_hash"],
    mask_callable="accesscontrol.models.hidden",
    mapping_fields={"pin_hash": "暗証番号"},
)
