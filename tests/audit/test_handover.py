"""What an auditor takes away after a month was dropped: hashes where entries are gone, and nothing hidden behind them.

January is dropped, with entries on both sides of one of February.
"""

import pytest
from django.core.management import CommandError, call_command

import eigyo_verify
from tests.audit.conftest import FEBRUARY, JANUARY, archived, dropped, offline, published, unguarded


@pytest.fixture
def folder(a_month_apart, sealed_log, tmp_path):
    archived(JANUARY)
    dropped(JANUARY)
    published(sealed_log)
    call_command("hand_over_read_log", str(tmp_path / "auditor"))
    return tmp_path / "auditor"


def verified(folder, sealed_log):
    return offline("log", folder, "--policy", sealed_log.policy)


def take_out(folder, leaf):
    """Leave an empty place where an entry was."""
    (path,) = (folder / "tile/entries").glob(f"{leaf // 256:03}*" if leaf < 256 else "001.p/*")
    bundle = list(eigyo_verify.entries(path.read_bytes()))
    bundle[leaf % 256] = b""
    path.write_bytes(b"".join(len(payload).to_bytes(2, "big") + payload for payload in bundle))


def test_the_auditor_verifies_the_rest_and_is_told_what_is_gone(folder, sealed_log):
    answer = verified(folder, sealed_log)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "うち300件は廃棄済みで、封印の値だけです：封印番号 0–199、201–300" in answer.stdout


def test_an_entry_taken_out_beyond_the_minimum_index_is_found(folder, sealed_log):
    take_out(folder, 301)
    assert "封印番号 301" in verified(folder, sealed_log).stderr


def test_an_entry_taken_out_below_it_is_told_with_those_that_are_gone(folder, sealed_log):
    take_out(folder, 200)
    assert "封印番号 0–300" in verified(folder, sealed_log).stdout


def test_the_hash_of_a_dropped_entry_still_binds(folder, sealed_log):
    tile = folder / "tile/0/000"
    data = bytearray(tile.read_bytes())
    data[3 * 32] ^= 1
    tile.write_bytes(data)
    assert "ルートが" in verified(folder, sealed_log).stderr


def test_nothing_is_handed_over_when_an_entry_is_missing_that_was_not_dropped(folder, superuser, tmp_path):
    with unguarded(superuser, "entry"):
        superuser.execute("DELETE FROM entry WHERE logged_at < %s", [FEBRUARY.ends])
    with pytest.raises(CommandError, match="廃棄していない月の記録がデータベースにない"):
        call_command("hand_over_read_log", str(tmp_path / "again"))
