"""Bringing a file into force: all or nothing, every fault named, brakes before harm."""

import csv
import io

import pytest
from django.core.management import CommandError, call_command

from eigyo import exchange, operations
from eigyo.models import ImportRun
from tests.people import (
    OTHER_LOW,
    OWN_HIGH,
    OWN_LOW,
    OWN_VACANT,
    POINTS,
    csv_bytes,
    import_bytes,
    load_points,
)


@pytest.fixture
def rows(clean, owner):
    """What is in force, read as the owner."""

    def read(
        query="SELECT s.number, s.own, c.holder_name, c.own FROM eigyo.supply_point s LEFT JOIN eigyo.contract c ON c.number = s.number ORDER BY s.number",
    ):
        return owner.execute(query).fetchall()

    return read


def cells(row=POINTS[0], **changes) -> list[str]:
    made = dict(zip(exchange.HEADER, exchange.format_row(row), strict=True))
    return list((made | changes).values())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_file_comes_into_force_in_each_encoding_with_names_exactly_as_received(rows, encoding):
    run, report = import_bytes(csv_bytes([exchange.format_row(row) for row in POINTS], encoding))
    assert (run.encoding, run.rows, run.added, run.applied, report.errors) == (encoding, 6, 6, True, [])
    found = {row[0]: row for row in rows()}
    assert found[OWN_LOW][2] == "髙橋　花子"
    assert found[OWN_LOW][3] is True
    assert found[OTHER_LOW][3] is False
    assert found[OWN_VACANT][2] is None


def test_the_same_file_again_changes_nothing(rows):
    load_points(POINTS)
    before = rows()
    run, _ = load_points(POINTS)
    assert (run.added, run.changed, run.vacated) == (0, 0, 0)
    assert rows() == before


def test_a_point_switched_away_moves_to_the_other_partition(rows):
    load_points(POINTS)
    load_points([POINTS[0]._replace(own=False), *POINTS[1:]])
    assert rows(
        "SELECT s.number FROM eigyo.contract_own c JOIN eigyo.supply_point s ON s.number = c.number"
    ) == [(OWN_HIGH,)]
    assert {row[0]: (row[1], row[3]) for row in rows()}[OWN_LOW] == (False, False)


def test_a_point_no_longer_named_keeps_its_number_and_is_not_own(rows, settings):
    settings.IMPORT_SHRINK_LIMIT = 0.5
    load_points(POINTS)
    run, _ = load_points(POINTS[1:])
    assert run.vacated == 1
    assert {row[0]: row[1:] for row in rows()}[OWN_LOW] == (False, None, None)


def test_a_contract_that_ended_leaves_the_point_vacant(rows):
    load_points(POINTS)
    vacant = exchange.ExchangeRow(
        OWN_LOW, "", "", "980-0811", POINTS[0].address, "", "", None, "", None, "", None, "", True
    )
    load_points([vacant, *POINTS[1:]])
    assert {row[0]: row[2] for row in rows()}[OWN_LOW] is None


def test_all_faults_of_all_rows_are_told_and_nothing_is_changed(rows):
    bad = [
        cells(供給地点特定番号="0312345678901234567890", 電話番号="12", 契約容量単位=""),
        cells(供給地点特定番号="2.01235E+20"),
        cells(POINTS[1], 電圧区分="中圧"),
        cells(POINTS[2]),
    ]
    with pytest.raises(
        operations.ImportRefused, match="3行に誤りがあるため、何も反映していません"
    ) as refused:
        import_bytes(csv_bytes(bad))
    report = refused.value.args[1]
    assert {(error.line, error.column) for error in report.errors} >= {
        (2, "供給地点特定番号"),
        (2, "電話番号"),
        (2, "契約容量単位"),
        (3, "供給地点特定番号"),
        (4, "電圧区分"),
    }
    assert rows() == []
    assert ImportRun.objects.get().applied is False


def test_with_skip_bad_the_good_rows_come_into_force(rows):
    run, report = import_bytes(csv_bytes([cells(電話番号="12"), cells(POINTS[2])]), skip_bad=True)
    assert (run.bad_rows, run.added) == (1, 1)
    assert [row[0] for row in rows()] == [OWN_HIGH]
    assert report.errors[0].column == "電話番号"


def test_a_skipped_row_leaves_its_point_to_nw_but_not_to_retail(rows):
    load_points(POINTS)
    made = [exchange.format_row(row) for row in POINTS]
    made[0] = cells(電話番号="12")
    import_bytes(csv_bytes(made), skip_bad=True, accept_shrink=True)
    assert {row[0]: row[1:] for row in rows()}[OWN_LOW] == (False, "髙橋　花子", False)


