"""入退室記録 come in whole or not at all, by page, program and command, and once."""

from datetime import datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.textfile import RowError, Unreadable
from terminals.models import RoomEntry, RoomEntryFile
from terminals.rooms import exchange
from terminals.rooms.exchange import HEADER
from terminals.rooms.operations import EntriesRefused
from tests.people import Person
from tests.terminals.entries import NW_ROOM, ONISHI, SATO, TRAINING, deliver, row, sheet
from tests.terminals.pages import refused, text

TEN = datetime(2024, 6, 3, 10, 0, tzinfo=exchange.JAPAN)
LATER = TEN + timedelta(days=1)


def minutes(number: float) -> datetime:
    return TEN + timedelta(minutes=number)


@pytest.fixture
def keeper(region) -> Person:
    return region.person("terminal_contractor").sits_at(region.office_terminal).signs_in("registry")


class TestFile:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
    @pytest.mark.parametrize("ends", ["\r\n", "\n"])
    def test_is_read_in_every_usual_encoding(self, encoding, ends):
        who = ("R-20001", "髙橋 花子", "RT")
        found = exchange.read(sheet(row(TRAINING, who, TEN, minutes(5)), encoding=encoding, ends=ends))
        assert found.errors == []
        assert found.rows == [
            exchange.EntryRow(2, *TRAINING, *who, TEN, minutes(5)),
        ]

    def test_may_have_its_columns_in_another_order(self):
        cells = row(TRAINING, SATO, TEN)
        turned = exchange.read(sheet(cells[::-1], header=HEADER[::-1]))
        assert turned == exchange.read(sheet(cells))

    @pytest.mark.parametrize("written", ["2024-06-03 10:00", "2024/6/3 10:00:00", "2024-06-03T10:00:00"])
    def test_takes_a_time_as_it_is_usually_written(self, written):
        cells = row(TRAINING, SATO, TEN)
        cells[6] = written
        assert exchange.read(sheet(cells)).rows[0].entered_at == TEN

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "列名"),
            (sheet(header=HEADER[:-1]), "ない列：退室日時"),
            (sheet(header=(*HEADER, "備考")), "余分な列"),
            (b"\xff\xfe\x00", "文字コード"),
            ('"建物コード'.encode(), "引用符"),
        ],
    )
    def test_that_is_none_is_refused_as_a_whole(self, content, said):
        with pytest.raises(Unreadable, match=said):
            exchange.read(content)

    @pytest.mark.parametrize(
        ("column", "cell", "said"),
        [
            ("建物コード", "", "入力してください。"),
            ("職員番号", "佐藤", "半角の英大文字・数字・ハイフン"),
            ("職員番号", "R-200011", "7文字以内"),
            ("氏名", "佐藤\u202e花子", "制御文字"),
            ("入室日時", "", "入力してください。"),
            ("入室日時", "2024/02/30 10:00", "の形の日時"),
            ("退室日時", "10:00", "の形の日時"),
            ("退室日時", "2024/06/03 09:59:59", "入室より前"),
        ],
    )
    def test_a_fault_is_named_by_row_and_column(self, column, cell, said):
        bad = row(TRAINING, SATO, TEN, minutes(5))
        bad[HEADER.index(column)] = cell
        found = exchange.read(sheet(row(TRAINING, SATO, TEN), bad))
        assert [(error.line, error.column) for error in found.errors] == [(3, column)]
        assert said in found.errors[0].message
        assert len(found.rows) == 1

    def test_a_row_of_another_width_is_named(self):
        found = exchange.read(sheet(["B-01", "4F"]))
        assert found.errors == [RowError(2, "", "", "列が2個あります。8個にしてください。")]


