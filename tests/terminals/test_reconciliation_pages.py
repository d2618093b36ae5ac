"""The terminal administrator works on the board; the officer and the auditor read; clerks see none of it."""

import re
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from django.core import mail
from django.utils import timezone

from terminals import notices
from terminals.choices import Kind, State, Trigger
from terminals.models import Discrepancy, Notice, Run
from terminals.reconciliation import operations
from terminals.reconciliation.queries import open_discrepancies
from tests.terminals.ledgers import code_of, honest_lines, ledger_in_force
from tests.terminals.pages import refused, text


@pytest.fixture
def planted(region):
    """NW-0118 is with the retailer by the ledger; nothing was ever counted."""
    at = timezone.now()
    lines = honest_lines(at)
    lines["NW-0118"] = lines["NW-0118"].says(holder_code=code_of("retail"))
    ledger_in_force(list(lines.values()), at=at)
    operations.reconcile(trigger=Trigger.NIGHTLY, by=None, at=at)
    return region


def critical() -> Discrepancy:
    return Discrepancy.objects.get(kind=Kind.NW_AT_RETAIL)


class TestBoard:
    def test_shows_the_sources_beside_each_other_and_marks_the_odd_one(self, planted):
        page = text(planted.terminal_admin().gets("/reconciliation/"))
        card = page.split('aria-label="NW-0118"')[1].split("</article>")[0]
        assert "配備先は小売、オンラインの登録はNW用です。" in card
        assert re.search(r"<dt>台帳</dt><dd>試験電力 合同庁舎 2F 配電センター", card)
        assert re.search(r'class="to"><dt>オンライン</dt><dd>NW用・LU0118', card)
        assert "利用を停止しました" in card

    def test_narrows_to_a_class_a_site_and_those_without_an_owner(self, planted):
        admin = planted.terminal_admin()
        assert 'aria-label="NW-0118"' not in text(admin.gets("/reconciliation/?terminal_class=retail"))
        assert 'aria-label="RT-0412"' in text(admin.gets("/reconciliation/?terminal_class=retail"))
        assert 'aria-label="NW-0118"' in text(admin.gets("/reconciliation/?site=合同庁舎&owner=none"))
        assert 'aria-label="NW-0118"' not in text(admin.gets("/reconciliation/?site=よその建物"))

    def test_of_nothing_says_what_to_do_first(self, region):
        assert "最初の突合が行われます" in text(region.terminal_admin().gets("/reconciliation/"))

    @pytest.mark.parametrize("who", ["officer", "auditor"])
    def test_is_read_by_those_who_review_and_offers_them_no_button(self, planted, who):
        person = planted.person(who).sits_at(planted.office_terminal).signs_in("log_review")
        page = text(person.gets("/reconciliation/"))
        assert 'aria-label="NW-0118"' in page
        assert "今すぐ突合" not in page
        assert person.posts("/reconciliation/run/").status_code == 403

    @pytest.mark.parametrize("who", ["nw_clerk", "retail_clerk"])
    def test_is_closed_to_clerks(self, region, who):
        clerk = getattr(region, who)()
        for page in ("/reconciliation/", "/reconciliation/runs/", "/exposure/"):
            assert clerk.gets(page).status_code == 403

    def test_as_a_file_runs_no_formula(self, planted):
        Discrepancy.objects.filter(pk=critical().pk).update(ledger_says="=cmd|' /C calc'!A0")
        answer = planted.terminal_admin().gets("/reconciliation/results.csv")
        assert answer.content.startswith(b"\xef\xbb\xbf")
        assert "'=cmd|" in answer.content.decode("utf-8-sig")


class TestRuns:
    def test_without_a_difference_are_listed_with_what_was_compared(self, region):
        at = timezone.now()
        ledger = ledger_in_force(list(honest_lines(at).values()), at=at)
        run = operations.reconcile(trigger=Trigger.NIGHTLY, by=None, at=at, only_kind=Kind.NW_ZONE)
        officer = region.officer()
        assert "相違なし" in text(officer.gets("/reconciliation/runs/"))
        page = text(officer.gets(f"/reconciliation/runs/{run.pk}/"))
        assert ledger.sha256[:16] in page
        assert "合同庁舎" in page
        file = officer.gets(f"/reconciliation/runs/{run.pk}/inspected.csv").content.decode("utf-8-sig")
        assert sorted(file.strip().split("\r\n")[1:]) == [
            f"合同庁舎,{number},相違なし" for number in ("NW-0001", "NW-0118", "NW-0305", "RT-0412")
        ]

    def test_that_wait_are_approved_by_another_person_only(self, region, settings):
        settings.RECONCILIATION = settings.RECONCILIATION | {"mass_least": 0, "mass_share": 0}
        at = timezone.now()
        lines = honest_lines(at)
        lines["NW-0118"] = lines["NW-0118"].says(holder_code=code_of("retail"))
        ledger_in_force(list(lines.values()), at=at)
        admin = region.terminal_admin()
        own = operations.reconcile(trigger=Trigger.ASKED, by=admin.card.staff, at=at)
        assert "下の変更をそのまま反映する" not in text(admin.gets(f"/reconciliation/runs/{own.pk}/"))
        admin.posts(f"/reconciliation/runs/{own.pk}/approve/")
        assert Discrepancy.objects.count() == 0
        nightly = operations.reconcile(trigger=Trigger.NIGHTLY, by=None, at=at)
        assert "下の変更をそのまま反映する" in text(admin.gets(f"/reconciliation/runs/{nightly.pk}/"))
        answer = admin.posts(f"/reconciliation/runs/{nightly.pk}/approve/")
        approval = Run.objects.get(approves=nightly)
        assert answer.headers["Location"] == f"/reconciliation/runs/{approval.pk}/"
        assert critical().suspended_at


