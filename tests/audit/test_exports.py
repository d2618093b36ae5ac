"""An export of the log: asked for with a purpose, approved by somebody else, on the log before any file is."""

import base64
import csv
import io
import json
import os
from datetime import timedelta
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

import openpyxl
import psycopg
import pyarrow.parquet as pq
import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from audit import exports, log, publication, tasks, tree
from audit.cells import in_cp932
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.choices import ExportFormat, ExportPurpose
from audit.entry import Actor
from audit.exports import ExportRefused, Wish
from audit.queries import Condition
from tests.audit.conftest import a_late_commit, entry, unguarded
from tests.guarantees.crawler import Crawler
from tests.guarantees.logbook import Logbook
from tests.people import OTHER_LOW, OWN_LOW, make_terminal

YOSHIOKA = Actor(person="N-10002", person_name="吉岡 慎一", claims=("card_kind=any/full",))
AUDITOR = Actor(person="N-10005", person_name="考査 一郎")
ONISHI = Actor(person="N-10001", person_name="大西 誠")
CASE = {"purpose": "case", "reason": "事案 R-2026-014", "format": "csv"}


@pytest.fixture
def desk(region, sealed_log, superuser, tmp_path, settings):
    """A log of three entries, sealed and published, and a folder for what is exported."""
    settings.READ_LOG_EXPORTS = str(tmp_path / "exports")
    since = timezone.now()
    names = ("髙橋　花子", "=1+1", "𠮷田\x0b")
    log.append([entry(actor=Actor(person=f"R-2000{n}", person_name=name)) for n, name in enumerate(names)])
    log.append([entry(point=OTHER_LOW, actor=Actor(person="R-20009"))])
    sealed_log.seals()
    sealed_log.publishes()
    yield Condition(since=since - timedelta(minutes=1), until=timezone.now(), point=OWN_LOW)
    with unguarded(superuser, "export"):
        superuser.execute("TRUNCATE export")


def asked(condition, kind=ExportFormat.CSV, by=YOSHIOKA):
    wish = Wish(condition=condition, purpose=ExportPurpose.CASE, reason="事案 R-2026-014", format=kind)
    return exports.ask(wish, by=by, at=timezone.now(), request="test")


def approved(number, by=AUDITOR):
    exports.approve(number, by=by, at=timezone.now(), request="test")


def made(condition, kind):
    """The file of an export that went all the way."""
    number = asked(condition, kind)
    approved(number)
    assert exports.make_approved(clock=timezone.now) == 1
    return exports.fetch(number, by=YOSHIOKA, at=timezone.now(), request="test")


def files(tmp_path):
    return sorted(path.name for path in (tmp_path / "exports").glob("*"))


class TestFiles:
    def test_csv_opens_in_a_spreadsheet_and_runs_nothing(self, desk):
        content = made(desk, ExportFormat.CSV).read_bytes()
        assert content.startswith(b"\xef\xbb\xbf")
        header, *lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        assert header[:3] == ["記録番号", "封印番号", "日時"]
        assert [line[6] for line in lines] == ["髙橋　花子", "'=1+1", "𠮷田〓"]
        assert lines[0][11] == OWN_LOW
        assert lines[0][14] == "供給地点特定番号・供給地点住所"

    def test_cp932_shows_what_it_cannot_write(self, desk):
        text = made(desk, ExportFormat.CSV_CP932).read_bytes().decode("cp932")
        lines = list(csv.reader(io.StringIO(text, newline="")))
        assert [line[6] for line in lines[1:]] == ["髙橋　花子", "'=1+1", "〓田〓"]
        assert [in_cp932(character) for character in "鷗é—〜−～ー髙"] == ["〓"] * 5 + ["～", "ー", "髙"]

    def test_workbook_holds_nothing_but_text(self, desk):
        sheet = openpyxl.load_workbook(made(desk, ExportFormat.XLSX)).active
        cells = [cell for row in sheet.iter_rows(min_row=2) for cell in row if cell.value is not None]
        assert {cell.data_type for cell in cells} == {"s"}
        assert {cell.number_format for cell in cells} == {"@"}
        assert [row[6].value for row in sheet.iter_rows(min_row=2)] == ["髙橋　花子", "'=1+1", "𠮷田〓"]

    def test_parquet_carries_the_text_that_was_sealed(self, desk, superuser):
        table = pq.read_table(made(desk, ExportFormat.PARQUET))
        checkpoint, _ = open_checkpoint(
            table.schema.metadata[b"checkpoint"].decode(), publication.policy().keys
        )
        assert checkpoint == publication.published()
        for row in table.to_pylist():
            sealed = superuser.execute("SELECT hash FROM leaf WHERE index = %s", [row["index"]]).fetchone()[0]
            assert tree.leaf_hash(row["payload"].encode()) == bytes(sealed)
            assert row["point"] == OWN_LOW

    def test_each_json_line_proves_itself(self, desk):
        lines = [json.loads(line) for line in made(desk, ExportFormat.JSON_LINES).read_text().splitlines()]
        assert [json.loads(line["payload"])["person"] for line in lines] == ["R-20000", "R-20001", "R-20002"]
        for line in lines:
            checkpoint, opened = open_checkpoint(line["checkpoint"], publication.policy().keys)
            assert publication.policy().is_met(opened)
            assert _is_included(line, checkpoint)
            assert not _is_included(line | {"payload": line["payload"].replace("R-2", "R-3")}, checkpoint)

    def test_one_that_was_changed_is_not_handed_out(self, desk):
        path = made(desk, ExportFormat.CSV)
        path.write_bytes(path.read_bytes().replace(b"R-20001", b"R-20008"))
        with pytest.raises(ExportRefused, match="作成した時と違います"):
            exports.fetch(exports.latest()[0].id, by=AUDITOR, at=timezone.now(), request="test")