class TestDelivery:
    def test_names_every_room_and_company_nobody_knows_and_takes_nothing(self, region):
        with pytest.raises(EntriesRefused) as refusal:
            deliver(
                row(TRAINING, SATO, TEN),
                row(("B-01", "4F", "談話室"), SATO, TEN),
                row(TRAINING, ("X-00001", "不明", "ZZ"), TEN),
                at=LATER,
            )
        named = [(error.line, error.column, error.value) for error in refusal.value.errors]
        assert named == [(3, "室・区画", "B-01 4F 談話室"), (4, "会社コード", "ZZ")]
        assert not RoomEntry.objects.exists()
        assert not RoomEntryFile.objects.exists()

    def test_refuses_what_has_not_happened_yet(self, region):
        with pytest.raises(EntriesRefused) as refusal:
            deliver(row(TRAINING, SATO, minutes(10)), at=TEN)
        assert refusal.value.errors[0].message == "受け取りより後の日時です。"

    def test_counts_the_same_swipe_within_a_minute_and_leaves_it_out(self, region):
        taken = deliver(
            row(TRAINING, SATO, TEN, minutes(20)),
            row(TRAINING, SATO, minutes(1), minutes(20)),
            row(TRAINING, SATO, minutes(1) + timedelta(seconds=1), minutes(20)),
            row(NW_ROOM, SATO, TEN, minutes(20)),
            row(TRAINING, ONISHI, TEN, minutes(20)),
            at=LATER,
        )
        assert (taken.file.rows, taken.file.repeated) == (5, 1)
        assert RoomEntry.objects.count() == 4

    def test_counts_a_swipe_that_came_with_an_earlier_file(self, region):
        deliver(row(TRAINING, SATO, TEN, minutes(20)), at=LATER)
        taken = deliver(row(TRAINING, SATO, minutes(0.5), minutes(20)), at=LATER)
        assert taken.file.repeated == 1
        assert RoomEntry.objects.count() == 1

    def test_of_two_swipes_the_later_exit_counts(self, region):
        deliver(
            row(TRAINING, SATO, TEN, minutes(1)), row(TRAINING, SATO, minutes(0.5), minutes(90)), at=LATER
        )
        assert RoomEntry.objects.get().left_at == minutes(90)

    def test_keeps_a_missing_exit_empty_until_a_later_record_brings_it(self, region):
        first = deliver(row(TRAINING, SATO, TEN), at=LATER)
        assert first.file.missing_exits == 1
        assert RoomEntry.objects.get().left_at is None
        second = deliver(row(TRAINING, SATO, TEN, minutes(20)), at=LATER)
        assert (second.closed, second.file.repeated) == (1, 0)
        assert RoomEntry.objects.get().left_at == minutes(20)

    def test_the_same_file_twice_changes_nothing(self, region):
        first = deliver(row(TRAINING, SATO, TEN), at=LATER)
        again = deliver(row(TRAINING, SATO, TEN), at=LATER + timedelta(days=1))
        assert again.is_known
        assert again.file == first.file
        assert (RoomEntryFile.objects.count(), RoomEntry.objects.count()) == (1, 1)


class TestPage:
    def sends(self, keeper: Person, content: bytes):
        return keeper.posts("/room-entries/", {"file": SimpleUploadedFile("入退室.csv", content, "text/csv")})

    def test_takes_a_file_and_lists_it_with_its_figures(self, region, keeper):
        content = sheet(row(TRAINING, SATO, TEN), row(TRAINING, SATO, minutes(0.5)), encoding="cp932")
        assert self.sends(keeper, content).headers["Location"] == "/room-entries/"
        page = text(keeper.gets("/room-entries/"))
        assert "2行を受け取りました（重複 1、退室の記録なし 1、あとから退室が分かった記録 0）。" in page
        assert "入退室.csv" in page
        assert "瀬川 徹" in page

    def test_names_every_fault_by_row_and_column(self, region, keeper):
        bad = row(TRAINING, ("佐藤", "佐藤 花子", "ZZ"), TEN)
        body = refused(self.sends(keeper, sheet(bad)), "1行に誤りがあるため、何も取り込んでいません。")
        assert "職員番号" in body.split("直すところ")[1]
        refused(self.sends(keeper, b"\x81"), "文字コードを読めません。")
        refused(keeper.posts("/room-entries/"), "ファイルを選んでください。")

    def test_says_that_it_has_the_file_already(self, region, keeper):
        for _ in range(2):
            self.sends(keeper, sheet(row(TRAINING, SATO, TEN)))
        assert "何も変えていません。" in text(keeper.gets("/room-entries/"))

    def test_shows_the_stays_of_a_day_on_the_room(self, region, keeper):
        self.sends(keeper, sheet(row(TRAINING, SATO, TEN, minutes(20))))
        address = f"/places/{region.places['training'].pk}/"
        assert "06/03 10:20:00" in text(keeper.gets(address, data={"day": "2024-06-03"}))
        assert "この日の記録はありません。" in text(keeper.gets(address, data={"day": "2024-06-04"}))


