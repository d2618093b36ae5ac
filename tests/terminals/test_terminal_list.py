"""The list of terminals: narrowed, kept under a name, and many steps at once behind a count."""

import re
from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from terminals.listing import SALT
from terminals.models import LifeEvent, SavedView, Terminal
from tests.people import Person, make_terminal
from tests.terminals.life import Life
from tests.terminals.pages import refused, text


@pytest.fixture
def life(region) -> Life:
    life = Life.begins(region)
    life.at = timezone.now() - timedelta(hours=1)
    return life


@pytest.fixture
def hayashi(region) -> Person:
    return region.terminal_admin()


def listed(by: Person, **given) -> set[str]:
    """The terminals the list shows."""
    return set(re.findall(r'class="main-link"[^>]*>([^<]+)<', text(by.gets("/terminals/", data=given))))


def chooses(by: Person, *terminals: Terminal):
    return by.posts("/terminals/chosen/", {"pick": [each.pk for each in terminals]})


def chooses_all(by: Person, query: str):
    """Press the button that takes the whole filter as the list shows it."""
    page = text(by.gets(f"/terminals/?{query}"))
    return by.posts("/terminals/chosen/", {"all": re.search(r'name="all" value="([^"]+)"', page)[1]})


def selection(answer) -> str:
    return re.search(r'name="selection" value="([^"]+)"', text(answer))[1]


def carries_out(by: Person, chosen, step: str, reason: str = "点検"):
    given = {"selection": selection(chosen), "step": step, "reason": reason}
    return by.posts("/terminals/chosen/carry-out/", given)


class TestFilter:
    def test_narrows_by_each_of_what_is_known(self, life, region, hayashi):
        bare = life.bought("NW-0700")
        returned = life.returned("NW-0701")
        Terminal.objects.filter(pk=region.retail_terminal.pk).update(
            suspended_at=timezone.now(), suspended_reason="点検"
        )
        for given, wanted in (
            ({"status": "procured"}, {bare.number}),
            ({"status": "returned"}, {returned.number}),
            ({"terminal_class": "retail"}, {"RT-0412"}),
            ({"terminal_class": "none"}, {bare.number}),
            ({"holder": region.contractor.pk}, {"NW-0305"}),
            ({"suspended": "yes"}, {"RT-0412"}),
            ({"lu_deletion": "yes"}, {returned.number}),
            ({"q": "0412"}, {"RT-0412"}),
            ({"terminal_class": "nw", "holder": region.nw.pk}, {"NW-0118", "NW-0001"}),
        ):
            assert listed(hayashi, **given) == wanted, given
        building = region.places["nw"].building_id
        assert listed(hayashi, building=building) == {"NW-0118", "RT-0412", "NW-0001", "NW-0305"}

    def test_shows_nothing_for_a_filter_nobody_offered(self, region, hayashi):
        assert listed(hayashi, status="lent") == set()
        assert listed(hayashi, holder="999999") == set()

    def test_says_what_is_in_force_and_how_to_take_it_away(self, region, hayashi):
        page = text(hayashi.gets("/terminals/?status=deployed&terminal_class=nw"))
        assert re.search(
            r'href="/terminals/\?terminal_class=nw"><span class="k">状態</span><b>配備</b>', page
        )

    def test_is_kept_under_a_name_by_one_person(self, region, hayashi):
        given = {"name": "配備中のNW用", "query": "status=deployed&terminal_class=nw&page=7&next=//x"}
        answer = hayashi.posts("/terminals/views/", given)
        assert answer.headers["Location"] == "/terminals/?status=deployed&terminal_class=nw"
        kept = SavedView.objects.get()
        assert (kept.person, kept.query) == ("N-10003", "status=deployed&terminal_class=nw")
        assert "配備中のNW用" in text(hayashi.gets("/terminals/"))
        auditor = region.person("auditor").sits_at(region.nw_terminal).signs_in("log_review")
        assert "配備中のNW用" not in text(auditor.gets("/terminals/"))
        auditor.posts(f"/terminals/views/{kept.pk}/forget/")
        assert SavedView.objects.exists()
        hayashi.posts(f"/terminals/views/{kept.pk}/forget/")
        assert not SavedView.objects.exists()


