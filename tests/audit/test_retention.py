"""A month leaves the database only by its owner's procedure, after its file has proved to be complete."""

import json
import re
from datetime import timedelta

import psycopg
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit import archive, log, publication, queries, retention, tree, verifier
from audit.archive import ArchiveRefused
from audit.queries import Condition
from audit.records import Month
from audit.retention import Hold, RetentionRefused
from audit.tiles import Tiles
from tests.audit.conftest import (
    FEBRUARY,
    JANUARY,
    YOSHIOKA,
    archived,
    dropped,
    entry,
    opened,
    published,
    unguarded,
)
from tests.people import OTHER_LOW, OWN_LOW


def missing():
    """The leaves whose entry the verifier misses."""
    verdict = verifier.verify(first=0, size=verifier.signed_size(), progress=lambda checked: None)
    return [found.index for found in verdict.findings if "削除" in found.message]


def rows(superuser, month):
    return superuser.execute(
        "SELECT count(*) FROM entry WHERE logged_at >= %s AND logged_at < %s", [month.begins, month.ends]
    ).fetchone()[0]


class TestArchive:
    def test_lists_the_leaves_of_the_month_one_by_one(self, a_month_apart, tmp_path):
        manifest = archived(JANUARY)
        table = pq.read_table(tmp_path / "archive" / manifest.file)
        assert (manifest.count, manifest.leaves) == (300, [[0, 199], [201, 300]])
        assert table["index"].to_pylist() == [*range(200), *range(201, 301)]
        assert json.loads(table["payload"][0].as_py())["person"] == table["person"][0].as_py() == "RT-0001"
        assert table["fields"][0].as_py() == '["number","address"]'

    def test_is_verified_again_from_its_file(self, a_month_apart, tmp_path):
        archived(JANUARY)
        assert archive.verify(tmp_path / "archive" / "read-log-2019-01.json").count == 300

    def test_of_a_month_without_entries_is_a_file_without_rows(self, years_ago, sealed_log):
        log.append([entry()])
        published(sealed_log)
        assert archived(FEBRUARY).leaves == []

    def test_waits_for_the_end_of_the_month(self, years_ago):
        this_month = Month.parse(f"{timezone.localtime():%Y-%m}")
        with pytest.raises(ArchiveRefused, match="まだ終わっていません"):
            archived(this_month)

    def test_waits_for_the_seal(self, a_month_apart, superuser):
        opened(superuser, JANUARY)
        with pytest.raises(ArchiveRefused, match="封印されていない"):
            archived(JANUARY)

    def test_waits_for_the_checkpoint(self, a_month_apart, sealed_log, superuser):
        opened(superuser, JANUARY)
        sealed_log.seals()
        with pytest.raises(ArchiveRefused, match="まだ含んでいません"):
            archived(JANUARY)

    def test_needs_a_checkpoint_at_all(self, years_ago):
        with pytest.raises(ArchiveRefused, match="チェックポイントを読めません"):
            archived(JANUARY)

    def test_is_not_made_of_entries_changed_after_they_were_sealed(self, a_month_apart, superuser):
        with unguarded(superuser, "entry"):
            superuser.execute("UPDATE entry SET payload = %s WHERE point IS NOT NULL", [entry().payload()])
        with pytest.raises(ArchiveRefused, match="封印した時と違います"):
            archived(JANUARY)

    def test_is_not_made_when_entries_and_leaves_were_changed_together(self, a_month_apart, superuser):
        forged = entry().payload()
        with unguarded(superuser, "entry", "leaf"):
            superuser.execute(
                "UPDATE entry SET payload = %s WHERE id = (SELECT min(id) FROM entry)", [forged]
            )
            superuser.execute("UPDATE leaf SET hash = %s WHERE index = 0", [tree.leaf_hash(forged.encode())])
        with pytest.raises(ArchiveRefused, match="タイルと違います"):
            archived(JANUARY)

    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            (lambda table: table.slice(0, 299), "件数か封印番号"),
            (lambda table: table.take([1, 0, *range(2, 300)]), "件数か封印番号"),
            (lambda table: table.set_column(9, "card", [["1000000001"] * 300]), "検索用の列"),
            (lambda table: table.set_column(1, "entry", [[7] * 300]), "封印と違います"),
        ],
    )
    def test_a_file_that_was_changed_does_not_pass_even_with_its_hash(
        self, a_month_apart, tmp_path, change, refusal
    ):
        archived(JANUARY)
        file, manifest = (tmp_path / "archive" / f"read-log-2019-01.{kind}" for kind in ("parquet", "json"))
        pq.write_table(change(pq.read_table(file)), file)
        with pytest.raises(ArchiveRefused, match="ハッシュ"):
            archive.verify(manifest)
        stated = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(stated | {"sha256": archive._digest(file)}))
        with pytest.raises(ArchiveRefused, match=refusal):
            archive.verify(manifest)