class TestDiscrepancy:
    def test_is_confirmed_given_away_and_put_right_step_by_step_with_names(self, planted):
        admin, page = planted.terminal_admin(), f"/discrepancies/{critical().pk}/"
        admin.posts(f"{page}confirm/")
        admin.posts(f"{page}assign/", {"owner": "N-10003"})
        admin.posts(f"{page}correct/", {"words": "小売用に設定し直す"})
        admin.posts(f"{page}note/", {"words": "営業所へ連絡した"})
        story = text(admin.gets(page)).split("経緯</h2>")[1]
        for said in (
            "確認",
            "担当の変更",
            "是正の開始",
            "小売用に設定し直す",
            "営業所へ連絡した",
            "林 亜希子",
        ):
            assert said in story
        assert critical().state == State.CORRECTING

    def test_and_its_terminal_lead_to_each_other(self, planted):
        admin, terminal = planted.terminal_admin(), planted.nw_terminal.pk
        assert f'href="/terminals/{terminal}/"' in text(admin.gets(f"/discrepancies/{critical().pk}/"))
        assert f'href="/discrepancies/{critical().pk}/"' in text(admin.gets(f"/terminals/{terminal}/"))

    def test_cannot_be_closed_by_hand(self, planted):
        admin = planted.terminal_admin()
        assert admin.posts(f"/discrepancies/{critical().pk}/resolve/").status_code == 404
        assert "手では閉じられません" in text(admin.gets(f"/discrepancies/{critical().pk}/"))

    def test_that_is_gone_takes_no_more_steps(self, planted):
        one, at = critical(), timezone.now() + timedelta(minutes=1)
        ledger_in_force(list(honest_lines(at).values()), at=at)
        operations.reconcile(trigger=Trigger.NIGHTLY, by=None, at=at)
        answer = planted.terminal_admin().posts(f"/discrepancies/{one.pk}/correct/", {"words": "遅かった"})
        refused(answer, "この相違は解消しています", "遅かった")

    @pytest.mark.parametrize(
        ("action", "given", "said"),
        [
            ("correct", {"words": ""}, "必須"),
            ("assign", {"owner": "N-99999"}, "その職員番号は登録されていません"),
            ("except", {"until": "2020-01-01", "reason": "応援"}, "31日以内"),
            ("except", {"until": "2099-01-01", "reason": "応援"}, "31日以内"),
        ],
    )
    def test_refuses_what_is_wrong_in_words_and_keeps_what_was_typed(self, planted, action, given, said):
        answer = planted.terminal_admin().posts(f"/discrepancies/{critical().pk}/{action}/", given)
        refused(answer, said, *(value for value in given.values() if value))


class TestNotices:
    @pytest.fixture
    def keeper(self, region):
        staff = region.cards["terminal_admin"].staff
        staff.email = "hayashi@eigyo.invalid"
        staff.save()
        building = region.places["nw"].building
        building.keeper = staff
        building.save()
        return staff

    def test_reach_the_keeper_on_the_page_and_by_mail(self, region, keeper):
        at = timezone.now()
        ledger_in_force(list(honest_lines(at).values()), at=at)
        operations.reconcile(trigger=Trigger.NIGHTLY, by=None, at=at)
        assert open_discrepancies().filter(owner=keeper).count() == open_discrepancies().count() > 0
        assert notices.send_waiting(at=at) == Notice.objects.count()
        assert notices.send_waiting(at=at) == 0
        assert [message.to for message in mail.outbox] == [["hayashi@eigyo.invalid"]]
        admin = region.terminal_admin()
        assert "新しい相違が" in text(admin.gets("/notices/"))
        admin.posts("/notices/read/")
        assert Notice.objects.filter(read_at__isnull=True).count() == 0

    def test_go_to_a_webhook_as_well(self, region, keeper, settings):
        heard: list[bytes] = []

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self):
                heard.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                """Keep the test's output clean."""

        with HTTPServer(("127.0.0.1", 0), Receiver) as server:
            Thread(target=server.handle_request, daemon=True).start()
            settings.NOTICE_WEBHOOK = f"http://127.0.0.1:{server.server_port}/"
            notices.tell(keeper, "突合の知らせ", link="/reconciliation/", at=timezone.now())
            notices.send_waiting(at=timezone.now())
        assert b"/reconciliation/" in heard[0]

    def test_are_sent_by_mail_even_when_the_webhook_is_away(self, region, keeper, settings):
        settings.NOTICE_WEBHOOK = "http://127.0.0.1:9/"
        notices.tell(keeper, "突合の知らせ", at=timezone.now())
        assert notices.send_waiting(at=timezone.now()) == 1
        assert len(mail.outbox) == 1
