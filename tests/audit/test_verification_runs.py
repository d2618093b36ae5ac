"""One run of the verifier: how far it looks, what it leaves to others, how it ends."""

import secrets
from datetime import date, datetime, time, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit import integrity, log, operations, publication, verifications, verifier
from audit.note import LOG, Signer
from audit.tiles import WIDTH
from tests.audit.conftest import entry, entry_of, found, unguarded, verdict


def test_the_next_verification_begins_where_the_last_good_one_ended(published_log, superuser):
    superuser.execute("DELETE FROM verification")
    assert operations.verify(asked_by="NW-0009", clock=timezone.now).first == 0
    superuser.execute("UPDATE verification SET size = 70000")
    assert verifications.verified_size() == 70000
    superuser.execute("UPDATE verification SET first = 1")
    assert verifications.verified_size() == 0


def test_a_log_shorter_than_what_was_verified_is_verified_from_its_beginning(published_log, superuser):
    verdict()
    superuser.execute("UPDATE verification SET size = 70000")
    assert operations.verify(asked_by="NW-0009", clock=timezone.now).first == 0


def test_a_log_that_grows_while_it_is_verified_is_found_good(published_log):
    def grows(checked):
        log.append([entry()])
        published_log.seals()
        published_log.publishes()

    result = operations.verify(asked_by="NW-0009", clock=timezone.now, first=0, progress=grows)
    assert publication.published().size > result.size
    assert result.is_fine, result.findings


def test_a_verification_that_breaks_off_says_so_until_the_next_one(published_log, settings):
    policy, settings.READ_LOG_POLICY = settings.READ_LOG_POLICY, "/nowhere"
    with pytest.raises(FileNotFoundError):
        verdict()
    assert integrity.verdict(at=timezone.now()).words == "検証が途中で止まりました"
    assert not integrity.runs()[0].running
    settings.READ_LOG_POLICY = policy
    assert verdict().is_fine
    assert integrity.runs()[0].fine


def test_what_was_signed_before_a_key_was_exchanged_is_verified_under_the_policy_of_its_time(
    published_log, settings, tmp_path
):
    before = tmp_path / "policy-before.txt"
    before.write_text(published_log.policy.read_text())
    new = secrets.token_hex(32)
    settings.READ_LOG_KEYS = [new]
    published_log.neighbour.witness.logs.append(Signer.from_seed(settings.READ_LOG_ORIGIN, LOG, new).key)
    published_log.trusts(published_log.log_seed, new)
    log.append([entry()])
    published_log.seals()
    published_log.publishes()
    published_log.trusts(new)
    assert [index for index, _ in found()] == [299, 39]
    settings.READ_LOG_EARLIER_POLICIES = [str(before)]
    assert found() == []


class TestPeriods:
    """`--from` and `--to` look at the leaves of those days, whatever became of their entries."""

    @pytest.fixture
    def three_days(self, sealed_log, superuser) -> date:
        """A tile of entries on each of three days; return the first of them."""
        first = timezone.localdate() - timedelta(days=5)
        for step in range(3):
            at = timezone.make_aware(datetime.combine(first + timedelta(days=step), time(12)))
            superuser.execute(
                "INSERT INTO entry (payload, logged_at) SELECT %s, %s FROM generate_series(1, %s)",
                [entry().payload(), at, WIDTH],
            )
        sealed_log.seals()
        sealed_log.publishes()
        return first

    @pytest.fixture
    def small_chunks(self, monkeypatch) -> None:
        """A day is a chunk."""
        for module in (verifier, operations):
            monkeypatch.setattr(module, "CHUNK", WIDTH)

    @pytest.mark.parametrize(
        ("since", "until", "words"),
        [
            (None, 0, "封印番号 0 から 256件"),
            (None, 1, "封印番号 0 から 512件"),
            (1, 1, "封印番号 256 から 256件"),
            (2, None, "封印番号 512 から 256件"),
            (None, 9, "封印番号 0 から 768件"),
        ],
    )
    def test_name_the_leaves_of_their_days(self, three_days, small_chunks, capsys, since, until, words):
        days = {
            name: three_days + timedelta(days=day)
            for name, day in (("since", since), ("until", until))
            if day is not None
        }
        call_command("verify_read_log", full=since is None, **days)
        assert words in capsys.readouterr().out

    def test_do_not_pass_over_entries_that_are_gone(self, three_days, small_chunks, superuser):
        second = three_days + timedelta(days=1)
        with unguarded(superuser, "entry"):
            superuser.execute(
                "DELETE FROM entry WHERE id = ANY(%s)",
                [[entry_of(superuser, leaf) for leaf in range(WIDTH, 2 * WIDTH)]],
            )
        with pytest.raises(CommandError, match="封印番号 256"):
            call_command("verify_read_log", since=second, until=second)

    def test_that_were_found_good_are_not_verified_again_unasked(self, three_days, small_chunks, capsys):
        call_command("verify_read_log", full=True)
        for day in (three_days, three_days - timedelta(days=1)):
            call_command("verify_read_log", until=day)
            assert "すでに確かめてあります" in capsys.readouterr().out
