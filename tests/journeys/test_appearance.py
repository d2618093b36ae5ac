"""Narrow windows, large type and dark rooms: no page needs scrolling sideways, none is unreadable."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accesscontrol.models import Alert, Card, Posting
from terminals.choices import Trigger
from terminals.models import Discrepancy, Place, Run, Terminal, ZoneOwnership
from terminals.reconciliation.operations import reconcile
from tests.people import OTHER_LOW, OWN_HIGH
from tests.readlog import ReadLog
from tests.terminals.ledgers import honest_lines, ledger_in_force

pytestmark = pytest.mark.browser
NARROW = {"width": 320, "height": 640}
LOOK_UP = ["/points/", "/points/?q=0210", f"/points/{OTHER_LOW}/", f"/points/{OWN_HIGH}/", "/me/reads/"]
CONTRAST = """
() => {
  const light = (text) => {
    const parts = text.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255);
    const linear = parts.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const style = getComputedStyle(document.body);
  return [light(style.backgroundColor), light(style.color)];
}
"""


def pages_of(who: str) -> list[str]:
    """The pages a person sees at work."""
    terminal, card = Terminal.objects.get(number="NW-0118").pk, Card.objects.get(number="1000000001").pk
    return {
        "retail_clerk": [*LOOK_UP, "/me/terminal/", "/start/purpose/", "/help/", "/nothing/"],
        "nw_clerk": [*LOOK_UP, f"/points/?q=0210&sel={OTHER_LOW}", f"/points/{OTHER_LOW}/print/"],
        "officer": [
            *("/audit/reads/", f"/audit/reads/{ReadLog.from_now().mark}/", "/alerts/", "/audit/points/"),
            *(f"/audit/points/{OTHER_LOW}/", f"/audit/points/{OTHER_LOW}/answer/"),
            *("/audit/withholdings/", "/audit/integrity/", "/audit/integrity/progress/"),
        ],
        "terminal_admin": [
            *(f"/{name}/" for name in ("terminals", "deployments", "registrations")),
            *(f"/{name}/" for name in ("buildings", "places", "zones", f"terminals/{terminal}")),
            *("/handovers/", "/lu-deletions/", "/stock-takes/", f"/terminals/{terminal}/move/"),
            *("/terminals/new/", f"/zones/{ZoneOwnership.objects.first().pk}/edit/"),
            *(
                "/reconciliation/",
                "/reconciliation/runs/",
                f"/reconciliation/runs/{Run.objects.latest('pk').pk}/",
            ),
            *(
                f"/discrepancies/{Discrepancy.objects.latest('pk').pk}/",
                "/exposure/",
                "/notices/",
                "/ledger/",
            ),
            *("/ledger/new/", "/room-entries/", "/presence/", "/buildings/shared/"),
            f"/places/{Place.objects.get(name='研修室').pk}/",
        ],
        "card_desk": [
            *(f"/{name}/" for name in ("cards", "staff", "postings", "organisations", f"cards/{card}")),
            *(f"/cards/{card}/pin/", "/cards/new/", f"/postings/{Posting.objects.first().pk}/edit/"),
        ],
    }[who]


@pytest.fixture(params=["retail_clerk", "nw_clerk", "officer", "terminal_admin", "card_desk"])
def who(request) -> str:
    return request.param


def leave_something_to_see(region) -> None:
    """Let there be an alert, some history, and a ledger that says something else than the registry."""
    region.person("retail_clerk").sits_at(region.contractor_terminal).tries_to_sign_in()
    at = timezone.now()
    lines = honest_lines(at)
    lines["NW-0118"] = lines["NW-0118"].says(room="どこにもない、とても長い名前の室")
    ledger_in_force(list(lines.values()), at=at)
    reconcile(trigger=Trigger.NIGHTLY, by=None, at=at)
    assert Alert.objects.exists()
    assert Discrepancy.objects.exists()


def nameless(page: Page) -> list[str]:
    """The buttons and links of which a screen reader could say nothing."""
    return re.findall(r'- (?:button|link)(?! ")[^\n]*', page.locator("body").aria_snapshot())


def test_no_page_320_pixels_wide_needs_scrolling_sideways_or_loses_the_name_of_a_button(device, region, who):
    leave_something_to_see(region)
    screen = device(viewport=NARROW).taken_over_from(getattr(region, who)())
    too_wide, unnamed = {}, {}
    for page in pages_of(who):
        screen.page.goto(page)
        expect(screen.page.get_by_role("heading", level=1)).to_be_visible()
        if screen.overflow():
            too_wide[page] = screen.overflow()
        if nameless(screen.page):
            unnamed[page] = nameless(screen.page)
    assert (too_wide, unnamed) == ({}, {})


def test_the_pages_before_a_card_fit_a_narrow_window_too(device, region):
    screen = device(viewport=NARROW)
    screen.page.goto("/terminal/")
    assert screen.overflow() == 0
    screen.enrols(region.nw_terminal)
    assert screen.overflow() == 0
    screen.shows_card("2000000001")
    expect(screen.page.get_by_text("どうすればよいか")).to_be_visible()
    assert screen.overflow() == 0


def test_the_menu_of_a_narrow_window_opens_from_the_button(device, region):
    screen = device(viewport=NARROW).taken_over_from(region.terminal_admin())
    entry = screen.page.get_by_role("link", name="区画の持ち主")
    expect(entry).to_be_hidden()
    screen.page.get_by_label("主メニュー").first.click()
    expect(entry).to_be_visible()
    entry.click()
    expect(screen.page.get_by_role("heading", level=1)).to_have_text("区画の持ち主")


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_pages_follow_the_rooms_light_and_stay_readable(device, region, scheme, dark):
    screen = device(color_scheme=scheme).taken_over_from(region.retail_clerk())
    for page in LOOK_UP:
        screen.page.goto(page)
        ground, ink = screen.page.evaluate(CONTRAST)
        assert (ground < 0.1) is dark
        assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) > 7
    assert screen.complaints == []


def test_a_printed_record_carries_who_printed_it_and_no_buttons(device, region):
    screen = device().taken_over_from(region.nw_clerk())
    screen.page.goto(f"/points/{OTHER_LOW}/print/")
    screen.page.emulate_media(media="print")
    expect(screen.page.get_by_text("社外持ち出し禁止")).to_be_visible()
    expect(screen.page.get_by_text("社外持ち出し禁止")).to_contain_text("大西 誠")
    expect(screen.page.get_by_role("navigation")).to_have_count(0)
