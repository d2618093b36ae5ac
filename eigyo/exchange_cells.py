"""One cell of the exchange CSV: its plain text, and every fault in words that say what to do.

A reader takes the cell as received and a list that it adds faults to, and returns the text to go
on with: names and addresses untouched, the rest half-width and without blanks around it.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from types import MappingProxyType

from eigyo.search_keys import DASHES, phone_key

VOLTAGE_CLASSES = MappingProxyType({"特別高圧": "extra_high", "高圧": "high", "低圧": "low"})
NAME_LENGTH = 100
KANA_LENGTH = 200
ADDRESS_LENGTH = 200
PHONE_LENGTH = 30
CAPACITY_LIMIT = 2_147_483_647  # thousandths; the largest PostgreSQL integer

UNITS = {
    "契約容量": ("A", "kVA", "kW"),
    "負荷設備容量": ("kVA", "kW"),
    "主開閉器容量": ("A",),
}
_UNIT_SPELLINGS = {"a": "A", "kva": "kVA", "kw": "kW", "㎾": "kW"}
_OWN = {"1": "1", "0": "0", "自社": "1", "他社": "0"}

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HALF_WIDTH |= dict.fromkeys(map(ord, DASHES), ord("-")) | {0x3000: ord(" "), 0xFF70: ord("-")}
_NUMBER_BLANKS = str.maketrans("", "", "- ")

PRIVATE = "\ue000-\uf8ff\U000f0000-\U0010ffff"
CONTROL = "\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
KANA = "ぁ-ゖ゛-ヿｦ-ﾟ -~！-～　-〃「-〟‐-―‘-”…−｡-･￠-￦¥№" + PRIVATE
_FORBIDDEN = re.compile(f"[{CONTROL}]")
_NOT_KANA = re.compile(f"[^{KANA}]")
_NUMBER = re.compile("02[0-9]{20}")
_EXPONENT = re.compile(r"[0-9]+(?:\.[0-9]+)?[Ee]\+?[0-9]+")
_POSTAL_CODE = re.compile("([0-9]{3})-?([0-9]{4})")
_PHONE_SHAPE = re.compile(r"[+0-9() .-]+")
_PHONE_DIGITS = re.compile("0[0-9]{9,10}")
_CAPACITY = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?")


def control_faults(cell: str) -> list[str]:
    """Return faults of what no cell may hold: controls, lone surrogates, text direction."""
    codes = dict.fromkeys(f"U+{ord(character):04X}" for character in _FORBIDDEN.findall(cell))
    if not codes:
        return []
    return [f"使えない制御文字（{'・'.join(list(codes)[:5])}）があります。取り除いてください。"]


def _read_number(cell: str, faults: list[str]) -> str:
    text = _half_width(cell)
    number = text.translate(_NUMBER_BLANKS)
    if _EXPONENT.fullmatch(text):
        faults.append(
            "表計算ソフトが指数に変えた番号です。桁が失われているので、"
            "この列を文字列にして元のデータから出力し直してください。"
        )
    elif not _NUMBER.fullmatch(number):
        faults.append("02で始まる22桁の数字で入力してください。")
    return number


def _read_name(cell: str, faults: list[str]) -> str:
    if len(cell) > NAME_LENGTH:
        faults.append(f"{NAME_LENGTH}文字以内にしてください（{len(cell)}文字あります）。")
    return cell


def _read_kana(cell: str, faults: list[str]) -> str:
    if others := "".join(dict.fromkeys(_NOT_KANA.findall(_FORBIDDEN.sub("", cell)))):
        faults.append(f"カナ・英数字・記号で入力してください（使えない文字：{others[:10]}）。")
    if len(cell) > KANA_LENGTH:
        faults.append(f"{KANA_LENGTH}文字以内にしてください（{len(cell)}文字あります）。")
    return cell


def _read_postal_code(cell: str, faults: list[str]) -> str:
    text = _half_width(cell)
    if not _POSTAL_CODE.fullmatch(text):
        faults.append("7桁の数字で入力してください（例：980-0811）。")
    return text


def _read_address(cell: str, faults: list[str]) -> str:
    if not cell.strip():
        faults.append("供給地点住所を入力してください。")
    if len(cell) > ADDRESS_LENGTH:
        faults.append(f"{ADDRESS_LENGTH}文字以内にしてください（{len(cell)}文字あります）。")
    return cell


def _read_phone(cell: str, faults: list[str]) -> str:
    if not cell.strip():
        return ""
    shaped = len(cell) <= PHONE_LENGTH and _PHONE_SHAPE.fullmatch(_half_width(cell))
    if not (shaped and _PHONE_DIGITS.fullmatch(phone_key(cell))):
        faults.append("0で始まる10桁か11桁の番号を入力するか、空にしてください。")
    return cell


def _read_voltage(cell: str, faults: list[str]) -> str:
    text = cell.strip()
    if text and text not in VOLTAGE_CLASSES:
        faults.append(f"{'・'.join(VOLTAGE_CLASSES)}のいずれかを入力してください。")
    return text


def _read_capacity(cell: str, faults: list[str]) -> str:
    text = _half_width(cell)
    if not text:
        return ""
    if not _CAPACITY.fullmatch(text):
        faults.append("0以上の数字（小数は3桁まで、桁区切りなし）で入力してください。")
    elif (thousandths(text) or 0) > CAPACITY_LIMIT:
        faults.append(f"{CAPACITY_LIMIT // 1000}以下の数字で入力してください。")
    return text


def _read_unit(cell: str, _faults: list[str]) -> str:
    text = _half_width(cell)
    return _UNIT_SPELLINGS.get(text.lower(), text)


def _read_own(cell: str, faults: list[str]) -> str:
    text = _half_width(cell)
    if text not in _OWN:
        faults.append("1（自社）か0（他社）を入力してください。")
    return _OWN.get(text, text)


def _half_width(cell: str) -> str:
    return cell.translate(_HALF_WIDTH).strip()


@lru_cache(maxsize=65536)
def thousandths(text: str) -> int | None:
    """Return 612500 for 612.5, None for an empty text."""
    if not text:
        return None
    whole, _, fraction = text.partition(".")
    return int(whole) * 1000 + int(fraction.ljust(3, "0"))


def decimal(thousandths: int | None) -> str:
    """Return 612.5 for 612500, an empty text for None."""
    if thousandths is None:
        return ""
    whole, fraction = divmod(thousandths, 1000)
    return f"{whole}.{fraction:03}".rstrip("0").rstrip(".")


READERS: MappingProxyType[str, Callable[[str, list[str]], str]] = MappingProxyType(
    {
        "供給地点特定番号": _read_number,
        "契約名義": _read_name,
        "契約名義カナ": _read_kana,
        "郵便番号": _read_postal_code,
        "供給地点住所": _read_address,
        "電話番号": _read_phone,
        "電圧区分": _read_voltage,
        "契約容量": _read_capacity,
        "契約容量単位": _read_unit,
        "負荷設備容量": _read_capacity,
        "負荷設備容量単位": _read_unit,
        "主開閉器容量": _read_capacity,
        "主開閉器容量単位": _read_unit,
        "自社": _read_own,
    }
)
