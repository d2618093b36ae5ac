"""The words of the terminal registry."""

from django.db.models import TextChoices


class TerminalClass(TextChoices):
    """用途区分: exactly two, mandatory before first use, never inherited (notice 参考1 ※1)."""

    NW = "nw", "NW用"
    RETAIL = "retail", "小売用"


class TerminalStatus(TextChoices):
    """Where a terminal is in its life; only 配備 is usable."""

    PROCURED = "procured", "調達"
    IN_STOCK = "in_stock", "在庫"
    CONFIGURING = "configuring", "設定中"
    DEPLOYED = "deployed", "配備"
    RELOCATING = "relocating", "移設・貸替"
    RETURNED = "returned", "返却"
    LU_DELETED = "lu_deleted", "LU削除確認"
    REUSABLE = "reusable", "再利用可"
    RETIRED = "retired", "廃棄"


class ZoneKind(TextChoices):
    """Whose zone a room is."""

    NW = "nw", "NW区画"
    RETAIL = "retail", "小売区画"
    SHARED = "shared", "共用区画"
    CONTRACTOR = "contractor", "委託会社区画"


class AssignedSide(TextChoices):
    """For which company a contractor's room is used at a time (委託会社区画のみ)."""

    NW = "nw", "NWの枠"
    RETAIL = "retail", "小売の枠"