def test_a_number_that_stands_twice_is_told_for_both_lines(rows):
    with pytest.raises(operations.ImportRefused) as refused:
        import_bytes(csv_bytes([cells(), cells(POINTS[2]), cells(契約名義="別人")]))
    assert [error.line for error in refused.value.args[1].errors] == [2, 4]
    assert rows() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "列"),
        (csv_bytes([]), "取り込める行がありません"),
        (csv_bytes([exchange.format_row(row) for row in POINTS])[:60], "列"),
        (b"\xff\xfe\x00", "UTF-16"),
        ("供給地点特定番号,氏名\r\n".encode(), "列"),
        (b"\x81\x00\xff" * 40, "読めない文字"),
    ],
)
def test_an_empty_or_unreadable_file_changes_nothing(rows, content, words):
    load_points(POINTS)
    before = rows()
    with pytest.raises(operations.ImportRefused, match=words):
        import_bytes(content)
    assert rows() == before
    assert ImportRun.objects.latest("started_at").applied is False


def test_a_shrunken_file_stops_unless_a_person_accepts_it(rows):
    load_points(POINTS)
    before = rows()
    with pytest.raises(operations.ImportRefused, match="6地点に対して4行しかありません"):
        load_points(POINTS[:4])
    assert rows() == before
    run, _ = load_points(POINTS[:4], accept_shrink=True)
    assert run.applied


def test_private_use_characters_come_in_and_are_listed(rows):
    run, report = import_bytes(csv_bytes([cells(契約名義="外字\ue000太郎")]))
    assert run.private_use == 1
    assert report.private_use == [(2, "契約名義", "U+E000")]
    assert rows()[0][2] == "外字\ue000太郎"


def test_backslashes_and_quotes_survive_the_copy(rows):
    name = "A\\N\"B\\\\,'C\\t"
    import_bytes(csv_bytes([cells(契約名義=name)]))
    assert rows()[0][2] == name


def test_the_command_writes_all_faults_to_a_file_with_formulas_neutralised(clean, tmp_path, capsys):
    source, target = tmp_path / "in.csv", tmp_path / "errors.csv"
    source.write_bytes(csv_bytes([cells(電話番号="=1+1"), cells(POINTS[2], 自社="たぶん")]))
    with pytest.raises(CommandError, match="2行に誤り"):
        call_command("import_supply_points", source, errors=target)
    written = list(csv.reader(io.StringIO(target.read_text(encoding="utf-8-sig"))))
    assert written[0] == ["行", "列", "値", "内容"]
    assert ["2", "電話番号", "'=1+1"] in [line[:3] for line in written]
    assert any(line[1] == "自社" for line in written)


def test_the_command_says_what_it_did(clean, tmp_path, capsys):
    source = tmp_path / "in.csv"
    source.write_bytes(csv_bytes([exchange.format_row(row) for row in POINTS]))
    call_command("import_supply_points", source)
    assert "6行（utf-8）を" in capsys.readouterr().out


def test_a_missing_file_is_named(clean, tmp_path):
    with pytest.raises(CommandError, match="見つかりません"):
        call_command("import_supply_points", tmp_path / "no.csv")


def test_a_made_region_comes_in_whole(rows, tmp_path):
    file = tmp_path / "region.csv"
    call_command("make_region", file, points=300, seed=7)
    call_command("import_supply_points", file)
    assert len(rows()) == 300
    assert rows("SELECT count(*) FROM eigyo.supply_point WHERE municipality_code IS NULL") == [(0,)]


def test_the_feed_cannot_begin_a_first_load_once_there_are_points(rows):
    from django.db import DatabaseError, connections, transaction

    load_points(POINTS)
    with (
        pytest.raises(DatabaseError, match="only while there is no supply point"),
        transaction.atomic(using="feed"),
    ):
        connections["feed"].cursor().execute("SELECT eigyo.begin_first_load()")
    indexes = rows("SELECT indexname FROM pg_indexes WHERE schemaname = 'eigyo' AND indexname LIKE '%infix'")
    assert len(indexes) >= 3


def test_a_large_file_is_checked_on_every_core_with_the_right_line_numbers(rows, monkeypatch):
    from eigyo import staging

    monkeypatch.setattr(staging, "LINES", 4)
    made = [cells(供給地点特定番号=f"02{number:020d}") for number in range(30)]
    made[17] = cells(供給地点特定番号="02" + "9" * 20, 電話番号="12")
    made[23] = cells(供給地点特定番号=f"02{23:020d}", 契約名義="外字\ue000")
    run, report = import_bytes(csv_bytes(made), skip_bad=True)
    assert (run.rows, run.added) == (30, 29)
    assert [error.line for error in report.errors] == [19]
    assert report.private_use == [(25, "契約名義", "U+E000")]
