"""What `make run` prints to try out: right pairs work, wrong ones are refused, told, and found by the officer."""

import io
import re
from dataclasses import dataclass

import pytest
from django.core.management import call_command
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
CODES = {
    ("NW-0118", "2000000001"): "C-201",
    ("RT-0412", "1000000001"): "C-202",
    ("RT-0412", "2000000009"): "C-101",
}
NOBODY = {"NW-0231": "P-102", "NW-0187": "T-106", "NW-0142": "T-102"}


@dataclass
class Leaflet:
    """The printed list: a link for each terminal, a PIN for each card, the pairs to try."""

    text: str

    def link(self, terminal: str) -> str:
        return re.search(rf"{terminal}.*?(/terminal/\?code=\S+)", self.text).group(1)

    def pin(self, card: str) -> str:
        return re.search(rf"{card}\s+(\d{{6}})", self.text).group(1)


@pytest.fixture
def leaflet(clean) -> Leaflet:
    printed = io.StringIO()
    call_command("try_out", address="", stdout=printed)
    return Leaflet(printed.getvalue())


def becomes(device, leaflet: Leaflet, terminal: str):
    """Open the printed link of a terminal on a new device and press its button."""
    screen = device()
    screen.page.goto(leaflet.link(terminal))
    screen.page.get_by_role("button", name="この端末を登録する").click()
    screen.page.wait_for_url("**/start/")
    return screen


def is_refused(screen, code: str) -> None:
    expect(screen.page.get_by_text("どうすればよいか")).to_be_visible()
    expect(screen.page.locator("footer").filter(has_text="判定")).to_contain_text(code)
    assert screen.page.get_by_label("現在の閲覧条件").count() == 0


def test_the_printed_pairs_do_what_is_printed_and_the_officer_finds_every_refusal(device, leaflet):
    screens = {number: becomes(device, leaflet, number) for number in ("NW-0118", "RT-0412", "NW-0001")}
    for (terminal, card), code in CODES.items():
        assert re.search(rf"{terminal} と {card} … 断る", leaflet.text)
        screens[terminal].page.goto("/start/")
        is_refused(screens[terminal].shows_card(card, leaflet.pin(card)), code)
    for terminal, code in NOBODY.items():
        assert terminal in re.search(r"(NW-\d{4}・?){3} … だれでも断る", leaflet.text).group()
        is_refused(becomes(device, leaflet, terminal), code)
    officer = screens["NW-0001"].signs_in("1000000002", leaflet.pin("1000000002"))
    finds_every_alert(officer)
    finds_every_refusal_in_the_log(officer)


def finds_every_alert(officer) -> None:
    alerts = officer.page.get_by_role("link", name="通報")
    expect(alerts).to_contain_text("6")
    alerts.click()
    rows = officer.page.locator("table[data-rows] tbody tr")
    expect(rows).to_have_count(6)
    for (terminal, card), code in CODES.items():
        row = rows.filter(has_text=code)
        expect(row).to_contain_text(terminal)
        expect(row).to_contain_text(card)
    rows.filter(has_text="C-201").get_by_role("button", name="確認した").click()
    expect(officer.page.get_by_text("通報を確認済みにしました。")).to_be_visible()
    expect(rows).to_have_count(5)
    rows.filter(has_text="P-102").get_by_role("link", name="記録").click()
    expect(officer.page.get_by_role("heading", level=1)).to_contain_text("記録")
    expect(officer.page.get_by_text("来訪者対応スペース").first).to_be_visible()


def finds_every_refusal_in_the_log(officer) -> None:
    officer.page.get_by_role("link", name="閲覧記録").first.click()
    officer.page.locator("summary", has_text="番号や日時でさがす").click()
    officer.page.get_by_label("結果").select_option(label="拒否")
    officer.page.get_by_label("端末番号").fill("RT-0412")
    officer.page.get_by_role("button", name="さがす").click()
    rows = officer.page.locator("table[data-rows] tbody tr")
    expect(rows.first).to_be_visible()
    assert {"拒否" in row for row in rows.all_inner_texts()} == {True}
    for code in ("C-202", "C-101"):
        expect(rows.filter(has_text=code).first).to_contain_text("RT-0412")
    assert officer.page.get_by_text("C-201").count() == 0


@pytest.mark.parametrize(
    ("terminal", "card", "scope"),
    [
        ("NW-0118", "1000000001", "需要者情報"),
        ("RT-0412", "2000000001", "自社分のみ"),
        ("NW-0305", "3000000001", "需要者情報"),
        ("NW-0001", "1000000003", "台帳のみ"),
        ("NW-0001", "1000000005", "閲覧記録（値なし）"),
    ],
)
def test_the_printed_right_pairs_open_their_view(device, leaflet, terminal, card, scope):
    screen = becomes(device, leaflet, terminal).signs_in(card, leaflet.pin(card))
    expect(screen.page.get_by_label("現在の閲覧条件")).to_contain_text(scope)
    assert screen.complaints == []