class TestDrop:
    def test_takes_the_month_and_leaves_a_trace(self, a_month_apart, superuser, read_log):
        archived(JANUARY)
        assert dropped(JANUARY) == 300
        assert (rows(superuser, JANUARY), rows(superuser, FEBRUARY)) == (0, 1)
        trace = superuser.execute("SELECT month, entry, dropped_by FROM dropped_month").fetchone()
        (told,) = read_log.entries(action="retain_log")
        assert (told["person"], told["query"]) == (YOSHIOKA, {"step": "drop", "month": "2019-01"})
        assert (trace[0], trace[2]) == (JANUARY.first, "eigyo_retain")
        assert superuser.execute("SELECT action FROM entry WHERE id = %s", [trace[1]]).fetchone() == (
            "retain_log",
        )

    def test_changes_no_proof_of_a_newer_entry(self, a_month_apart, sealed_log):
        checkpoint = publication.published()
        newest = checkpoint.size - 1

        def proof():
            return tree.inclusion_proof(
                Tiles(sealed_log.folder, checkpoint.size).node, newest, checkpoint.size
            )

        before = proof()
        archived(JANUARY)
        dropped(JANUARY)
        published(sealed_log)
        assert proof() == before
        leaf = Tiles(sealed_log.folder, checkpoint.size).node(0, newest)
        later = publication.published()
        path = tree.inclusion_proof(Tiles(sealed_log.folder, later.size).node, newest, later.size)
        assert tree.includes(before, leaf=leaf, index=newest, size=checkpoint.size, root=checkpoint.root)
        assert tree.includes(path, leaf=leaf, index=newest, size=later.size, root=later.root)

    def test_moves_the_minimum_index_behind_the_last_entry_that_went(self, a_month_apart, sealed_log):
        path = sealed_log.folder / "minimum-index"
        archived(JANUARY)
        published(sealed_log)
        assert not path.exists()
        dropped(JANUARY)
        published(sealed_log)
        assert path.read_text() == "301\n"
        archived(FEBRUARY)
        dropped(FEBRUARY)
        published(sealed_log)
        assert path.read_text() == "301\n"

    def test_is_no_loss_to_the_verifier_and_hides_none(self, a_month_apart, sealed_log, superuser):
        archived(JANUARY)
        dropped(JANUARY)
        published(sealed_log)
        assert missing() == []
        with unguarded(superuser, "entry"):
            superuser.execute("DELETE FROM entry WHERE logged_at < %s", [FEBRUARY.ends])
        assert missing() == [200]

    def test_does_not_take_a_month_twice(self, a_month_apart):
        archived(JANUARY)
        dropped(JANUARY)
        with pytest.raises(RetentionRefused, match="パーティションはありません"):
            dropped(JANUARY)

    def test_needs_a_verified_archive(self, a_month_apart, superuser, read_log):
        with pytest.raises(RetentionRefused, match="目録を読めません"):
            dropped(JANUARY)
        archived(JANUARY)
        with unguarded(superuser, "archive"):
            superuser.execute("DELETE FROM archive")
        with pytest.raises(RetentionRefused, match="検証済みの保管がない"):
            dropped(JANUARY)
        assert rows(superuser, JANUARY) == 300
        told = [told["outcome"] for told in read_log.entries(action="retain_log")]
        assert told == ["refused", "allowed", "refused"]

    def test_needs_the_file_itself_as_it_was_verified(self, a_month_apart, superuser, tmp_path):
        """A row that says the month was archived keeps nothing."""
        file = tmp_path / "archive" / archived(JANUARY).file
        content = file.read_bytes()
        file.write_bytes(content[:-1])
        with pytest.raises(RetentionRefused, match="ハッシュ"):
            dropped(JANUARY)
        file.unlink()
        with pytest.raises(RetentionRefused, match="読めません"):
            dropped(JANUARY)
        assert rows(superuser, JANUARY) == 300
        file.write_bytes(content)
        assert dropped(JANUARY) == 300

    def test_leaves_a_file_that_can_be_verified_ever_after(self, a_month_apart, tmp_path, capsys):
        manifest = tmp_path / "archive" / "read-log-2019-01.json"
        archived(JANUARY)
        dropped(JANUARY)
        call_command("verify_read_log_archive", manifest)
        assert "300件" in capsys.readouterr().out
        file = manifest.with_suffix(".parquet")
        file.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(CommandError, match="ハッシュ"):
            call_command("verify_read_log_archive", manifest)

    def test_leaves_a_hole_in_what_the_log_covers(self, a_month_apart, superuser):
        """Also when an older month stays, as it does while it is held."""
        archived(JANUARY)
        dropped(JANUARY)
        superuser.execute(
            "INSERT INTO entry (payload, logged_at) VALUES (%s, %s)",
            [entry().payload(), JANUARY.begins - timedelta(days=31)],
        )

        def covered(since, until):
            return queries.coverage(Condition(since=since, until=until), at=timezone.now()).percent

        assert covered(JANUARY.begins, JANUARY.ends) == 0
        assert covered(FEBRUARY.begins, FEBRUARY.ends) == 100
        assert covered(JANUARY.begins - timedelta(days=31), JANUARY.ends) == 50

    def test_needs_an_archive_of_what_is_there_now(self, a_month_apart, sealed_log, superuser):
        archived(JANUARY)
        opened(superuser, JANUARY)
        for _ in range(2):
            with pytest.raises(RetentionRefused, match="いまの記録と違います"):
                dropped(JANUARY)
            published(sealed_log)
        archived(JANUARY)
        assert dropped(JANUARY) == 301

    def test_waits_until_the_retention_period_is_over(self, a_month_apart, settings):
        archived(JANUARY)
        settings.READ_LOG_YEARS = 30
        with pytest.raises(RetentionRefused, match="保存期間"):
            dropped(JANUARY)

    def test_a_shorter_setting_does_not_shorten_what_the_logs_owner_keeps(
        self, a_month_apart, log_owner, settings
    ):
        archived(JANUARY)
        settings.READ_LOG_YEARS = 0
        log_owner.execute("UPDATE audit.retention SET years = 30")
        try:
            with pytest.raises(RetentionRefused, match="保存期間"):
                dropped(JANUARY)
        finally:
            log_owner.execute("UPDATE audit.retention SET years = 5")

    def test_needs_the_entry_that_tells_of_it(self, a_month_apart, as_login):
        archived(JANUARY)
        (receipt,) = log.append([entry()])
        with as_login("eigyo_retain") as connection:
            for number in (None, receipt.number):
                with (
                    pytest.raises(psycopg.errors.RaiseException, match="廃棄の記録"),
                    connection.transaction(),
                ):
                    connection.execute("SELECT drop_month(%s, 5, %s)", [JANUARY.first, number])

    def test_gives_way_to_whoever_is_using_the_month(self, a_month_apart, superuser, as_login):
        archived(JANUARY)
        with as_login("eigyo_log") as reader:
            reader.execute(f"SELECT count(*) FROM entry WHERE logged_at < '{JANUARY.ends.isoformat()}'")
            with pytest.raises(RetentionRefused, match="使用中"):
                dropped(JANUARY)
        assert rows(superuser, JANUARY) == 300
        assert dropped(JANUARY) == 300