def _is_included(line, checkpoint: Checkpoint) -> bool:
    return tree.includes(
        [base64.b64decode(node) for node in line["proof"]],
        leaf=tree.leaf_hash(line["payload"].encode()),
        index=line["index"],
        size=checkpoint.size,
        root=checkpoint.root,
    )


class TestSteps:
    def test_are_all_on_the_log(self, desk, read_log):
        path = made(desk, ExportFormat.CSV)
        told = read_log.entries(action="export_log")
        assert [(each["query"]["step"], each["person"], each["rows"]) for each in told] == [
            ("ask", "N-10002", 3),
            ("approve", "N-10005", 3),
            ("make", "N-10002", 3),
            ("fetch", "N-10002", 3),
        ]
        assert told[0]["query"]["point"] == told[2]["query"]["point"] == OWN_LOW
        assert told[3]["query"]["sha256"] == sha256(path.read_bytes()).hexdigest()

    def test_without_an_entry_there_is_no_file(self, desk, superuser, tmp_path):
        approved(asked(desk))
        superuser.execute("REVOKE INSERT (payload) ON audit.entry FROM eigyo_audit")
        try:
            with pytest.raises(log.LogUnavailable):
                exports.make_approved(clock=timezone.now)
            assert files(tmp_path) == []
        finally:
            superuser.execute("GRANT INSERT (payload) ON audit.entry TO eigyo_audit")
        assert exports.make_approved(clock=timezone.now) == 1

    def test_nobody_approves_their_own_request(self, desk, tmp_path):
        number = asked(desk)
        with pytest.raises(ExportRefused, match="自分の依頼"):
            approved(number, by=YOSHIOKA)
        assert exports.make_approved(clock=timezone.now) == 0
        assert files(tmp_path) == []

    @pytest.mark.parametrize(
        "who", [ONISHI, Actor(), Actor(person="N-99999")], ids=["a clerk", "nobody", "unknown"]
    )
    def test_is_not_asked_for_approved_or_fetched_by_another_duty_even_past_the_page(self, desk, who):
        number = asked(desk)
        deeds = (
            partial(asked, desk, by=who),
            partial(approved, number, by=who),
            partial(exports.fetch, number, by=who, at=timezone.now(), request="test"),
        )
        for deed in deeds:
            with pytest.raises(PermissionDenied, match="情報管理・点検か、考査の担当だけ"):
                deed()
        (export,) = exports.latest()
        assert (export.id, export.approved_by) == (number, None)

    def test_the_database_itself_lets_nobody_approve_their_own_request(self, desk, as_login):
        number = asked(desk)
        with as_login("eigyo_app") as connection, pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(
                "UPDATE audit.export SET approved_by = asked_by, approved_at = now() WHERE id = %s", [number]
            )

    def test_an_approval_is_given_once(self, desk):
        number = asked(desk)
        approved(number)
        with pytest.raises(ExportRefused, match="承認を待っている"):
            approved(number)

    def test_an_approval_comes_within_a_week(self, desk):
        number = asked(desk)
        with pytest.raises(ExportRefused, match="承認を待っている"):
            exports.approve(number, by=AUDITOR, at=timezone.now() + timedelta(days=8), request="test")

    def test_too_many_or_no_entries_are_told_at_once(self, desk, settings):
        settings.READ_LOG_EXPORT_ROWS = 2
        with pytest.raises(ExportRefused, match="3件あります"):
            asked(desk)
        with pytest.raises(ExportRefused, match="当てはまる記録がありません"):
            asked(Condition(since=desk.since, until=desk.until, person="R-99999"))

    def test_what_grew_beyond_the_limit_after_the_approval_is_not_made(self, desk, settings, tmp_path):
        number = asked(desk)
        approved(number)
        settings.READ_LOG_EXPORT_ROWS = 2
        assert exports.make_approved(clock=timezone.now) == 0
        assert "3件あります" in exports.find(number).fault
        assert files(tmp_path) == []

    def test_a_file_that_cannot_be_written_is_told_and_keeps_no_other_waiting(
        self, desk, settings, tmp_path, read_log
    ):
        full, next_one = asked(desk), asked(desk)
        approved(full)
        place = settings.READ_LOG_EXPORTS
        settings.READ_LOG_EXPORTS = str(tmp_path / "policy.txt")
        assert exports.make_approved(clock=timezone.now) == 0
        assert "ファイルを書けませんでした" in exports.find(full).fault
        settings.READ_LOG_EXPORTS = place
        approved(next_one)
        assert exports.make_approved(clock=timezone.now) == 1
        made = [
            told["query"]["export"]
            for told in read_log.entries(action="export_log")
            if told["query"]["step"] == "make"
        ]
        assert made == [str(full), str(next_one)]

    def test_one_that_cannot_be_proven_is_told_and_keeps_no_other_waiting(self, desk, settings, tmp_path):
        unproven, next_one = asked(desk, ExportFormat.JSON_LINES), asked(desk)
        approved(unproven)
        approved(next_one)
        (tile,) = (Path(settings.READ_LOG_FOLDER) / "tile" / "0").rglob("000.p/*")
        tile.unlink()
        assert exports.make_approved(clock=timezone.now) == 1
        assert "証明に使うタイルが失われています" in exports.find(unproven).fault
        assert exports.find(next_one).is_ready(timezone.now())
        assert [Path(name).suffix for name in files(tmp_path)] == [".csv"]

    def test_entries_that_are_not_sealed_yet_make_it_wait(self, desk, sealed_log, tmp_path):
        log.append([entry()])
        number = asked(Condition(since=desk.since, until=timezone.now(), point=OWN_LOW))
        approved(number)
        assert exports.make_approved(clock=timezone.now) == 0
        sealed_log.seals()
        assert exports.make_approved(clock=timezone.now) == 0
        sealed_log.publishes()
        assert exports.make_approved(clock=timezone.now) == 1

    def test_an_entry_that_joins_while_it_is_made_makes_it_wait(self, desk, sealed_log, superuser):
        number = asked(desk)
        approved(number)
        with a_late_commit(superuser):
            assert exports.make_approved(clock=timezone.now) == 0
        assert exports.find(number).fault == ""
        sealed_log.seals()
        sealed_log.publishes()
        assert exports.make_approved(clock=timezone.now) == 1
        path = exports.fetch(number, by=YOSHIOKA, at=timezone.now(), request="test")
        assert len(path.read_text().splitlines()) == 1 + 4

    def test_what_is_logged_after_the_request_is_not_in_it(self, desk, sealed_log):
        number = asked(Condition(since=desk.since, until=timezone.now() + timedelta(days=1), point=OWN_LOW))
        log.append([entry()])
        sealed_log.seals()
        sealed_log.publishes()
        approved(number)
        exports.make_approved(clock=timezone.now)
        path = exports.fetch(number, by=YOSHIOKA, at=timezone.now(), request="test")
        assert len(path.read_text().splitlines()) == 1 + 3

    def test_a_request_another_worker_is_making_is_left_to_it(self, desk, as_login):
        number = asked(desk)
        approved(number)
        with as_login("eigyo_app") as other:
            other.execute("SELECT FROM audit.export WHERE id = %s FOR UPDATE", [number])
            assert exports.make_approved(clock=timezone.now) == 0
        assert exports.make_approved(clock=timezone.now) == 1

    def test_files_go_after_a_week(self, desk, tmp_path):
        made(desk, ExportFormat.CSV)
        assert exports.remove_expired(at=timezone.now() + timedelta(days=6)) == 0
        later = timezone.now() + timedelta(days=8)
        assert exports.remove_expired(at=later) == 1
        assert files(tmp_path) == []
        with pytest.raises(ExportRefused, match="受け取れるファイル"):
            exports.fetch(exports.latest()[0].id, by=YOSHIOKA, at=later, request="test")

    @pytest.mark.parametrize(
        "change",
        [
            "approved_by = 'N-10003'",
            "sha256 = decode(repeat('00', 32), 'hex')",
            "file = 'x'",
            "fault = 'x'",
        ],
    )
    def test_what_was_approved_and_made_is_not_changed_afterwards(self, desk, as_login, change):
        made(desk, ExportFormat.CSV)
        with as_login("eigyo_app") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"UPDATE audit.export SET {change}")

    @pytest.mark.parametrize("change", ["condition = '{}'", "rows = 1", "asked_by = 'x'", "format = 'csv'"])
    def test_what_was_asked_for_is_not_changed_at_all(self, desk, as_login, change):
        asked(desk)
        with as_login("eigyo_app") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"UPDATE audit.export SET {change}")


