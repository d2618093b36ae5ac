"""The words of supply points and contracts."""

from django.db.models import TextChoices


class VoltageClass(TextChoices):
    """電圧区分: ≤ 600 V, ≤ 7,000 V, above (電気設備の技術基準)."""

    LOW = "low", "低圧"
    HIGH = "high", "高圧"
    EXTRA_HIGH = "extra_high", "特別高圧"


class SearchKind(TextChoices):
    """How the search box was understood."""

    NUMBER = "number", "供給地点特定番号"
    PHONE = "phone", "電話番号"
    ADDRESS = "address", "供給地点住所"
    NAME = "name", "契約名義"
    KANA = "kana", "契約名義（カナ）"


class Match(TextChoices):
    """Where in the value the key has to stand."""

    EXACT = "exact", "一致"
    PREFIX = "prefix", "前方一致"
    INFIX = "infix", "部分一致"


READ_LOG_WORDS = {
    "query": {
        "kind": "探した項目",
        "match": "一致のしかた",
        "key": "検索語のハッシュ",
        "own_only": "自社分だけ",
    },
    "query.kind": dict(SearchKind.choices),
    "query.match": dict(Match.choices),
    "query.own_only": {"true": "はい", "false": "いいえ"},
}