class TestHold:
    @pytest.mark.parametrize("about", [{}, {"point": OWN_LOW}, {"person": "RT-0001"}])
    def test_keeps_its_month_until_it_is_released(self, a_month_apart, sealed_log, superuser, about):
        opened(superuser, JANUARY, point=OWN_LOW)
        published(sealed_log)
        archived(JANUARY)
        number = retention.place(_hold(**about), by=YOSHIOKA, at=timezone.now())
        with pytest.raises(RetentionRefused, match="保全"):
            dropped(JANUARY)
        retention.release(number, by=YOSHIOKA, at=timezone.now())
        assert dropped(JANUARY) == 301

    @pytest.mark.parametrize(
        "about",
        [
            {"point": OTHER_LOW},
            {"person": "RT-9999"},
            {"ends_at": timezone.now() - timedelta(seconds=1)},
            {"since": FEBRUARY.begins, "until": FEBRUARY.ends},
        ],
    )
    def test_of_something_else_or_past_its_end_keeps_nothing(self, a_month_apart, about):
        archived(JANUARY)
        retention.place(_hold(**about), by=YOSHIOKA, at=timezone.now())
        assert dropped(JANUARY) == 300

    def test_is_told_on_the_log_when_placed_and_released(self, years_ago, read_log):
        number = retention.place(_hold(point=OWN_LOW), by=YOSHIOKA, at=timezone.now())
        retention.release(number, by=YOSHIOKA, at=timezone.now())
        told = read_log.entries(action="retain_log")
        assert [each["query"]["step"] for each in told] == ["hold", "release"]
        assert told[0]["query"]["reason"] == "事案 R-2026-014"

    def test_is_released_once(self, years_ago):
        number = retention.place(_hold(), by=YOSHIOKA, at=timezone.now())
        retention.release(number, by=YOSHIOKA, at=timezone.now())
        with pytest.raises(RetentionRefused, match="解除できる"):
            retention.release(number, by=YOSHIOKA, at=timezone.now())


