"""The pages of the life cycle, as each person has them in front of them."""

import re

import pytest

from terminals.choices import EntryControl
from terminals.models import Handover, LuRegistration, Terminal
from tests.people import Person
from tests.terminals.life import Life, status
from tests.terminals.pages import refused, saved, text


@pytest.fixture
def life(region) -> Life:
    return Life.begins(region)


@pytest.fixture
def hayashi(region) -> Person:
    return region.terminal_admin()


@pytest.fixture
def segawa(region) -> Person:
    return region.person("terminal_contractor").sits_at(region.contractor_terminal).signs_in("registry")


@pytest.fixture
def onishi(region) -> Person:
    return region.nw_clerk()


def buttons(by: Person, terminal: Terminal) -> set[str]:
    """The steps the terminal's page offers."""
    page = text(by.gets(f"/terminals/{terminal.pk}/"))
    return set(re.findall(rf"/terminals/{terminal.pk}/([a-z-]+)/\"", page)) - {
        *("edit", "code", "revoke", "certificates", "suspend", "resume"),
    }


def placement(region, place: str, **more) -> dict[str, object]:
    return {
        "holder": region.nw.pk,
        "place": region.places[place].pk,
        "lu": "LU0777",
        "who_can_enter": "区画の人と清掃員",
        "controls": [EntryControl.LOCKED],
        **more,
    }


def test_a_whole_life_is_led_through_the_pages(region, hayashi, segawa, onishi):
    saved(hayashi, "terminals", number="NW-0777", asset_number="A-777", serial_number="S-777")
    terminal = Terminal.objects.get(number="NW-0777")
    page = f"/terminals/{terminal.pk}/"

    def takes(by: Person, step: str, **given) -> None:
        assert step in buttons(by, terminal)
        answer = by.posts(f"{page}{step}/", given)
        assert answer.headers.get("Location") == page, text(answer)

    takes(segawa, "receive")
    takes(hayashi, "configure", **placement(region, "nw"))
    takes(segawa, "hand-over", reason="新規配備")
    assert "NW-0777を受け取る" in text(onishi.gets("/handovers/"))
    onishi.posts(f"/handovers/{Handover.objects.latest('pk').pk}/accept/")
    assert status(terminal) == "deployed"
    takes(segawa, "hand-back", to=region.contractor.pk, reason="更新")
    hand_back = Handover.objects.latest("pk")
    clerk = region.person("contractor_clerk").sits_at(region.contractor_terminal).signs_in()
    assert clerk.posts(f"/handovers/{hand_back.pk}/accept/").status_code == 404
    segawa.sits_at(region.contractor_terminal).signs_in("registry")
    segawa.posts(f"/handovers/{hand_back.pk}/accept/")
    assert status(terminal) == "deployed"  # the giver cannot accept


def test_only_what_is_possible_now_is_a_button(life, hayashi, segawa):
    terminal = life.bought()
    assert (buttons(hayashi, terminal), buttons(segawa, terminal)) == ({"receive"}, {"receive"})
    terminal = life.configured("NW-0778")
    assert buttons(hayashi, terminal) == {"hand-back", "correct"}
    assert buttons(segawa, terminal) == {"hand-over", "hand-back"}
    life.hands_over(terminal)
    assert buttons(segawa, terminal) == set()
    terminal = life.returned("NW-0779")
    assert (buttons(hayashi, terminal), buttons(segawa, terminal)) == ({"delete-lu", "correct"}, set())
    life.deletes(terminal)
    assert buttons(segawa, terminal) == {"confirm-lu-deletion"}
    assert "confirm-lu-deletion" not in buttons(hayashi, terminal)


def test_a_step_that_is_not_possible_now_says_so_and_changes_nothing(life, hayashi):
    terminal = life.returned()
    answer = hayashi.gets(f"/terminals/{terminal.pk}/configure/")
    assert (answer.status_code, "いまは、この操作ができません" in text(answer)) == (409, True)
    given = placement(life.region, "nw", lu="LU0999")
    refused(hayashi.posts(f"/terminals/{terminal.pk}/configure/", given), "いま「返却」です")
    assert status(terminal) == "returned"


def test_a_shared_room_is_refused_in_words_and_the_form_keeps_everything(life, hayashi):
    terminal = life.in_stock()
    given = placement(life.region, "lobby", who_can_enter="来訪者")
    body = refused(hayashi.posts(f"/terminals/{terminal.pk}/configure/", given), "共用区画です")
    assert 'value="来訪者"' in body
    assert 'value="LU0777"' in body
    assert not LuRegistration.objects.filter(terminal=terminal).exists()


def test_a_wire_lock_alone_is_refused_beside_the_question(life, hayashi):
    terminal = life.in_stock()
    given = placement(life.region, "nw", controls=[EntryControl.WIRE_LOCK])
    refused(hayashi.posts(f"/terminals/{terminal.pk}/configure/", given), "ワイヤーロックは盗難を防ぐだけ")


