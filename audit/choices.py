"""The words of the read log; their values stand in the entries for ever, so none is ever changed."""

from django.db.models import TextChoices

READ, WITHHOLD = "audit.read_log", "audit.withhold_readings"


class Action(TextChoices):
    """What a person or program did."""

    SEARCH = "search", "検索"
    LIST = "list", "一覧"
    OPEN = "open", "詳細"
    PRINT = "print", "印刷"
    SIGN_IN = "sign_in", "利用開始"
    SIGN_OUT = "sign_out", "利用終了"
    ENTER = "enter", "画面を開く"
    READ_LOG = "read_log", "閲覧記録の閲覧"
    ISSUE_CODE = "issue_code", "登録コードの発行"
    ENROL = "enrol", "機器の登録"
    REVOKE = "revoke", "機器の登録の失効"
    EXPORT_LOG = "export_log", "閲覧記録の出力"
    VERIFY_LOG = "verify_log", "閲覧記録の検証"
    RETAIN_LOG = "retain_log", "閲覧記録の保存と廃棄"
    WITHHOLD_LOG = "withhold_log", "本人への開示の保留"


class Outcome(TextChoices):
    """How it ended."""

    ALLOWED = "allowed", "許可"
    MASKED = "masked", "閲覧対象外"
    REFUSED = "refused", "拒否"


class Purpose(TextChoices):
    """利用目的: why customer information is looked up, chosen once a session (行為規制: no other use)."""

    CONTRACT_INQUIRY = "contract_inquiry", "契約照会対応"
    SUPPLY_START = "supply_start", "供給開始・廃止の受付"
    NEW_INSTALLATION = "new_installation", "新増設工事の受付"
    OUTAGE = "outage", "停電・設備対応"
    NIGHT_DUTY = "night_duty", "当直対応"
    LOG_REVIEW = "log_review", "閲覧記録の点検"
    REGISTRY = "registry", "台帳の管理"
    OTHER = "other", "その他"


class Period(TextChoices):
    """A period that moves with the clock, so that a saved condition stays what its name says."""

    DAY = "24h", "直近24時間"
    WEEK = "7d", "直近7日"
    MONTH = "30d", "直近30日"
    THIS_MONTH = "this_month", "今月"
    LAST_MONTH = "last_month", "先月"


class Flag(TextChoices):
    """What an entry says by itself that an officer looks at first."""

    NOT_OWN = "not_own", "小売側の職員 × 自社でない地点"
    OFF_HOURS = "off_hours", "時間外（22時〜6時）"
    DUTY_BY_DAY = "duty_by_day", "当直対応 × 日中"
    EXCEPTION = "exception", "閲覧対象外または拒否"

    @property
    def short(self) -> str:
        """Return the word that fits beside an entry."""
        return {"not_own": "小売×他社分", "off_hours": "時間外", "duty_by_day": "日中の当直"}.get(
            self.value, str(self.label)
        )


class Withheld(TextChoices):
    """What is kept out of the answers to customers while an investigation runs."""

    POINT = "point", "供給地点"
    PERSON = "person", "職員"
    CASE = "case", "受付・工事番号"


class ExportPurpose(TextChoices):
    """What an export of the log is for."""

    REGULATOR = "regulator", "監督機関への報告"
    CASE = "case", "事案の調査"
    AUDIT = "audit", "監査・考査"
    REVIEW = "review", "定期の点検"


class ExportFormat(TextChoices):
    """As what the log is exported; only the last two carry the text that was sealed."""

    CSV = "csv", "CSV（UTF-8）"
    CSV_CP932 = "csv_cp932", "CSV（CP932。表せない文字は〓にします）"
    XLSX = "xlsx", "Excel（すべて文字列）"
    PARQUET = "parquet", "Parquet（記録の原文つき）"
    JSON_LINES = "jsonl", "JSON Lines（記録の原文と証明つき）"


FIELD_LABELS = {
    "number": "供給地点特定番号",
    "holder_name": "契約名義",
    "holder_kana": "契約名義カナ",
    "postal_code": "郵便番号",
    "address": "供給地点住所",
    "phone": "電話番号",
    "voltage_class": "電圧区分",
    "contract_capacity": "契約容量",
    "load_capacity": "負荷設備容量",
    "breaker_capacity": "主開閉器容量",
}