def _hold(**changes):
    given = {"since": JANUARY.begins, "until": JANUARY.ends, "reason": "事案 R-2026-014"}
    return Hold(**given | changes)


class TestCommands:
    def test_keep_a_month_and_then_drop_it(self, a_month_apart, capsys):
        call_command("archive_read_log", "2019-01", "--by", YOSHIOKA)
        call_command("drop_read_log", "2019-01", "--by", YOSHIOKA)
        said = capsys.readouterr().out
        assert "300件を保管し、検証しました" in said
        assert "300件を廃棄しました" in said

    def test_say_why_not(self, a_month_apart, settings):
        with pytest.raises(CommandError, match="目録を読めません"):
            call_command("drop_read_log", "2019-01", "--by", YOSHIOKA)
        settings.READ_LOG_ARCHIVE = ""
        with pytest.raises(CommandError, match="EIGYO_LOG_ARCHIVE"):
            call_command("archive_read_log", "2019-01", "--by", YOSHIOKA)

    def test_place_and_release_a_hold(self, years_ago, capsys):
        given = ["--since", "2019-01-01", "--until", "2019-02-01", "--reason", "事案", "--by", YOSHIOKA]
        call_command("hold_read_log", *given)
        number = re.search(r"(\d+) を登録", capsys.readouterr().out).group(1)
        call_command("hold_read_log", "--release", number, "--by", YOSHIOKA)
        with pytest.raises(CommandError, match="解除できる"):
            call_command("hold_read_log", "--release", number, "--by", YOSHIOKA)


class TestRights:
    @pytest.mark.parametrize("role", ["eigyo_app", "eigyo_audit", "eigyo_log", "eigyo_seal", "eigyo_feed"])
    def test_no_other_login_may_ask_for_a_drop(self, database, as_login, role):
        with as_login(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT audit.drop_month('2019-01-01', 0, 1)")

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM archive",
            "UPDATE archive SET count = 0",
            "INSERT INTO hold (since, until, reason, placed_by, placed_at) VALUES (now(), now(), '', '', now())",
            "UPDATE hold SET released_by = '', released_at = now()",
            "INSERT INTO dropped_month (month) VALUES (now())",
            "UPDATE retention SET years = 1",
            "INSERT INTO entry (payload) VALUES ('{}')",
            "INSERT INTO health VALUES ('archive', true, '', now(), now())",
            "DROP TABLE entry_default",
        ],
    )
    def test_whoever_asks_can_do_nothing_else(self, database, as_login, statement):
        with as_login("eigyo_retain") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)

    def test_not_even_the_owner_changes_what_was_kept(self, a_month_apart, log_owner):
        archived(JANUARY)
        dropped(JANUARY)
        number = retention.place(_hold(), by=YOSHIOKA, at=timezone.now())
        retention.release(number, by=YOSHIOKA, at=timezone.now())
        for statement in (
            "UPDATE audit.archive SET count = 0",
            "DELETE FROM audit.dropped_month",
            "DELETE FROM audit.hold",
            "UPDATE audit.hold SET released_at = NULL, released_by = NULL",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                log_owner.execute(statement)