class TestPages:
    @pytest.fixture
    def two(self, desk, region):
        """吉岡 of the compliance office and 考査 of the internal audit, each at a terminal."""
        place = region.places["office"]
        second = make_terminal("NW-0002", "nw", region.nw, place)
        return region.officer(), region.person("auditor").sits_at(second).signs_in("log_review")

    def test_lead_from_a_search_to_the_file(self, two, sealed_log):
        officer, auditor = two
        query = f"period=24h&point={OWN_LOW}"
        assert "供給地点特定番号：" + OWN_LOW in officer.gets(f"/audit/exports/?{query}").content.decode()
        assert officer.posts("/audit/exports/new/", CASE | {"query": query}).status_code == 302
        number = exports.latest()[0].id
        page = officer.gets("/audit/exports/").content.decode()
        assert "承認待ち" in page
        assert "承認する</button>" not in page
        assert "承認する</button>" in auditor.gets("/audit/exports/").content.decode()
        auditor.posts(f"/audit/exports/{number}/approve/")
        assert "作成待ち" in officer.gets("/audit/exports/").content.decode()
        sealed_log.seals()
        sealed_log.publishes()
        tasks.make_exports()
        assert "受け取る" in officer.gets("/audit/exports/").content.decode()
        answer = officer.gets(f"/audit/exports/{number}/file/")
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
        assert b"".join(answer.streaming_content).decode("utf-8-sig").startswith("記録番号,封印番号")

    def test_who_walks_the_pages_and_takes_the_files_is_on_the_log_with_each(self, two, desk, as_login):
        kinds = (ExportFormat.CSV, ExportFormat.JSON_LINES)
        for kind in kinds:
            approved(asked(desk, kind))
        assert exports.make_approved(clock=timezone.now) == len(kinds)
        with as_login("eigyo_log") as reader:
            walk = Crawler(two[0].client, Logbook(reader), (), 3).walk(["/audit/exports/"])
            taken = list(islice((visit for visit in walk if visit.url.endswith("/file/")), len(kinds)))
        assert len(taken) == len(kinds)
        for visit in taken:
            assert visit.unasked_numbers == {OWN_LOW}
            assert [entry["query"]["step"] for entry in visit.entries] == ["fetch"]

    def test_refuse_ones_own_approval_in_words(self, two):
        officer, _ = two
        officer.posts("/audit/exports/new/", CASE | {"query": f"period=24h&point={OWN_LOW}"})
        answer = officer.posts(f"/audit/exports/{exports.latest()[0].id}/approve/", follow=True)
        assert "自分の依頼は承認できません" in answer.content.decode()

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"purpose": ""}, "この項目は必須です"),
            ({"query": "period=24h&point=0299999999999999999999"}, "条件に当てはまる記録がありません"),
            ({"query": "point=12"}, "条件を読み取れません"),
        ],
    )
    def test_name_what_is_missing(self, two, given, words):
        answer = two[0].posts("/audit/exports/new/", CASE | {"query": f"point={OWN_LOW}"} | given)
        assert answer.status_code == 400
        assert words in answer.content.decode()
        assert exports.latest() == []

    def test_hand_out_nothing_before_it_is_made(self, two):
        officer, _ = two
        officer.posts("/audit/exports/new/", CASE | {"query": f"period=24h&point={OWN_LOW}"})
        assert officer.gets(f"/audit/exports/{exports.latest()[0].id}/file/").status_code == 404


def test_the_worker_holds_what_an_export_needs_and_nothing_to_drop_a_month(database):
    from deploy.environment import HOLDINGS

    assert {"DEFAULT", "LOG", "AUDIT"} <= set(HOLDINGS["worker"])
    assert [holder for holder, logins in HOLDINGS.items() if "RETAIN" in logins] == [
        "archivist",
        "everything",
    ]
    assert os.environ["EIGYO_DB_RETAIN"]
