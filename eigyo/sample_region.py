"""A sample region: rows of the exchange CSV for the six prefectures of Tohoku and Niigata.

Towns, names and capacities are real (eigyo.sample_sources); who lives where is invented.
Companies are a town and a trade, telephones lie on exchanges that are never assigned. Shares are
plain round figures, exact in expectation. The same seed, number of points and encoding give the
same rows.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from eigyo.exchange import HEADER
from eigyo.sample_sources import (
    HOME_CAPACITIES,
    POWER_CAPACITIES,
    SHOP_CAPACITIES,
    Capacities,
    Name,
    Sources,
    Town,
    load_sources,
)

ENCODINGS = ("utf-8-sig", "utf-8", "cp932")
OWN_SHARE = 0.65
EXTRA_HIGH_SHARE = 0.0005
HIGH_SHARE = 0.02
VACANT_SHARE = 0.01
SAME_NAME_NEXT_DOOR = 0.02
SAME_SURNAME_NEXT_DOOR = 0.12
BATCH = 10_000

_MOBILE = "090-0"
_TRADES = (
    *(("建設", "ケンセツ"), ("工務店", "コウムテン"), ("水産", "スイサン"), ("商店", "ショウテン")),
    *(("酒造", "シュゾウ"), ("電設", "デンセツ"), ("農園", "ノウエン"), ("旅館", "リョカン")),
    *(("印刷", "インサツ"), ("薬局", "ヤッキョク"), ("鉄工", "テッコウ"), ("製菓", "セイカ")),
    *(("歯科医院", "シカイイン"), ("自動車整備", "ジドウシャセイビ"), ("運輸", "ウンユ")),
)
_WORKS = (
    *(("製作所", "セイサクショ"), ("食品工業", "ショクヒンコウギョウ"), ("精機", "セイキ")),
    *(
        ("冷蔵", "レイゾウ"),
        ("製紙", "セイシ"),
        ("化学", "カガク"),
        ("木材工業", "モクザイコウギョウ"),
    ),
    *(("ショッピングセンター", "ショッピングセンター"), ("セメント", "セメント")),
)
_COMPANY_FORMS = (
    *(("株式会社{}", "カブシキガイシャ{}"), ("{}株式会社", "{}カブシキガイシャ")),
    *(("㈱{}", "カ）{}"), ("（株）{}", "カ）{}"), ("{}㈱", "{}（カ"), ("{}", "{}")),
    *(("有限会社{}", "ユウゲンガイシャ{}"), ("（有）{}", "ユ）{}")),
    ("合同会社{}", "ゴウドウガイシャ{}"),
)
_BRANDS = (
    *(("青葉", "アオバ"), ("さくら", "サクラ"), ("みどり", "ミドリ"), ("ひばり", "ヒバリ")),
    *(("日の出", "ヒノデ"), ("つばさ", "ツバサ"), ("ゆりの木", "ユリノキ"), ("白鳥", "シラトリ")),
)
_BUILDINGS = ("コーポ", "ハイツ", "メゾン", "マンション", "レジデンス", "アパート")
_HAMLETS = ("上野", "中島", "前田", "南沢", "北原", "川原田", "山ノ内", "大久保", "宮ノ前")

_NARROW = tuple(str(number) for number in range(1000))
_WIDE = tuple(text.translate({48 + n: 0xFF10 + n for n in range(10)}) for text in _NARROW)
_KANJI = "〇一二三四五六七八九"

_Item = TypeVar("_Item")
_Resident = tuple[Name, Name]


class Summary(NamedTuple):
    """What a written file holds, in rows; `classes` has "" for vacant points."""

    rows: int
    own: int
    classes: dict[str, int]


class _Street(NamedTuple):
    """One street and how its office writes: address is `before`, a figure, `after`."""

    town: Town
    before: str
    after: str
    figures: Sequence[str]
    narrow_kana: bool
    gap: str


class _Supply(NamedTuple):
    """A supply point before it has a number and a retailer."""

    holder_name: str
    holder_kana: str
    postal_code: str
    address: str
    phone: str
    voltage_class: str
    capacities: Capacities


def write_region(
    path: Path,
    *,
    points: int,
    seed: int,
    encoding: str = "utf-8-sig",
    advance: Callable[[int], object] = lambda rows: None,
) -> Summary:
    """Write the exchange CSV with header and CRLF; `advance` is told the rows of every batch.

    Needs the memory of one batch however many `points` there are. Overwrites an existing file.
    Raises ValueError for an encoding that the exchange does not know.
    """
    rows = sample_rows(points=points, seed=seed, encoding=encoding)
    own, classes = 0, Counter[str]()
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(HEADER)
        while batch := list(islice(rows, BATCH)):
            writer.writerows(batch)
            own += sum(row[13] == "1" for row in batch)
            classes.update(row[6] for row in batch)
            advance(len(batch))
    return Summary(classes.total(), own, dict(classes))


def sample_rows(*, points: int, seed: int, encoding: str = "utf-8-sig") -> Iterator[tuple[str, ...]]:
    """Return cells of `points` supply points in the order of HEADER, all writable in `encoding`.

    Raises ValueError for an encoding that the exchange does not know.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"文字コードは{'・'.join(ENCODINGS)}のいずれかにしてください。")
    rng = Random(seed)
    return _rows(rng, load_sources(encoding), points)