def test_an_lu_is_taken_as_a_japanese_keyboard_types_it(life, hayashi):
    terminal = life.in_stock()
    hayashi.posts(f"/terminals/{terminal.pk}/configure/", placement(life.region, "nw", lu="ｌｕ０７７７"))
    assert LuRegistration.objects.get(terminal=terminal).lu == "LU0777"


def test_a_handover_shows_only_to_those_it_concerns(life, region, onishi):
    handover = life.hands_over(life.configured())
    assert "NW-0777" in text(onishi.gets("/handovers/"))
    sato = region.retail_clerk()
    assert "NW-0777" not in text(sato.gets("/handovers/"))
    for what in ("accept", "decline"):
        assert sato.posts(f"/handovers/{handover.pk}/{what}/", {"reason": "x"}).status_code == 404
        assert onishi.posts(f"/handovers/999999/{what}/", {"reason": "x"}).status_code == 404
    assert Handover.objects.get(pk=handover.pk).declined_at is None


def test_declining_needs_a_reason(life, onishi):
    handover = life.hands_over(life.configured())
    refused(onishi.posts(f"/handovers/{handover.pk}/decline/", {"reason": " "}), "理由を入力してください。")
    assert onishi.posts(f"/handovers/{handover.pk}/decline/", {"reason": "破損"}).status_code == 302
    assert Handover.objects.get(pk=handover.pk).declined_reason == "破損"


def test_a_clerk_gives_back_the_terminal_of_the_own_company_and_no_other(region, onishi):
    page = f"/terminals/{region.nw_terminal.pk}/hand-back/"
    assert page in text(onishi.gets("/handovers/"))
    answer = onishi.posts(page, {"to": region.contractor.pk, "reason": "交換"})
    assert answer.headers["Location"] == "/handovers/"
    assert Handover.objects.get().terminal == region.nw_terminal
    assert onishi.gets(f"/terminals/{region.retail_terminal.pk}/hand-back/").status_code == 403
    assert onishi.gets("/terminals/999999/hand-back/").status_code == 404


def test_a_move_is_approved_by_somebody_else_on_the_page(life, hayashi, onishi):
    terminal = life.deployed()
    move = life.asks_to_move(terminal, by=life.segawa)
    assert "承認を待っています" in text(onishi.gets("/handovers/"))
    onishi.posts(f"/handovers/{move.pk}/accept/")
    assert status(terminal) == "relocating"
    assert "NW-0777の移設を承認" in text(hayashi.gets("/handovers/"))
    hayashi.posts(f"/handovers/{move.pk}/approve/")
    onishi.posts(f"/handovers/{move.pk}/accept/")
    assert status(terminal) == "deployed"


def test_the_line_of_time_tells_the_life_newest_first_with_both_clocks(life, hayashi):
    terminal = life.returned()
    hayashi.posts(f"/terminals/{terminal.pk}/suspend/", {"reason": "盗難の疑い"})
    page = text(hayashi.gets(f"/terminals/{terminal.pk}/")).split("これまでの経過")[1]
    told = [
        *("利用停止", "返却の受け取り", "配備の終わり", "配備の受け取り", "配備の始まり", "LU登録"),
    ]
    places = [page.index(word) for word in told]
    assert places == sorted(places)
    assert "配備 → 返却" in page
    assert "ほかに立ち入れる人：区画の人と清掃員" in page
    assert "記録 " in page  # it was entered later than it happened
    assert "停止の解除" not in page
    hayashi.posts(f"/terminals/{terminal.pk}/resume/")
    assert "停止の解除" in text(hayashi.gets(f"/terminals/{terminal.pk}/"))


def test_what_waits_for_a_deletion_is_listed_oldest_first_with_what_is_left(life, hayashi, segawa):
    for number in ("NW-0777", "NW-0778"):
        life.returned(number)
    life.deletes(Terminal.objects.get(number="NW-0777"))
    page = text(segawa.gets("/lu-deletions/"))
    assert page.index("NW-0777") < page.index("NW-0778")
    assert "LU0778 NW用" in page
    assert "LU0777 NW用" not in page
    assert "LU登録を読み返す" in page
    assert "LUを削除" in text(hayashi.gets("/lu-deletions/"))


def waiting(by: Person, address: str) -> str:
    """What the menu counts behind a line."""
    line = re.search(rf'<a href="{address}"[^>]*>(.*?)</a>', text(by.gets("/handovers/")), re.DOTALL)
    found = re.search(r'class="cnt">(\d+)<', line[1])
    return found[1] if found else ""


def test_the_menu_counts_what_waits_for_the_person_and_nobody_else(life, hayashi, onishi, segawa):
    life.hands_over(life.configured("NW-0777"))
    assert (waiting(hayashi, "/handovers/"), waiting(segawa, "/handovers/")) == ("1", "")
    life.gives_back(life.deployed("NW-0778"), by=life.person("officer"))
    assert (waiting(hayashi, "/handovers/"), waiting(segawa, "/handovers/")) == ("1", "1")
    assert waiting(onishi, "/handovers/") == ""  # a menu beside customer data counts nothing
    life.returned("NW-0779")
    assert waiting(segawa, "/lu-deletions/") == "1"
