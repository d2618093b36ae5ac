"""Words for the codes in the read log. What other apps leave there they put into words themselves.

settings.READ_LOG_WORDS names their dictionaries, as ACCESS_CLAIMS names the claims: kind → code → word.
"""

from functools import cache

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.module_loading import import_string

from audit.choices import Action, ExportFormat, ExportPurpose, Flag, Outcome, Purpose

_OWN: dict[str, dict[str, str]] = {
    "query": {
        "since": "開始",
        "until": "終了",
        "terminal": "端末番号",
        "card": "職員証番号",
        "person": "職員番号",
        "point": "供給地点特定番号",
        "outcome": "結果",
        "action": "操作",
        "entry": "記録",
        "purpose": "利用目的",
        "flags": "着眼点",
        "disclosure": "誰が見たか",
        "names": "氏名を載せる",
        "withholdings": "開示の保留",
        "integrity": "改ざん検証",
        "exports": "記録の出力",
        "case": "受付・工事番号",
        "reason": "理由",
        "export": "出力の番号",
        "format": "出力の形式",
        "export_purpose": "出力の目的",
        "step": "段階",
        "month": "月",
        "hold": "保全の番号",
        "sha256": "SHA-256",
        "asked_by": "依頼した職員",
        "approved_by": "承認した職員",
    },
    "query.outcome": dict(Outcome.choices),
    "query.action": dict(Action.choices),
    "query.purpose": dict(Purpose.choices),
    "query.flags": dict(Flag.choices),
    "query.format": dict(ExportFormat.choices),
    "query.export_purpose": dict(ExportPurpose.choices),
    "query.step": {
        "ask": "依頼",
        "approve": "承認",
        "make": "作成",
        "fetch": "受け取り",
        "archive": "保管",
        "drop": "廃棄",
        "hold": "保全の指定",
        "release": "保全の解除",
    },
    **{
        kind: {"1": "はい"}
        for kind in ("query.names", "query.withholdings", "query.integrity", "query.exports")
    },
}


@cache
def _words() -> dict[str, dict[str, str]]:
    merged: dict[str, dict[str, str]] = {}
    for words in (_OWN, *(import_string(path) for path in settings.READ_LOG_WORDS)):
        for kind, said in words.items():
            merged.setdefault(kind, {}).update(said)
    return merged


def word(kind: str, code: str) -> str:
    """Return the word for a code; one that nobody has put into words stays as it is."""
    return _words().get(kind, {}).get(code, code)


def claim(text: str) -> str:
    """Put a claim, kept as `name=side/level`, into words."""
    name, _, allowed = text.partition("=")
    side, _, level = allowed.partition("/")
    said = " ".join(filter(None, (word("side", side), word("level", level))))
    return f"{word('claim', name)}：{said}"


def query(name: str, value: str) -> str:
    """Put one condition of a search into words; times are shown in Japan time."""
    at = parse_datetime(value) if name in {"since", "until"} else None
    shown = f"{timezone.localtime(at):%Y/%m/%d %H:%M}" if at else word(f"query.{name}", value)
    return f"{word('query', name)}：{shown}"
