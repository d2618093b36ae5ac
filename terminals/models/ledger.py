"""端末配備先情報: the terminal contractor's ledger as it was received, file by file.

It never changes the system's own registry: the two are compared, and what differs is a discrepancy.
"""

from typing import ClassVar

from django.db import models

from accesscontrol.models import Staff
from terminals.choices import Channel, FileState, LedgerState


class LedgerFile(models.Model):
    """One file of the ledger: where it came from, what the checks found, whether it is in force."""

    received_at = models.DateTimeField("受け取り")
    received_by = models.ForeignKey(Staff, models.PROTECT, null=True, related_name="+")
    channel = models.CharField("受け取り方", max_length=8, choices=Channel.choices)
    file_name = models.CharField("ファイル名", max_length=200)
    sha256 = models.CharField("SHA-256", max_length=64)
    encoding = models.CharField("文字コード", max_length=16, blank=True)
    as_of = models.DateField("基準日", null=True)
    rows = models.PositiveIntegerField("行数", default=0)
    bad_rows = models.PositiveIntegerField("誤りのある行", default=0)
    state = models.CharField("状態", max_length=10, choices=FileState.choices, default=FileState.CHECKED)
    outcome = models.CharField("結果", max_length=300, blank=True)
    accepted_by = models.ForeignKey(Staff, models.PROTECT, null=True, related_name="+")
    accepted_at = models.DateTimeField("反映日時", null=True)

    class Meta:
        verbose_name = "端末配備先情報"
        default_permissions = ()

    def __str__(self) -> str:
        return self.file_name


class LedgerLine(models.Model):
    """One line of a file: a terminal as its contractor knows it."""

    id = models.BigAutoField(primary_key=True)
    file = models.ForeignKey(LedgerFile, models.CASCADE, related_name="lines")
    line = models.PositiveIntegerField()
    terminal_number = models.CharField("端末番号", max_length=16)
    asset_number = models.CharField("資産番号", max_length=24)
    serial_number = models.CharField("製造番号", max_length=40)
    lu = models.CharField("LU名", max_length=8, blank=True)
    state = models.CharField("状態", max_length=10, choices=LedgerState.choices)
    holder_code = models.CharField("配備先の会社", max_length=16, blank=True)
    building_code = models.CharField("建物コード", max_length=16, blank=True)
    floor = models.CharField("階", max_length=8, blank=True)
    room = models.CharField("室・区画", max_length=80, blank=True)
    user_number = models.CharField("使用者", max_length=7, blank=True)
    deployed_on = models.DateField("配備日", null=True)
    returned_on = models.DateField("返却日", null=True)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_line_per_terminal", fields=["file", "terminal_number"])
        ]

    def __str__(self) -> str:
        return self.terminal_number


class LedgerError(models.Model):
    """What the check found wrong, by row and column."""

    file = models.ForeignKey(LedgerFile, models.CASCADE, related_name="errors")
    line = models.PositiveIntegerField("行")
    column = models.CharField("列", max_length=20)
    value = models.CharField("値", max_length=100)
    message = models.CharField("内容", max_length=200)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.line} {self.column}"