def _rows(rng: Random, sources: Sources, points: int) -> Iterator[tuple[str, ...]]:
    numbers = _numbers(rng)
    low = _low_voltage(rng, sources)
    own_if_held = OWN_SHARE / (1 - VACANT_SHARE)
    no_capacity = ("",) * 6
    for _ in range(points):
        draw = rng.random()
        if draw < EXTRA_HIGH_SHARE:
            supply = _works(rng, sources, "特別高圧", rng.randrange(2000, 30_001, 50))
        elif draw < EXTRA_HIGH_SHARE + HIGH_SHARE:
            kilowatts = rng.randrange(50, 300 if rng.random() < 0.7 else 2000)
            supply = _works(rng, sources, "高圧", kilowatts)
        else:
            supply = next(low)
        number = next(numbers)
        if draw >= 1 - VACANT_SHARE:
            where = supply.postal_code, supply.address
            yield (number, "", "", *where, "", "", *no_capacity, "0")
        else:
            own = "1" if rng.random() < own_if_held else "0"
            yield (number, *supply[:6], *supply.capacities, own)


def _numbers(rng: Random) -> Iterator[str]:
    """Yield 供給地点特定番号 in no visible order and none twice: a full cycle through 10**20."""
    number = rng.randrange(10**20)
    step = rng.randrange(10**18, 10**19) * 10 + rng.choice((1, 3, 7, 9))
    while True:
        number = (number + step) % 10**20
        yield f"02{number:020}"


def _low_voltage(rng: Random, sources: Sources) -> Iterator[_Supply]:
    """Yield street after street without end: houses, apartments, small companies side by side."""
    while True:
        street = _street(rng, sources)
        neighbour = (_pick(rng, sources.surnames), _pick(rng, sources.given_names))
        first = rng.randrange(1, 60)
        for lot in range(first, first + rng.randrange(6, 30)):
            address = f"{street.before}{street.figures[lot]}{street.after}"
            draw = rng.random()
            if draw < 0.1:
                yield from _company(rng, street.town, address)
                continue
            for home in _rooms(rng, address) if draw < 0.16 else (address,):
                neighbour = _resident(rng, sources, neighbour)
                yield from _household(rng, street, home, neighbour)


def _resident(rng: Random, sources: Sources, neighbour: _Resident) -> _Resident:
    draw = rng.random()
    if draw < SAME_NAME_NEXT_DOOR:
        return neighbour
    given_name = _pick(rng, sources.given_names)
    if draw < SAME_NAME_NEXT_DOOR + SAME_SURNAME_NEXT_DOOR:
        return neighbour[0], given_name
    return _pick(rng, sources.surnames), given_name


def _household(rng: Random, street: _Street, address: str, resident: _Resident) -> Iterator[_Supply]:
    surname, given_name = resident
    name = f"{surname.kanji}{street.gap}{given_name.kanji}"
    if street.narrow_kana:
        kana = f"{surname.narrow_kana} {given_name.narrow_kana}"
    else:
        kana = f"{surname.kana}{street.gap}{given_name.kana}"
    draw = rng.random()
    if draw < 0.08:
        phone = ""
    else:
        phone = _phone(rng, _MOBILE, 3) if draw < 0.85 else _phone(rng, street.town.exchange, 1)
    point = (name, kana, street.town.postal_code, address, phone, "低圧")
    yield _Supply(*point, _pick(rng, HOME_CAPACITIES))
    if rng.random() < 0.12:
        yield _Supply(*point, _pick(rng, POWER_CAPACITIES))


