"""The folder of the terminal contractor's transfer, with real files, and the command."""

import csv as plain_csv
import os
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from terminals import tasks
from terminals.choices import Channel, FileState
from terminals.ledger import inbox, queries
from terminals.models import LedgerFile
from tests.terminals.test_ledger import DAY, csv, ledger

NAME = f"haibisaki_{DAY:%Y%m%d}.csv"


@pytest.fixture
def folder(region, tmp_path, settings):
    settings.LEDGER_INBOX = str(tmp_path)
    return tmp_path


def look() -> None:
    tasks.watch_ledger_inbox()


def inside(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {inbox.LOOKS}


def report(path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(plain_csv.reader(stream))


class TestFolder:
    def test_a_complete_file_is_received_at_the_second_look_and_waits(self, folder):
        (folder / NAME).write_bytes(csv(ledger()))
        look()
        assert inside(folder) == {NAME}
        look()
        assert inside(folder) == {f"done/{NAME}"}
        file = LedgerFile.objects.get()
        assert (file.state, file.channel, file.as_of, file.rows) == ("checked", Channel.FOLDER, DAY, 20)
        assert file.received_by is None
        assert queries.in_force(timezone.now()) is None

    def test_a_file_that_is_still_written_is_left_alone(self, folder):
        with (folder / NAME).open("wb") as writing:
            for part in (csv(ledger())[:700], csv(ledger())[700:]):
                look()
                assert inside(folder) == {NAME}
                writing.write(part)
                writing.flush()
        look()
        assert not LedgerFile.objects.exists()
        look()
        assert LedgerFile.objects.get().rows == 20

    def test_a_file_rewritten_in_the_same_size_is_left_alone(self, folder):
        (folder / NAME).write_bytes(csv(ledger()))
        look()
        os.utime(folder / NAME, (1, 1))
        look()
        assert not LedgerFile.objects.exists()

    def test_a_file_with_faults_goes_to_refused_with_all_of_them_beside(self, folder):
        (folder / NAME).write_bytes(csv(ledger()) + "NW-9,=A\r\nRT-1\r\n".encode("cp932"))
        look()
        look()
        stem = NAME.removesuffix(".csv")
        assert inside(folder) == {f"refused/{NAME}", f"refused/{stem}.errors.csv"}
        rows = report(folder / "refused" / f"{stem}.errors.csv")
        assert rows[0] == ["行", "列", "値", "内容"]
        assert rows[1][3].startswith("2行に誤りがあります。")
        assert [each[0] for each in rows[2:]] == ["22", "23"]
        assert LedgerFile.objects.get().state == FileState.REFUSED

    @pytest.mark.parametrize("name", ["haibisaki.csv", "haibisaki_20260231.csv", "台帳.CSV"])
    def test_a_name_without_a_day_is_refused_with_the_way_to_name_it(self, folder, name):
        (folder / name).write_bytes(csv(ledger()))
        look()
        look()
        (told,) = (folder / "refused").glob("*.errors.csv")
        assert "haibisaki_20261123.csv" in report(told)[1][3]
        assert not LedgerFile.objects.exists()

    def test_what_was_taken_before_a_crash_is_received_at_the_next_look(self, folder):
        (folder / "taken").mkdir()
        (folder / "taken" / NAME).write_bytes(csv(ledger()))
        look()
        assert inside(folder) == {f"done/{NAME}"}

    def test_an_earlier_file_of_the_same_name_stays(self, folder):
        for count in (20, 21):
            (folder / NAME).write_bytes(csv(ledger(count)))
            look()
            look()
        assert len(inside(folder)) == 2
        assert (folder / "done" / NAME).read_bytes() == csv(ledger(20))

    def test_other_files_and_links_are_not_touched(self, folder):
        (folder / "notes.txt").write_text("memo", encoding="utf-8")
        (folder / NAME).symlink_to("/etc/hostname")
        look()
        look()
        assert inside(folder) == {"notes.txt", NAME}
        assert not LedgerFile.objects.exists()

    def test_nothing_is_watched_without_a_folder(self, folder, settings):
        settings.LEDGER_INBOX = ""
        (folder / NAME).write_bytes(csv(ledger()))
        look()
        look()
        assert inside(folder) == {NAME}


class TestCommand:
    def test_receives_and_accepts(self, folder, capsys):
        (folder / "x.csv").write_bytes(csv(ledger()))
        call_command("receive_ledger", str(folder / "x.csv"), "--as-of", str(DAY), "--accept")
        assert capsys.readouterr().out == "20行（cp932）：反映済み\n"
        assert LedgerFile.objects.get().get_channel_display() == "コマンド"
        assert queries.in_force(timezone.now()).as_of == DAY

    def test_without_the_word_it_waits_for_a_person(self, folder, capsys):
        (folder / "x.csv").write_bytes(csv(ledger()))
        call_command("receive_ledger", str(folder / "x.csv"), "--as-of", str(DAY))
        assert "確認待ち" in capsys.readouterr().out
        assert queries.in_force(timezone.now()) is None

    def test_says_what_is_wrong_and_lifts_no_brake(self, folder, capsys):
        path = folder / "x.csv"
        path.write_bytes(csv(ledger()) + b"NW-9\r\n")
        with pytest.raises(CommandError, match="1行に誤りがあります"):
            call_command("receive_ledger", str(path), "--as-of", str(DAY), "--accept")
        assert "22行目" in capsys.readouterr().err
        path.write_bytes(csv(ledger()))
        call_command("receive_ledger", str(path), "--as-of", str(DAY - timedelta(days=1)), "--accept")
        path.write_bytes(csv(ledger(9)))
        with pytest.raises(CommandError, match="9行しかありません"):
            call_command("receive_ledger", str(path), "--as-of", str(DAY), "--accept")
        assert queries.in_force(timezone.now()).rows == 20

    @pytest.mark.parametrize(("name", "day"), [("none.csv", "2026-11-23"), ("x.csv", "23.11.2026")])
    def test_a_path_or_a_day_that_is_none_is_said(self, folder, name, day):
        (folder / "x.csv").write_bytes(b"")
        with pytest.raises(CommandError, match=r"見つかりません|基準日を"):
            call_command("receive_ledger", str(folder / name), "--as-of", day)


def test_a_name_carries_its_day():
    assert inbox.as_of_name("haibisaki_20260401.csv") == date(2026, 4, 1)
    assert inbox.as_of_name("haibisaki_20260401.csv.part") is None
