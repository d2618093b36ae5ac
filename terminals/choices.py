"""The words of the terminal registry."""

from django.db.models import TextChoices

VIEW, MANAGE = "terminals.view_terminals", "terminals.manage_terminals"
KEEP = "terminals.keep_terminals"  # 受け渡しと棚卸


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


class EventKind(TextChoices):
    """What happened to a terminal."""

    TAKEN_OVER = "taken_over", "引継ぎ登録"
    RECEIVED = "received", "受け入れ"
    CONFIGURED = "configured", "設定"
    DEPLOYED = "deployed", "配備の受け取り"
    MOVING = "moving", "移設・貸替の開始"
    MOVED = "moved", "移設・貸替の受け取り"
    RETURNED = "returned", "返却の受け取り"
    LU_CONFIRMED = "lu_confirmed", "LU削除の読み返し"
    CLEARED = "cleared", "再利用の判定"
    RETIRED = "retired", "廃棄"
    CORRECTED = "corrected", "訂正"


_MOVES = {
    TerminalStatus.PROCURED: {TerminalStatus.IN_STOCK},
    TerminalStatus.IN_STOCK: {TerminalStatus.CONFIGURING, TerminalStatus.RETIRED},
    TerminalStatus.CONFIGURING: {TerminalStatus.DEPLOYED, TerminalStatus.RETURNED},
    TerminalStatus.DEPLOYED: {TerminalStatus.RELOCATING, TerminalStatus.RETURNED},
    TerminalStatus.RELOCATING: {TerminalStatus.DEPLOYED, TerminalStatus.RETURNED},
    TerminalStatus.RETURNED: {TerminalStatus.LU_DELETED},
    TerminalStatus.LU_DELETED: {TerminalStatus.REUSABLE, TerminalStatus.RETIRED},
    TerminalStatus.REUSABLE: {TerminalStatus.CONFIGURING, TerminalStatus.RETIRED},
}
TRANSITIONS: frozenset[tuple[str, str]] = frozenset(
    (before.value, after.value) for before, afters in _MOVES.items() for after in afters
)


class HandoverKind(TextChoices):
    """Which way a terminal goes."""

    DEPLOY = "deploy", "配備"
    MOVE = "move", "移設・貸替"
    RETURN = "return", "返却"


class EntryControl(TextChoices):
    """What keeps other people from a terminal. A wire lock keeps it from being carried off, and no more (case ①)."""

    LOCKED = "locked", "入室カードや鍵で、区画の人だけが入れる"
    ATTENDED = "attended", "無人のときは施錠し、来訪者には係員が付き添う"
    WIRE_LOCK = "wire_lock", "端末をワイヤーロックで固定する（盗難防止）"


class BulkStep(TextChoices):
    """What can be done with many terminals at once."""

    SUSPEND = "suspend", "利用を停止"
    RECEIVE = "receive", "在庫に受け入れる"
    CLEAR = "clear", "再利用できると判定"
    RETIRE = "retire", "廃棄"


class Channel(TextChoices):
    """How a file reached us."""

    UPLOAD = "upload", "画面"
    FOLDER = "folder", "受信フォルダー"
    API = "api", "API"
    COMMAND = "command", "コマンド"


class FileState(TextChoices):
    """How far a received ledger file got."""

    CHECKED = "checked", "確認待ち"
    ACCEPTED = "accepted", "反映済み"
    REFUSED = "refused", "不採用"


class LedgerState(TextChoices):
    """A terminal's state in the contractor's words."""

    DEPLOYED = "deployed", "配備"
    IN_STOCK = "in_stock", "在庫"
    RETURNED = "returned", "返却"
    RETIRED = "retired", "廃棄"


class Severity(TextChoices):
    """What follows from a discrepancy: a stop at once, or an owner and a due date."""

    CRITICAL = "critical", "重大"
    MAJOR = "major", "要是正"
    MINOR = "minor", "要確認"


class Column(TextChoices):
    """The columns of the reconciliation board."""

    CLASS = "class", "区分・区画の違反"
    REGISTRATION = "registration", "登録の過不足"
    PLACE = "place", "場所の相違"
    WHEREABOUTS = "whereabouts", "所在"


