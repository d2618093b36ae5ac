"""What the app keeps of its own work.

Supply points and contracts are no Django models: their tables (migration 0001) are read by
`eigyo.queries` as the viewer's login role and written by the import, and nothing else can name them.
"""

from django.db import models


class ImportRun(models.Model):
    """取り込み: one run of the import, kept as evidence also when it changed nothing."""

    started_at = models.DateTimeField("開始")
    finished_at = models.DateTimeField("終了", null=True)
    file_name = models.CharField("ファイル", max_length=255)
    sha256 = models.CharField("ハッシュ値（SHA-256）", max_length=64)
    encoding = models.CharField("文字コード", max_length=16)
    rows = models.PositiveIntegerField("行数", default=0)
    bad_rows = models.PositiveIntegerField("誤りの行数", default=0)
    added = models.PositiveIntegerField("追加", default=0)
    changed = models.PositiveIntegerField("変更", default=0)
    vacated = models.PositiveIntegerField("契約なしへの変更", default=0)
    private_use = models.PositiveIntegerField("外字", default=0)
    applied = models.BooleanField("反映", default=False)
    outcome = models.CharField("結果", max_length=200, blank=True)

    class Meta:
        verbose_name = "取り込み"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.file_name}"