def _company(rng: Random, town: Town, address: str) -> Iterator[_Supply]:
    name, kana = _company_name(rng, town, _TRADES)
    point = (name, kana, town.postal_code, address, _phone(rng, town.exchange, 1), "低圧")
    yield _Supply(*point, _pick(rng, SHOP_CAPACITIES))
    if rng.random() < 0.5:
        yield _Supply(*point, _pick(rng, POWER_CAPACITIES))


def _works(rng: Random, sources: Sources, voltage_class: str, kilowatts: int) -> _Supply:
    street = _street(rng, sources)
    town = street.town
    name, kana = _company_name(rng, town, _WORKS)
    address = f"{street.before}{street.figures[rng.randrange(1, 60)]}{street.after}"
    load = kilowatts * rng.randrange(11, 25) // 10
    capacities = (str(kilowatts), "kW", str(load), "kVA", "", "")
    phone = _phone(rng, town.exchange, 1)
    return _Supply(name, kana, town.postal_code, address, phone, voltage_class, capacities)


def _company_name(rng: Random, town: Town, trades: Sequence[tuple[str, str]]) -> tuple[str, str]:
    place = (town.name, town.reading) if len(town.name) <= 4 else _pick(rng, _BRANDS)
    trade, form = _pick(rng, trades), _pick(rng, _COMPANY_FORMS)
    return form[0].format(place[0] + trade[0]), form[1].format(place[1] + trade[1])


def _street(rng: Random, sources: Sources) -> _Street:
    town = _pick(rng, sources.towns)
    written = _chome_street(rng) if town.has_chome else _lot_street(rng, town.prefecture)
    before, after, figures = written
    gap = _pick(rng, ("　", "　", "　", " ", ""))
    return _Street(town, town.place + before, after, figures, rng.random() < 0.2, gap)


def _chome_street(rng: Random) -> tuple[str, str, Sequence[str]]:
    """Return 住居表示: 二丁目3番4号, ２丁目３－４, 2-3-4 and mixtures, as offices have typed it."""
    chome, block = rng.randrange(1, 7), rng.randrange(1, 40)
    forms = (
        (f"{_KANJI[chome]}丁目{block}番", "号", _NARROW),
        (f"{_KANJI[chome]}丁目{_WIDE[block]}番", "号", _WIDE),
        (f"{_WIDE[chome]}丁目{_WIDE[block]}－", "", _WIDE),
        (f"{chome}-{block}-", "", _NARROW),
    )
    return _pick(rng, forms)


def _lot_street(rng: Random, prefecture: str) -> tuple[str, str, Sequence[str]]:
    """Return 地番: １２番地３, 12-3, 字 with 番地; half of 岩手県 counts in 地割."""
    block = rng.randrange(1, 40)
    if prefecture == "岩手県" and rng.random() < 0.5:
        return f"第{_WIDE[block]}地割", "番地", _WIDE
    forms = (
        (f"{_WIDE[block]}番地", "", _WIDE),
        (f"{block}-", "", _NARROW),
        (f"字{_pick(rng, _HAMLETS)}", "番地", _WIDE),
    )
    return _pick(rng, forms)


def _rooms(rng: Random, address: str) -> Sequence[str]:
    building = _pick(rng, _BUILDINGS) + _pick(rng, _BRANDS)[0]
    figures, after = _pick(rng, ((_WIDE, "号室"), (_NARROW, "")))
    floors, doors = rng.randrange(2, 5), rng.randrange(2, 6)
    return [
        f"{address}　{building}{figures[floor * 100 + door]}{after}"
        for floor in range(1, floors + 1)
        for door in range(1, doors + 1)
    ]


def _phone(rng: Random, exchange: str, digits: int) -> str:
    """Return a number: `digits` for the exchange and four more; one in ten has no hyphens."""
    draw = int(rng.random() * 10 ** (digits + 5))
    number = f"{exchange}{draw // 100_000:0{digits}}-{draw // 10 % 10_000:04}"
    return number if draw % 10 else number.replace("-", "")


def _pick(rng: Random, items: Sequence[_Item]) -> _Item:
    return items[int(rng.random() * len(items))]