class Kind(TextChoices):
    """What can be wrong between the ledgers, the postings and what was seen (REC-02)."""

    NW_AT_RETAIL = "nw_at_retail", "NW用のまま小売に配備"
    RETAIL_AT_NW = "retail_at_nw", "小売用のままNWに配備"
    NW_ZONE = "nw_zone", "NW用が他社・共用の区画"
    TRANSFERRED = "transferred", "使用者の異動"
    OTHER_CARD = "other_card", "別会社の職員証で利用"
    RESIDUAL_LU = "residual_lu", "LUの残存"
    UNREGISTERED = "unregistered", "LU登録なし"
    NOT_IN_LEDGER = "not_in_ledger", "台帳にない"
    DUPLICATE_LU = "duplicate_lu", "LUの重複"
    LU_MOVED = "lu_moved", "LUが別の端末"
    HOLDER_DIFFERS = "holder_differs", "配備先の相違"
    PLACE_DIFFERS = "place_differs", "設置場所の相違"
    NOT_SEEN = "not_seen", "長期の未検出"
    NOT_AUDITED = "not_audited", "棚卸の遅れ"

    @property
    def severity(self) -> Severity:
        """Return how heavy a fault of this kind is."""
        return _SEVERITY.get(self, Severity.MAJOR)

    @property
    def column(self) -> Column:
        """Return where the board shows it."""
        return _COLUMN[self]


_SEVERITY = {
    Kind.NW_AT_RETAIL: Severity.CRITICAL,
    Kind.RETAIL_AT_NW: Severity.CRITICAL,
    Kind.NW_ZONE: Severity.CRITICAL,
    Kind.TRANSFERRED: Severity.CRITICAL,
    Kind.OTHER_CARD: Severity.CRITICAL,
    Kind.HOLDER_DIFFERS: Severity.MINOR,
    Kind.NOT_SEEN: Severity.MINOR,
    Kind.NOT_AUDITED: Severity.MINOR,
}
_COLUMN = {
    Kind.NW_AT_RETAIL: Column.CLASS,
    Kind.RETAIL_AT_NW: Column.CLASS,
    Kind.NW_ZONE: Column.CLASS,
    Kind.TRANSFERRED: Column.CLASS,
    Kind.OTHER_CARD: Column.CLASS,
    Kind.RESIDUAL_LU: Column.REGISTRATION,
    Kind.UNREGISTERED: Column.REGISTRATION,
    Kind.NOT_IN_LEDGER: Column.REGISTRATION,
    Kind.DUPLICATE_LU: Column.REGISTRATION,
    Kind.LU_MOVED: Column.REGISTRATION,
    Kind.HOLDER_DIFFERS: Column.PLACE,
    Kind.PLACE_DIFFERS: Column.PLACE,
    Kind.NOT_SEEN: Column.WHEREABOUTS,
    Kind.NOT_AUDITED: Column.WHEREABOUTS,
}


class State(TextChoices):
    """Where a discrepancy is in its life; 解消 is reached only by a run."""

    DETECTED = "detected", "検知"
    CONFIRMED = "confirmed", "確認"
    CORRECTING = "correcting", "是正中"
    RECURRED = "recurred", "再発"
    RESOLVED = "resolved", "解消"


class Step(TextChoices):
    """What happened in a discrepancy's life."""

    DETECTED = "detected", "検知"
    CONFIRMED = "confirmed", "確認"
    CORRECTING = "correcting", "是正の開始"
    ASSIGNED = "assigned", "担当の変更"
    NOTED = "noted", "経緯"
    SUSPENDED = "suspended", "利用停止"
    EXCEPTED = "excepted", "例外の承認"
    RECURRED = "recurred", "再発"
    RESOLVED = "resolved", "解消"


class Trigger(TextChoices):
    """Why a run was made."""

    NIGHTLY = "nightly", "毎夜"
    ASKED = "asked", "手動"
    LEDGER = "ledger", "台帳の受け取り"
    CHANGE = "change", "登録の変更"
    APPROVAL = "approval", "承認"


class Outcome(TextChoices):
    """How a run ended."""

    RUNNING = "running", "実行中"
    DONE = "done", "完了"
    WAITING = "waiting", "承認待ち"
    FAILED = "failed", "失敗"


class Change(TextChoices):
    """What a run does to a discrepancy or a terminal."""

    OPEN = "open", "検知"
    RECUR = "recur", "再発"
    RESOLVE = "resolve", "解消"
    SUSPEND = "suspend", "利用停止"
