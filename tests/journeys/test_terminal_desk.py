"""The terminal administrator gives a device out and takes it back while somebody works on it."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def opens_terminal(screen, number: str) -> None:
    """Find a terminal in the list and open it."""
    screen.page.get_by_role("link", name="端末台帳").first.click()
    screen.page.get_by_role("searchbox").fill(number)
    screen.page.get_by_role("button", name="さがす").click()
    screen.page.get_by_role("link", name=number, exact=True).click()
    expect(screen.page.get_by_role("heading", level=1)).to_have_text(number)


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_device_is_enrolled_used_and_stopped_in_the_middle_of_work(device, region, script):
    admin = device(java_script_enabled=script).enrols(region.office_terminal).signs_in("1000000003")
    opens_terminal(admin, "NW-0118")
    admin.page.get_by_role("button", name="登録コードを発行").click()
    code = admin.page.locator(".code").inner_text()

    clerk = device(java_script_enabled=script)
    clerk.page.goto("/terminal/")
    clerk.page.get_by_label("登録コード").fill(code)
    clerk.page.get_by_role("button", name="この端末を登録する").click()
    clerk.signs_in("1000000001").searches("一番町")
    expect(clerk.row("秘密　太郎")).to_be_visible()

    opens_terminal(admin, "NW-0118")
    assert code not in admin.text
    admin.page.get_by_label("理由").fill("盗難の疑い")
    admin.page.get_by_role("button", name="利用を停止").click()
    expect(admin.page.get_by_role("paragraph").filter(has_text="理由：盗難の疑い")).to_be_visible()

    clerk.row("秘密　太郎").get_by_role("link").click()
    expect(clerk.page.get_by_role("heading", level=1)).to_have_text("この端末は利用を停止しています")
    assert "T-105" in clerk.text
    assert "秘密" not in clerk.text
    clerk.page.goto("/points/")
    expect(clerk.page.get_by_text("T-105").first).to_be_visible()

    admin.page.get_by_role("button", name="停止を解除").click()
    expect(admin.page.get_by_text("端末の停止を解除しました。")).to_be_visible()
    clerk.page.goto("/start/")
    clerk.signs_in("1000000001").searches("一番町")
    assert admin.complaints == []


def test_a_form_with_a_fault_keeps_everything_and_says_what_is_wrong(device, region):
    admin = device().enrols(region.office_terminal).signs_in("1000000003")
    admin.page.get_by_role("link", name="区画の持ち主", exact=True).click()
    admin.page.get_by_role("link", name="登録する").click()
    admin.page.locator("#id_place").select_option(label="合同庁舎 3F 営業所")
    admin.page.locator("#id_kind").select_option(label="NW区画")
    admin.page.locator("#id_since").fill("2026-04-01T09:00")
    admin.page.get_by_role("button", name="保存する").click()
    expect(admin.page.get_by_role("alert")).to_contain_text("同じ期間に別の持ち主があります。")
    expect(admin.page.locator("#id_since")).to_have_value("2026-04-01T09:00")
    assert admin.page.locator("#id_place").locator("option:checked").inner_text() == "合同庁舎 3F 営業所"
