"""改ざん検証: an officer sees how far the log is sealed, witnessed and verified, and is told when it is not."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.utils import timezone

from accesscontrol import operations, queries
from accesscontrol.models import Alert
from audit import health, integrity, log, tasks
from audit.health import Part
from audit.integrity import Health, Run, judge
from tests.audit.conftest import entry, unguarded
from tests.guarantees.markup import tree

AT = datetime(2026, 11, 22, 3, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def proven(sealed_log, superuser):
    """A sealed and published log of three entries, and no run of the verifier yet."""
    superuser.execute("TRUNCATE verification")
    log.append([entry(request=f"r{number}") for number in range(3)])
    sealed_log.seals()
    sealed_log.publishes()
    health.note(Part.WITNESS, "立会人の署名がそろっています。", fine=True, at=timezone.now())
    yield sealed_log
    superuser.execute("TRUNCATE verification")


def page(person, url: str = "/audit/integrity/"):
    answer = person.gets(url)
    assert answer.status_code == 200
    return tree(answer.content.decode())


def header(person, url: str = "/alerts/") -> str:
    """What the head of a page says of the log, and how loudly."""
    proof = page(person, url).first("a", "proof")
    return f"{' '.join(sorted(proof.classes - {'proof'}))}: {proof.text}"


def section(found, mark: str) -> str:
    """The text of a section by the name of its heading."""
    (wanted,) = [each for each in found.all("section") if each.attributes.get("aria-labelledby") == mark]
    return wanted.text


class TestPage:
    def test_it_shows_what_is_sealed_what_waits_and_who_witnessed(self, proven, region):
        officer = region.officer()
        shown = page(officer)
        assert "封印した記録3件" in shown.text
        waiting = shown.text.split("封印を待つ記録")[1]
        assert not waiting.startswith("0")
        checkpoints = section(shown, "ch")
        assert proven.published.root.hex()[:16] in checkpoints
        assert "未署名" not in checkpoints
        assert str(proven.neighbour.witness.signer.key) in section(shown, "kh")

    def test_a_missing_witness_and_a_foreign_key_are_seen(self, proven, region):
        officer = region.officer()
        proven.neighbour.is_away()
        proven.seals()
        with pytest.raises(Exception, match="立会人"):
            proven.publishes()
        assert "w 未署名" in section(page(officer), "ch")
        proven.trusts("11" * 32)
        assert "署名が正しくありません" in section(page(officer), "ch")
        proven.policy.unlink()
        assert "信頼方針を読めません" in section(page(officer), "kh")

    def test_every_look_at_it_is_on_the_log(self, proven, region, read_log):
        page(region.officer())
        (look,) = read_log.entries(action="read_log")
        assert look["query"] == {"integrity": "1"}


class TestRuns:
    def test_the_button_asks_for_a_run_in_the_officers_name(self, proven, region, asked_of_worker):
        officer = region.officer()
        answer = officer.posts("/audit/integrity/verify/", follow=True)
        assert "検証を始めます" in answer.content.decode()
        assert asked_of_worker("audit.tasks.verify") == [(["N-10002"], {})]

    def test_a_run_that_finds_nothing_wrong_is_the_verdict_on_every_page(self, proven, region):
        officer = region.officer()
        assert header(officer) == "warn: 改ざん検証 まだ検証していません"
        tasks.verify("N-10002")
        (run,) = integrity.runs()
        assert (run.asked_by, run.fine, run.size) == ("N-10002", True, 3)
        at = timezone.localtime(run.finished_at)
        assert header(officer) == f"ok: 改ざん検証 改ざんなし {at.month}/{at.day} {at:%H:%M} 時点 3件"
        for url in ("/audit/reads/", "/me/terminal/", "/audit/points/"):
            assert "改ざんなし" in header(officer, url)

    def test_a_changed_entry_is_the_alarm_on_every_page_and_named(self, proven, region, superuser):
        with unguarded(superuser, "entry"):
            superuser.execute(
                "UPDATE entry SET payload = replace(payload, 'r1', 'r9') WHERE payload LIKE '%\"r1\"%'"
            )
        tasks.verify("N-10002")
        officer = region.officer()
        assert header(officer).startswith("bad: 改ざん検証 不一致があります")
        assert "封印番号 1" in section(page(officer), "vh")

    def test_how_far_a_run_is_can_be_seen_without_script_and_a_second_is_not_begun(
        self, proven, region, superuser
    ):
        superuser.execute(
            "INSERT INTO verification (asked_by, first, size, checked, started_at)"
            " VALUES ('N-10002', 0, 4000, 1000, now())"
        )
        officer = region.officer()
        shown = page(officer, "/audit/integrity/progress/")
        bar = shown.first("progress")
        assert (bar.attributes["value"], bar.attributes["max"]) == ("1000", "4000")
        assert "1,000 / 4,000 件" in shown.text
        assert shown.first("form", action="/audit/integrity/verify/") is None
        assert "いま検証しています" in officer.posts("/audit/integrity/verify/", follow=True).content.decode()

    def test_a_run_that_was_killed_is_called_broken_off_when_a_later_one_ends(
        self, proven, region, superuser
    ):
        superuser.execute(
            "INSERT INTO verification (asked_by, first, size, checked, started_at)"
            " VALUES ('system', 0, 4000, 1000, now() - interval '1 day')"
        )
        tasks.verify("N-10002")
        found = section(page(region.officer()), "vh")
        assert "中断" in found
        assert "検証中" not in found

    def test_progress_that_a_page_asks_for_by_itself_is_no_use_of_the_session(self, proven, region):
        officer = region.officer()
        before = timezone.now() - 10 * MINUTE
        session = officer.session
        session.last_seen_at = before
        session.save()
        page(officer, "/audit/integrity/progress/")
        assert officer.session.last_seen_at == before
        page(officer)
        assert officer.session.last_seen_at > before


def part(*, fine: bool = True, name: str = "witness", since=AT, checked_at=AT) -> Health:
    return Health(name, fine, "立会人が答えません。", since, checked_at)


def run(*, fine: bool | None = True, finished_at=AT) -> Run:
    return Run(1, "system", 0, 1_234_567, 1_234_567, AT - MINUTE, finished_at, fine, "", lost=False)


class TestVerdict:
    @pytest.mark.parametrize(
        ("last", "parts", "at", "state", "words"),
        [
            (run(), [part()], AT, "ok", "改ざんなし"),
            (run(), [part()], AT + MINUTE, "ok", "改ざんなし"),
            (run(), [part()], AT + 2 * MINUTE, "bad", "立会人の署名に異常があります"),
            (run(), [part(name="archive")], AT + 2 * MINUTE, "ok", "改ざんなし"),
            (run(), [part(name="partitions")], AT + timedelta(hours=12), "ok", "改ざんなし"),
            (
                run(),
                [part(name="partitions")],
                AT + timedelta(hours=13),
                "bad",
                "月ごとの表の用意に異常があります",
            ),
            (run(fine=None), [], AT, "bad", "検証が途中で止まりました"),
            (run(), [part(fine=False)], AT, "bad", "立会人の署名に異常があります"),
            (run(fine=False), [part(fine=False)], AT, "bad", "不一致があります"),
            (run(), [], AT + timedelta(hours=48), "ok", "改ざんなし"),
            (run(), [], AT + timedelta(hours=49), "warn", "検証が遅れています"),
            (None, [], AT, "warn", "まだ検証していません"),
            (None, [part(fine=False)], AT, "bad", "立会人の署名に異常があります"),
        ],
    )
    def test_what_is_wrong_comes_before_what_is_old_and_nothing_old_is_called_good(
        self, last, parts, at, state, words
    ):
        said = judge(last, parts, at=at)
        assert (said.state, said.words) == (state, words)

    def test_a_process_that_cannot_ask_says_so(self, database, monkeypatch):
        monkeypatch.delitem(connections.settings, "log")
        assert integrity.verdict(at=AT).state == "warn"

    def test_a_database_that_does_not_answer_is_an_alarm(self, database, monkeypatch):
        monkeypatch.setattr(integrity, "_LAST_FINISHED", "SELECT nothing FROM nowhere")
        assert integrity.verdict(at=AT).state == "bad"

    @pytest.mark.parametrize("who", ["nw_clerk", "terminal_admin", "card_desk"])
    def test_other_duties_are_not_shown_it(self, region, who):
        assert page(getattr(region, who)(), "/me/terminal/").first("a", "proof") is None


@pytest.fixture
def trouble(region, empty_log):
    """The witness has been away since AT; the sealer is well."""
    health.note(Part.WITNESS, "立会人の署名がそろわないため公表していません（w）。", fine=False, at=AT)
    return region


def sealer_is_well(at) -> None:
    health.note(Part.SEALING, "すべての記録を封印しました。", fine=True, at=at)


class TestAlarm:
    def test_trouble_that_lasts_a_minute_is_told_once_on_the_page_and_by_mail(self, trouble, mailoutbox):
        for at, raised in ((AT + MINUTE, 0), (AT + MINUTE + timedelta(seconds=1), 1), (AT + 5 * MINUTE, 0)):
            sealer_is_well(at)
            assert operations.watch_read_log(at=at) == raised
        operations.notify_alerts(at=AT + 5 * MINUTE)
        operations.notify_alerts(at=AT + 6 * MINUTE)
        (mail,) = mailoutbox
        assert "L-101" in mail.subject
        assert "立会人の署名がそろわない" in mail.subject
        assert "改ざん検証" in mail.body
        assert "端末" not in mail.body
        shown = page(trouble.officer(), "/alerts/")
        assert "立会人の署名がそろわない" in shown.text
        assert "/audit/integrity/" in [link.attributes["href"] for link in shown.first("main").all("a")]

    def test_the_next_occurrence_is_told_again_also_when_the_first_was_seen(self, trouble):
        sealer_is_well(AT + 2 * MINUTE)
        operations.watch_read_log(at=AT + 2 * MINUTE)
        operations.acknowledge_alert(Alert.objects.get(), by=trouble.cards["officer"].staff, at=AT)
        assert operations.watch_read_log(at=AT + 3 * MINUTE - timedelta(seconds=1)) == 0
        health.note(Part.WITNESS, "そろいました。", fine=True, at=AT + 3 * MINUTE)
        health.note(Part.WITNESS, "そろいません。", fine=False, at=AT + 4 * MINUTE)
        sealer_is_well(AT + 6 * MINUTE)
        assert operations.watch_read_log(at=AT + 6 * MINUTE) == 1
        assert queries.waiting_alerts().count() == 1

    def test_a_sealer_that_falls_silent_is_trouble_as_well(self, region, empty_log):
        sealer_is_well(AT)
        health.note(Part.PARTITIONS, "そろっています。", fine=True, at=AT)
        assert operations.watch_read_log(at=AT + MINUTE) == 0
        assert operations.watch_read_log(at=AT + 3 * MINUTE) == 1
        assert operations.watch_read_log(at=AT + 9 * MINUTE) == 0
        assert "封印：処理が動いていません" in Alert.objects.get().summary
