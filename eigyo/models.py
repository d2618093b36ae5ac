"""Supply points and contracts as rows (made by migration 0001, partitioned and granted there).

No relations and no default alias: rows are read through `eigyo.inquiries`, written by the import.
Capacities are integers in thousandths of their unit (12 kVA = 12000): integer operators are
leakproof, numeric ones are not (research: access §3).
"""

from django.db import models

from eigyo.choices import VoltageClass


class SupplyPoint(models.Model):
    """供給地点, tier 0: visible to both sides."""

    id = models.BigIntegerField(primary_key=True)
    number = models.TextField("供給地点特定番号")
    postal_code = models.TextField("郵便番号")
    address = models.TextField("供給地点住所")
    own = models.BooleanField("自社分")

    class Meta:
        managed = False
        db_table = "supply_point"
        default_permissions = ()

    def __str__(self) -> str:
        return self.number


class ContractFields(models.Model):
    """契約, tier 1: what 参考1 shows to retail for own points only."""

    supply_point_id = models.BigIntegerField(primary_key=True)
    holder_name = models.TextField("契約名義")
    holder_kana = models.TextField("契約名義カナ")
    phone = models.TextField("電話番号")
    voltage_class = models.TextField("電圧区分", choices=VoltageClass.choices)
    contract_capacity = models.IntegerField("契約容量", null=True)
    contract_capacity_unit = models.TextField()
    load_capacity = models.IntegerField("負荷設備容量", null=True)
    load_capacity_unit = models.TextField()
    breaker_capacity = models.IntegerField("主開閉器容量", null=True)
    breaker_capacity_unit = models.TextField()

    class Meta:
        abstract = True
        managed = False
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.supply_point_id)


class Contract(ContractFields):
    """All contracts: readable by the NW role only."""

    class Meta(ContractFields.Meta):
        abstract = False
        db_table = "contract"


class OwnContract(ContractFields):
    """The partition of own contracts: the only one the retail role can read."""

    class Meta(ContractFields.Meta):
        abstract = False
        db_table = "contract_own"


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
