"""The compliance officer watches the read log being verified, and follows a line from search to search."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from audit import health, verifications
from audit.health import Part
from tests.people import OTHER_LOW

pytestmark = pytest.mark.browser
PATIENCE = 20_000  # milliseconds until a page that asks by itself has its answer


def all_is_well() -> None:
    """Sealer and witness say so."""
    for part in (Part.SEALING, Part.WITNESS):
        health.note(part, "正常です。", fine=True, at=timezone.now())


@pytest.fixture
def upkeep(database):
    """Sealer and witness have just said that all is well."""
    all_is_well()


def begins() -> int:
    return verifications.begin(asked_by="N-10002", first=0, size=4000, at=timezone.now())


def ends(run: int) -> None:
    all_is_well()
    verifications.end(run, fine=True, finding="", at=timezone.now())


def opens_the_page(screen):
    screen.page.get_by_role("link", name="改ざん検証", exact=True).click()
    expect(screen.page.get_by_role("heading", level=1)).to_have_text("改ざん検証")


def test_a_run_moves_and_ends_before_the_officers_eyes(device, region, upkeep):
    run = begins()
    officer = device()
    officer.page.clock.install()
    officer.taken_over_from(region.officer())
    opens_the_page(officer)
    expect(officer.page.get_by_role("button", name="検証する")).to_have_count(0)
    expect(officer.page.get_by_text("0 / 4,000 件")).to_be_visible()
    verifications.advance(run, 1000)
    officer.page.clock.fast_forward("10:00")
    expect(officer.page.get_by_text("1,000 / 4,000 件")).to_be_visible(timeout=PATIENCE)
    expect(officer.page.locator("[data-countdown]")).to_have_text(re.compile(r"^0[45]:"))
    verifications.advance(run, 3000)
    ends(run)
    officer.page.clock.fast_forward("00:03")
    expect(officer.page.get_by_role("button", name="検証する")).to_be_visible(timeout=PATIENCE)
    expect(officer.page.get_by_role("progressbar")).to_have_count(0)
    expect(officer.page.locator("#proof")).to_contain_text("改ざんなし")
    expect(officer.page.locator("#proof")).to_contain_text("4,000件")
    assert officer.complaints == []


def test_a_run_is_followed_by_a_link_without_script(device, region, upkeep):
    run = begins()
    officer = device(java_script_enabled=False).taken_over_from(region.officer())
    opens_the_page(officer)
    verifications.advance(run, 4000)
    officer.page.get_by_role("link", name="最新の状態にする").click()
    expect(officer.page.get_by_text("4,000 / 4,000 件")).to_be_visible()
    ends(run)
    officer.page.get_by_role("link", name="最新の状態にする").click()
    expect(officer.page.get_by_role("button", name="検証する")).to_be_visible()
    expect(officer.page.get_by_role("row", name="改ざんなし").first).to_contain_text("1〜4,000 件目")


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_officer_goes_from_a_line_to_the_person_the_point_and_the_answer(device, region, script):
    region.nw_clerk().gets(f"/points/{OTHER_LOW}/")
    officer = device(java_script_enabled=script).taken_over_from(region.officer())
    officer.page.goto(f"/audit/reads/?period=24h&point={OTHER_LOW}&action=open")
    officer.page.locator("table.log").get_by_role("link", name="大西 誠").first.click()
    expect(officer.page.get_by_role("link", name=re.compile("職員番号 ?N-10001"))).to_be_visible()
    officer.page.locator("summary", has_text="操作").click()
    officer.page.get_by_role("link", name="詳細", exact=True).first.click()
    expect(officer.page.locator("table.log tbody tr").first).to_contain_text("詳細")
    officer.page.locator("table.log tbody tr").first.locator("a", has_text="0002").click()
    officer.page.get_by_role("link", name="この地点を誰が見たか").click()
    expect(officer.page.locator("table.told")).to_contain_text("託送契約課")
    assert officer.complaints == []


def test_choosing_a_time_takes_the_relative_period_away(device, region):
    officer = device().taken_over_from(region.officer())
    officer.page.locator("summary", has_text="番号や日時でさがす").click()
    expect(officer.page.get_by_label("期間", exact=True)).to_have_value("7d")
    officer.page.get_by_label("開始", exact=True).fill("2026-01-01T00:00")
    expect(officer.page.get_by_label("期間", exact=True)).to_have_value("")
    officer.page.get_by_role("button", name="さがす").click()
    expect(officer.page.locator(".covers")).to_contain_text("対象は 2026/01/01")


def test_the_customers_sheet_prints_without_the_officer_and_the_menu(device, region):
    region.nw_clerk().gets(f"/points/{OTHER_LOW}/")
    officer = device().taken_over_from(region.officer())
    officer.page.goto(f"/audit/points/{OTHER_LOW}/answer/")
    officer.page.emulate_media(media="print")
    expect(officer.page.get_by_role("heading", level=1)).to_have_text("閲覧の記録についてのお知らせ")
    expect(officer.page.get_by_role("navigation")).to_have_count(0)
    expect(officer.page.get_by_text("吉岡")).to_have_count(1)
    expect(officer.page.get_by_text("吉岡")).to_be_hidden()
    expect(officer.page.get_by_text("社外持ち出し禁止")).to_have_count(0)
