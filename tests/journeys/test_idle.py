"""An unattended screen warns, goes blank by itself and never keeps the session alive."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accesscontrol.models import WorkSession
from tests.people import OTHER_LOW


@pytest.fixture
def clerk(device, region):
    """An NW clerk before a record, in a browser whose clock the test moves."""
    screen = device()
    screen.page.clock.install()
    screen.taken_over_from(region.nw_clerk())
    screen.page.goto(f"/points/{OTHER_LOW}/")
    expect(screen.page.get_by_text("秘密　太郎")).to_be_visible()
    return screen


@pytest.mark.browser
class TestScreen:
    def test_warns_two_minutes_before_and_goes_on_when_asked(self, clerk):
        clerk.page.clock.fast_forward("12:00")
        expect(clerk.page.get_by_role("dialog")).to_have_count(0)
        clerk.page.clock.fast_forward("01:05")
        expect(clerk.page.get_by_role("dialog")).to_be_visible()
        stay = clerk.page.get_by_role("button", name="利用を続ける")
        expect(stay).to_be_focused()
        stay.click()
        expect(clerk.page.get_by_role("dialog")).to_have_count(0)
        expect(clerk.page.get_by_text("秘密　太郎")).to_be_visible()
        expect(clerk.page.locator("[data-countdown]")).to_have_text(re.compile(r"^1(5:00|4:[345]\d)$"))

    def test_may_be_ended_at_once_from_the_warning(self, clerk):
        clerk.page.clock.fast_forward("13:05")
        clerk.page.get_by_role("button", name="今すぐ終える").click()
        clerk.page.wait_for_url("**/start/")
        assert WorkSession.objects.get().end_reason == "signed_out"

    def test_goes_blank_at_the_end_and_keeps_only_the_way_back(self, clerk):
        WorkSession.objects.update(last_seen_at=timezone.now() - timedelta(minutes=15))
        clerk.page.clock.fast_forward("15:05")
        expect(clerk.page.get_by_text("操作がなかったため利用を終えました")).to_be_visible()
        assert "秘密" not in clerk.text
        assert WorkSession.objects.get().end_reason == "idle"
        clerk.shows_card("1000000001")
        clerk.page.get_by_role("button", name="この目的で始める").click()
        clerk.page.wait_for_url(f"**/points/{OTHER_LOW}/")
        assert clerk.complaints == []

    def test_goes_blank_in_one_tab_while_work_goes_on_in_another(self, clerk):
        clerk.page.clock.fast_forward("15:05")
        expect(clerk.page.get_by_text("この画面を消しました")).to_be_visible()
        assert "秘密" not in clerk.text
        clerk.page.get_by_role("link", name="利用に戻る").click()
        expect(clerk.page.get_by_label("現在の閲覧条件")).to_be_visible()

    def test_goes_blank_in_every_tab_when_the_session_ends_in_one(self, clerk):
        other = clerk.context.new_page()
        other.goto(f"/points/{OTHER_LOW}/")
        expect(other.get_by_text("秘密　太郎")).to_be_visible()
        clerk.page.get_by_role("button", name="利用を終える").click()
        other.wait_for_url("**/start/**")
        assert "秘密" not in other.content()


def test_a_screen_that_leaves_by_itself_is_no_use_of_the_session(region):
    clerk = region.nw_clerk()
    before = timezone.now() - timedelta(minutes=14)
    WorkSession.objects.update(last_seen_at=before)
    body = clerk.gets("/start/?idle=1").content.decode()
    assert "この画面を消しました" in body
    assert WorkSession.objects.get().last_seen_at == before
    clerk.gets("/points/")
    assert WorkSession.objects.get().last_seen_at > before
