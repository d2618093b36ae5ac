"""A terminal's whole life in front of the people who lead it: 林 sets, 瀬川 hands over, 大西 accepts."""

import pytest
from playwright.sync_api import expect

from terminals.models import LifeEvent, Terminal
from tests.people import make_terminal

pytestmark = pytest.mark.browser
HAYASHI, SEGAWA, ONISHI = "1000000003", "3000000002", "1000000001"


def opens(screen, terminal: Terminal) -> None:
    screen.page.goto(f"/terminals/{terminal.pk}/")
    expect(screen.page.get_by_role("heading", level=1)).to_have_text(terminal.number)


def presses(screen, terminal: Terminal, step: str, **typed: str) -> None:
    """Take one of the steps the terminal's page offers."""
    opens(screen, terminal)
    screen.page.get_by_role("link", name=step).click()
    for field, words in typed.items():
        screen.page.locator(f"#id_{field}").fill(words)
    screen.page.get_by_role("button", name=step).click()
    expect(screen.page.get_by_role("heading", level=1)).to_have_text(terminal.number)


def sets(screen, terminal: Terminal) -> None:
    """Fill in where the terminal goes; nobody is asked for its class."""
    opens(screen, terminal)
    screen.page.get_by_role("link", name="配備先を決めて設定する").click()
    assert screen.page.get_by_label("用途区分").count() == 0
    screen.page.locator("#id_holder").select_option(label="試験電力ネットワーク")
    screen.page.locator("#id_place").select_option(label="合同庁舎 1F 来訪者対応スペース（共用区画）")
    screen.page.locator("#id_lu").fill("nwu0777")
    screen.page.locator("#id_who_can_enter").fill("清掃員")
    screen.page.get_by_label("入室カードや鍵で").check()
    screen.page.get_by_role("button", name="配備先を決めて設定する").click()
    expect(screen.page.get_by_role("alert")).to_contain_text("共用区画です")
    assert screen.page.locator("#id_who_can_enter").input_value() == "清掃員"
    screen.page.locator("#id_place").select_option(label="合同庁舎 2F 配電センター（NW区画）")
    screen.page.get_by_role("button", name="配備先を決めて設定する").click()
    expect(screen.page.get_by_text("設定しました。")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_from_purchase_to_use_and_back_until_the_lu_is_read_back_as_gone(device, region, script):
    terminal = Terminal.objects.create(number="NW-0777", asset_number="A-777", serial_number="S-777")
    desk = make_terminal("NW-0306", "nw", region.contractor, region.places["training"])
    hayashi = device(java_script_enabled=script).enrols(region.office_terminal).signs_in(HAYASHI)
    segawa = device(java_script_enabled=script).enrols(desk).signs_in(SEGAWA)
    onishi = device(java_script_enabled=script).enrols(region.nw_terminal).signs_in(ONISHI)

    presses(segawa, terminal, "在庫に受け入れる")
    sets(hayashi, terminal)
    presses(segawa, terminal, "配備先へ渡す", reason="新規配備")
    onishi.page.get_by_role("link", name="受け渡し").first.click()
    onishi.page.get_by_role("button", name="NW-0777を受け取る").click()
    expect(onishi.page.get_by_text("NW-0777を受け取りました。")).to_be_visible()

    presses(hayashi, terminal, "返却に出す", reason="更新")
    segawa.page.goto("/handovers/")
    segawa.page.get_by_role("button", name="NW-0777を受け取る").click()
    expect(segawa.page.get_by_text("NW-0777を受け取りました。")).to_be_visible()
    opens(segawa, terminal)
    expect(segawa.page.get_by_text("LU削除が完了していません")).to_be_visible()
    expect(segawa.page.get_by_text("NWU0777").first).to_be_visible()

    hayashi.page.goto("/lu-deletions/")
    hayashi.page.get_by_role("link", name="LUを削除").click()
    hayashi.page.get_by_role("button", name="LUを削除").click()
    segawa.page.goto("/lu-deletions/")
    segawa.page.get_by_role("link", name="LU登録を読み返す").click()
    segawa.page.get_by_role("button", name="LU登録を読み返す").click()
    expect(segawa.page.get_by_text("読み返した結果：LU登録 0件")).to_be_visible()
    presses(hayashi, terminal, "再利用できると判定")

    kinds = LifeEvent.objects.filter(terminal=terminal).order_by("pk").values_list("kind", flat=True)
    assert [*kinds] == [
        *("received", "configured", "deployed", "returned", "lu_confirmed", "cleared"),
    ]
    heard = [said for screen in (hayashi, segawa, onishi) for said in screen.complaints]
    assert [said for said in heard if "400" not in said] == []  # the refused room is a 400


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_reader_types_code_after_code_without_anybody_touching_the_keyboard(device, region, script):
    segawa = device(java_script_enabled=script).enrols(region.contractor_terminal).signs_in(SEGAWA)
    segawa.page.get_by_role("link", name="棚卸").first.click()
    segawa.page.locator("#id_place").select_option(label="合同庁舎 2F 配電センター（NW区画）")
    segawa.page.get_by_role("button", name="読み取りを始める").click()
    for code in ("NW-0118", "RT-0412", "9999"):
        expect(segawa.page.locator("#code")).to_be_focused()
        segawa.page.keyboard.type(code)
        segawa.page.keyboard.press("Enter")
        expect(segawa.page.locator("tbody th", has_text=code)).to_be_visible()
    for words in ("登録どおり", "別の場所", "登録なし"):
        expect(segawa.page.locator("tbody .tag", has_text=words)).to_be_visible()
    segawa.page.get_by_role("button", name="棚卸を終える").click()
    expect(segawa.page.get_by_text("棚卸を終えました。")).to_be_visible()
    expect(segawa.page.locator("#code")).to_have_count(0)
    assert segawa.complaints == []