class TestProgram:
    ADDRESS = "/api/v1/room-entries/?name=gate.csv"

    def test_delivers_a_file_once(self, region, keeper):
        content = sheet(row(TRAINING, SATO, TEN))
        first, again = (keeper.client.post(self.ADDRESS, content, content_type="text/csv") for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 200)
        assert (first.json()["rows"], first.json()["missing_exits"]) == (1, 1)
        assert again.json()["is_known"] is True
        assert RoomEntryFile.objects.get().file_name == "gate.csv"

    def test_is_told_every_fault_by_row_and_column(self, region, keeper):
        content = sheet(row(TRAINING, ("X-00001", "不明", "ZZ"), TEN))
        answer = keeper.client.post(self.ADDRESS, content, content_type="text/csv")
        assert answer.status_code == 400
        assert answer.json()["errors"] == [
            {"line": 2, "column": "会社コード", "value": "ZZ", "message": "登録にない会社コードです。"}
        ]

    def test_of_a_clerk_is_refused(self, region):
        clerk = region.nw_clerk()
        answer = clerk.client.post(self.ADDRESS, sheet(), content_type="text/csv")
        assert answer.status_code == 403
        assert answer.json()["title"] == "この操作は、いまの所属の業務に含まれていません"
        assert "入退室記録を届けられません" in answer.json()["detail"]

    def test_is_let_in_by_no_other_content_type(self, region, keeper):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            assert keeper.client.post(self.ADDRESS, b"x", content_type=kind).status_code == 415


class TestCommand:
    def test_takes_a_file(self, region, tmp_path, capsys):
        path = tmp_path / "gate.csv"
        path.write_bytes(sheet(row(TRAINING, SATO, TEN)))
        call_command("import_room_entries", str(path))
        assert "1行を受け取りました" in capsys.readouterr().out
        assert RoomEntry.objects.get().entered_at == TEN
        assert RoomEntryFile.objects.get().get_channel_display() == "コマンド"

    def test_names_the_faults_and_takes_nothing(self, region, tmp_path, capsys):
        path = tmp_path / "gate.csv"
        path.write_bytes(sheet(row(TRAINING, ("X-00001", "不明", "ZZ"), TEN)))
        with pytest.raises(CommandError, match="何も取り込んでいません"):
            call_command("import_room_entries", str(path))
        assert "2行目 会社コード" in capsys.readouterr().err
        assert not RoomEntry.objects.exists()

    def test_says_that_there_is_no_such_file(self, region, tmp_path):
        with pytest.raises(CommandError, match="見つかりません"):
            call_command("import_room_entries", str(tmp_path / "none.csv"))


def test_a_reader_that_is_ahead_may_stamp_later_than_now(region):
    place = region.places["training"]
    place.clock_offset = 600
    place.save()
    now = timezone.now()
    assert deliver(row(TRAINING, SATO, now + timedelta(minutes=9)), at=now).file.rows == 1
