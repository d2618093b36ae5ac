"""A retail clerk and an NW clerk at work, with script and without."""

import pytest
from playwright.sync_api import expect

from eigyo import exchange
from tests.people import (
    HIDDEN_FROM_RETAIL,
    OTHER_LOW,
    OWN_LOW,
    PIN,
    POINTS,
    load_points,
)

pytestmark = pytest.mark.browser
MANY = tuple(
    exchange.ExchangeRow(
        f"02{number:020d}",
        f"花巻　{number}",
        f"ハナマキ {number}",
        "025-0091",
        f"岩手県花巻市西大通り一丁目{number}番",
        "",
        "low",
        30000,
        "A",
        None,
        "",
        30000,
        "A",
        False,
    )
    for number in range(1001, 1061)
)


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def script(request) -> bool:
    return request.param


@pytest.fixture
def many(region) -> None:
    """More supply points than fit on a page."""
    load_points((*POINTS, *MANY))


def hides_everything(screen) -> None:
    """Nothing of another retailer's customer stands in the page."""
    assert [value for value in HIDDEN_FROM_RETAIL if value in screen.text] == []


class TestRetailClerk:
    def test_works_from_the_keyboard_alone(self, device, region):
        screen = device().enrols(region.retail_terminal)
        page = screen.page
        expect(page.get_by_label("職員証番号")).to_be_focused()
        page.keyboard.type("2000000001\n")
        expect(page.get_by_label("暗証番号（6桁）")).to_be_focused()
        page.keyboard.type(f"{PIN}\n")
        page.wait_for_url("**/start/purpose/**")
        page.keyboard.press("5")
        expect(page.get_by_role("radio").nth(4)).to_be_checked()
        page.keyboard.press("Enter")
        expect(page.get_by_label("現在の閲覧条件")).to_contain_text("当直対応")
        expect(page.locator("#q")).to_be_focused()
        page.keyboard.type("一番町二丁目\n")
        expect(page.get_by_role("heading", name="検索結果 3件")).to_be_visible()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(page.locator("tr[aria-selected=true]")).to_contain_text("一番町二丁目3番2号")
        page.keyboard.press("/")
        expect(page.locator("#q")).to_be_focused()
        assert page.locator("#q").input_value() == "一番町二丁目"
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("宮城県仙台市青葉区一番町二丁目4番8号")
        assert screen.complaints == []

    def test_signs_in_with_the_mouse_and_without_script(self, device, region):
        screen = device(java_script_enabled=False).enrols(region.retail_terminal).shows_card("2000000001")
        screen.page.get_by_text("停電・設備対応").click()
        screen.page.get_by_role("button", name="この目的で始める").click()
        expect(screen.page.get_by_role("alert")).to_contain_text("工事番号または停電番号を入力してください。")
        screen.page.get_by_label("受付番号・工事番号・内容").fill("T-77")
        screen.page.get_by_role("button", name="この目的で始める").click()
        expect(screen.page.get_by_label("現在の閲覧条件")).to_contain_text("停電・設備対応")

    def test_sees_own_points_whole_and_of_others_number_and_address(self, device, region, script):
        screen = device(java_script_enabled=script).taken_over_from(region.retail_clerk())
        screen.searches("一番町")
        expect(screen.row("一番町二丁目3番1号")).to_contain_text("髙橋　花子")
        expect(screen.row("一番町二丁目3番2号").locator(".mask")).to_have_count(2)
        hides_everything(screen)
        screen.page.goto(f"/points/{OTHER_LOW}/")
        expect(screen.page.get_by_text("契約者と容量の情報は閲覧対象外です")).to_be_visible()
        expect(screen.page.locator(".mask")).to_have_count(7)
        hides_everything(screen)
        screen.page.goto(f"/points/{OWN_LOW}/")
        expect(screen.page.get_by_text("髙橋　花子")).to_be_visible()
        assert screen.complaints == []

    @pytest.mark.parametrize("width", [1440, 320])
    def test_sees_masks_of_one_size_whatever_is_behind_them(self, device, region, width):
        screen = device(viewport={"width": width, "height": 900})
        screen.taken_over_from(region.retail_clerk()).searches(OWN_LOW[:20])
        masks = screen.page.locator(".mask")
        expect(masks).to_have_count(6)
        in_list, in_records = screen.sizes_of_masks(), set()
        for number in [row.number for row in POINTS if not row.own]:
            screen.page.goto(f"/points/{number}/")
            expect(masks).to_have_count(7)
            in_records |= screen.sizes_of_masks()
        assert in_list == {(136, 24)}
        assert len(in_records) == 1

    def test_finds_nobody_behind_a_name_that_is_not_theirs(self, device, region, script):
        screen = device(java_script_enabled=script).taken_over_from(region.retail_clerk())
        screen.searches("秘密")
        expect(screen.page.get_by_text("当てはまるものは見つかりません")).to_be_visible()
        assert screen.page.locator("table[data-rows]").count() == 0


class TestNwClerk:
    def test_looks_at_one_after_the_other_without_loading_the_page_again(self, device, region, many):
        screen = device().taken_over_from(region.nw_clerk()).searches("ハナマキ")
        screen.page.evaluate("window.sameDocument = true")
        for number in ("1003", "1001"):
            screen.row(f"花巻　{number}").get_by_role("link").click()
            panel = screen.page.locator("#panel")
            expect(panel).to_contain_text(f"花巻　{number}")
            expect(panel).to_contain_text("この閲覧は")
        assert screen.page.evaluate("window.sameDocument")
        assert screen.complaints == []

    def test_turns_the_page_and_comes_back(self, device, region, many, script):
        screen = device(java_script_enabled=script).taken_over_from(region.nw_clerk())
        screen.searches("ハナマキ")
        expect(screen.page.get_by_role("heading", name="検索結果 60件")).to_be_visible()
        rows = screen.page.locator("table[data-rows] tbody tr")
        expect(rows).to_have_count(50)
        screen.page.get_by_role("link", name="次へ").click()
        expect(rows).to_have_count(10)
        expect(rows.first).to_contain_text("花巻　1051")
        screen.page.get_by_role("link", name="前へ").click()
        expect(rows).to_have_count(50)
        assert screen.complaints == []

    def test_leaves_nothing_behind_after_signing_out_not_even_for_the_back_button(
        self, device, region, script
    ):
        screen = device(java_script_enabled=script).taken_over_from(region.nw_clerk())
        screen.searches("ヒミツ")
        screen.row("秘密　太郎").get_by_role("link").click()
        if script:
            screen.page.get_by_role("link", name="詳細を開く").click()
        screen.page.wait_for_url(f"**/points/{OTHER_LOW}/")
        expect(screen.page.get_by_text("022-098-7654")).to_be_visible()
        screen.page.get_by_role("button", name="利用を終える").click()
        screen.page.wait_for_url("**/start/**")
        for _ in range(3):
            screen.page.go_back()
            expect(screen.page.get_by_label("現在の閲覧条件")).to_have_count(0)
            assert "秘密" not in screen.text
            assert "022-098-7654" not in screen.text
        assert screen.complaints == []

    def test_is_told_of_a_fault_although_only_a_part_of_the_page_was_asked(self, device, region):
        screen = device().taken_over_from(region.nw_clerk())
        screen.page.locator("#q").evaluate("box => box.removeAttribute('maxlength')")
        screen.page.locator("#q").fill("長" * 121)
        screen.page.get_by_role("button", name="検索", exact=True).click()
        expect(screen.page.get_by_role("alert")).to_have_text("120文字以内で入力してください。")
        screen.searches("ヒミツ")