class TestBulk:
    def test_shows_the_count_before_anything_happens(self, life, region, hayashi):
        chosen = chooses(hayashi, region.nw_terminal, region.retail_terminal)
        assert "2台をまとめて手続き" in text(chosen)
        assert not Terminal.objects.filter(suspended_at__isnull=False).exists()
        carries_out(hayashi, chosen, "suspend")
        stopped = Terminal.objects.filter(suspended_at__isnull=False).values_list("number", flat=True)
        assert set(stopped) == {"NW-0118", "RT-0412"}

    def test_takes_each_terminal_through_its_journal_in_somebodys_name(self, life, hayashi):
        life.bought("NW-0700")
        life.bought("NW-0701")
        carries_out(hayashi, chooses_all(hayashi, "status=procured"), "receive")
        entries = LifeEvent.objects.filter(kind="received")
        assert {(entry.terminal.number, entry.by.name) for entry in entries} == {
            ("NW-0700", "林 亜希子"),
            ("NW-0701", "林 亜希子"),
        }

    def test_is_refused_when_the_filter_holds_another_number_by_now(self, life, hayashi):
        life.bought("NW-0700")
        chosen = chooses_all(hayashi, "status=procured")
        life.bought("NW-0701")
        body = refused(carries_out(hayashi, chosen, "receive"), "確認したのは1台でしたが、いまは2台です。")
        assert 'value="点検"' in body
        assert not LifeEvent.objects.filter(kind="received").exists()

    def test_is_all_or_nothing_and_says_which_terminal_cannot(self, life, region, hayashi):
        good, bad = life.in_stock("NW-0700"), region.nw_terminal
        refused(
            carries_out(hayashi, chooses(hayashi, good, bad), "retire"),
            "NW-0118は、いま「配備」です",
            "1台も変更していません",
        )
        assert Terminal.objects.get(pk=good.pk).status == "in_stock"

    def test_needs_terminals_a_step_and_a_reason(self, region, hayashi):
        refused(chooses(hayashi), "端末を選んでください。")
        strange = {"pick": ["x", "-1", "9" * 40]}
        refused(hayashi.posts("/terminals/chosen/", strange), "端末を選んでください。")
        chosen = chooses(hayashi, region.nw_terminal)
        refused(carries_out(hayashi, chosen, "suspend", reason=" "), "理由を入力してください。")
        refused(carries_out(hayashi, chosen, "explode"), "正しく選択してください")
        refused(carries_out(hayashi, chosen, ""), "することを選んでください。")

    def test_believes_no_selection_it_has_not_signed(self, region, hayashi):
        forged = signing.dumps({"picked": [region.nw_terminal.pk], "count": 1}, key="x", salt=SALT)
        for token in ("", "x", forged):
            given = {"selection": token, "step": "suspend", "reason": "x"}
            refused(hayashi.posts("/terminals/chosen/carry-out/", given), "確かめられません")
        assert not Terminal.objects.filter(suspended_at__isnull=False).exists()

    def test_is_not_offered_to_those_who_only_look_or_hand_over(self, region):
        for who, purpose in (("auditor", "log_review"), ("terminal_contractor", "registry")):
            person = region.person(who).sits_at(region.office_terminal).signs_in(purpose)
            page = text(person.gets("/terminals/"))
            assert 'name="pick"' not in page
            assert "まとめて手続き" not in page
            assert chooses(person, region.nw_terminal).status_code == 403

    def test_takes_no_more_at_once_than_one_can_answer_for(self, region, hayashi, monkeypatch):
        monkeypatch.setattr("terminals.listing.MOST_AT_ONCE", 2)
        make_terminal("NW-0500", "nw", region.nw, region.places["nw"])
        refused(chooses_all(hayashi, "status=deployed"), "一度にできるのは2台までです")
