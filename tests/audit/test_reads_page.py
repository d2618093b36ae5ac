"""A compliance officer searches the read log; every such read is on the log itself."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accesscontrol.choices import CardKind
from accesscontrol.clearance import Level, Side
from accesscontrol.situation import Situation, claims
from audit import log, queries, words
from terminals.choices import ZoneKind
from terminals.queries import recognise
from tests.audit.conftest import entry, rows_read
from tests.guarantees.markup import tree
from tests.people import OTHER_LOW, OWN_LOW, UNKNOWN_NUMBER


@pytest.fixture
def some_reads(region, empty_log):
    """An NW clerk opened a point, a retail clerk got a masked one, a wrong pair was refused."""
    region.nw_clerk().gets(f"/points/{OTHER_LOW}/")
    region.retail_clerk().gets(f"/points/{OTHER_LOW}/")
    region.person("retail_clerk").sits_at(region.nw_terminal).tries_to_sign_in()
    return region


def body(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_shows_who_read_what_with_which_result(some_reads):
    page = body(some_reads.officer().gets("/audit/reads/"))
    for said in ("大西 誠", "佐藤 花子", OTHER_LOW, "閲覧対象外", "拒否", "C-201", "契約照会対応"):
        assert said in page


def lines(answer) -> list[str]:
    """The lines of the list, as text."""
    found = tree(body(answer)).first("table", "log")
    return [row.text for row in next(found.all("tbody")).all("tr")] if found else []


@pytest.mark.parametrize(
    ("condition", "there", "absent"),
    [
        ({"terminal": "NW-0118"}, "大西 誠", "RT-0412"),
        ({"card": "2000000001"}, "佐藤 花子", "大西 誠"),
        ({"person": "N-10001"}, "大西 誠", "佐藤 花子"),
        ({"outcome": "refused"}, "C-201", "詳細"),
        ({"action": "open"}, "詳細", "利用開始"),
        ({"purpose": "contract_inquiry"}, "契約照会対応", "利用開始"),
        ({"flags": "exception"}, "拒否", "許可"),
        ({"flags": "not_own"}, "佐藤 花子", "大西 誠"),
        ({"flags": ["not_own", "exception"]}, "閲覧対象外", "拒否"),
    ],
)
def test_the_conditions_narrow_the_list(some_reads, condition, there, absent):
    found = lines(some_reads.officer().gets("/audit/reads/", data=condition))
    assert [line for line in found if there in line]
    assert [line for line in found if absent in line] == []


def test_a_search_that_finds_nothing_says_what_to_do(region):
    answer = region.officer().gets("/audit/reads/", data={"point": UNKNOWN_NUMBER})
    assert lines(answer) == []
    assert "期間を広げるか、条件を減らして" in body(answer)


def test_each_read_of_the_log_is_logged_with_its_conditions(some_reads, read_log):
    officer = some_reads.officer()
    officer.gets("/audit/reads/", data={"person": "N-10001"})
    (entry,) = read_log.entries(action="read_log")
    assert entry["person"] == "N-10002"
    assert entry["query"]["person"] == "N-10001"


def test_one_entry_is_shown_whole_with_links_to_its_neighbours(some_reads):
    officer = some_reads.officer()
    number = re.search(
        r"/audit/reads/(\d+)/", body(officer.gets("/audit/reads/", data={"action": "open"}))
    ).group(1)
    page = body(officer.gets(f"/audit/reads/{number}/"))
    assert "供給地点特定番号" in page
    assert "記録の原文" in page
    assert "?point=" in page


def in_words(officer, action: str) -> str:
    """What the page of the newest entry of an action says, without its original text."""
    found = re.search(r"/audit/reads/(\d+)/", body(officer.gets("/audit/reads/", data={"action": action})))
    page = body(officer.gets(found.group()))
    return re.sub(r"<[^>]+>", "", page.split("<main")[1].split("<details")[0])


def test_one_entry_says_everything_in_words_and_nothing_in_codes(some_reads):
    page = in_words(some_reads.officer(), "open")
    for said in (
        "（個人）",
        "小売用",
        "（小売区画）",
        "職員証の種別：どちらの側も可",
        "用途区分：小売",
        "いまの所属：小売",
    ):
        assert said in page
    assert not re.search(r"\b(individual|retail|any|full|nobody|\w+_\w+)\b", page)


def test_a_search_is_told_in_words_with_its_term_as_a_hash(region):
    region.nw_clerk().gets("/points/", data={"q": "一番町"})
    page = in_words(region.officer(), "search")
    for said in ("探した項目：供給地点住所", "一致のしかた：", "検索語のハッシュ：", "自社分だけ：いいえ"):
        assert said in page
    assert "一番町" not in page


def test_a_read_of_the_log_tells_its_conditions_in_words(region):
    officer = region.officer()
    officer.gets("/audit/reads/", data={"outcome": "refused", "since": "2026-01-02T03:04"})
    page = in_words(officer, "read_log")
    assert "操作：閲覧記録の閲覧" in page
    last_hour = {"since": timezone.now() - timedelta(hours=1), "until": timezone.now()}
    found = queries.search(queries.Condition(**last_hour, action="read_log"), cursor=None, rows=5)
    assert any({"開始：2026/01/02 03:04", "結果：拒否"} <= set(line.query) for line in found.lines)


def test_every_claim_and_choice_has_its_word(region):
    at = timezone.now()
    made = claims(Situation(terminal=recognise(region.nw_terminal, at), card=None, at=at))
    assert len(made) == len(settings.ACCESS_CLAIMS)
    assert [claim.name for claim in made if words.word("claim", claim.name) == claim.name] == []
    codes = {"side": Side, "level": Level, "card_kind": CardKind, "zone": ZoneKind}
    assert [
        (kind, code) for kind, every in codes.items() for code in every if words.word(kind, code) == code
    ] == []


def test_an_entry_that_does_not_exist_is_not_found(region):
    assert region.officer().gets("/audit/reads/999999999/").status_code == 404


def test_a_sealed_entry_is_found_by_its_number_without_reading_the_log(sealed_log):
    """Entries have no index by number: the time of the leaf leads there."""
    receipts = log.append([entry() for _ in range(300)])
    sealed_log.seals()
    with transaction.atomic(using="log"):
        before = rows_read("log")
        assert queries.entry(receipts[150].number).number == receipts[150].number
        assert rows_read("log") - before < 10


def test_an_entry_that_is_not_sealed_yet_is_found_by_its_number(sealed_log):
    (first,) = log.append([entry()])
    assert queries.entry(first.number).number == first.number
    sealed_log.seals()
    (second,) = log.append([entry()])
    assert queries.entry(second.number).number == second.number


def test_no_customers_value_is_on_any_page_of_the_log(some_reads):
    officer = some_reads.officer()
    pages = [body(officer.gets("/audit/reads/"))]
    pages += [body(officer.gets(url)) for url in set(re.findall(r"/audit/reads/\d+/", pages[0]))]
    for page in pages:
        assert not [value for value in ("秘密", "ヒミツ", "022-098-7654", "髙橋", "一番町") if value in page]


@pytest.mark.parametrize("who", ["nw_clerk", "retail_clerk", "terminal_admin", "card_desk"])
def test_other_duties_do_not_read_the_log(region, who):
    person = region.person(who).sits_at(
        region.retail_terminal if who == "retail_clerk" else region.office_terminal
    )
    assert person.signs_in("other").gets("/audit/reads/").status_code == 403


def test_bad_conditions_are_named_and_kept(region):
    answer = region.officer().gets(
        "/audit/reads/", data={"since": "きのう", "point": "12", "person": "N-10001"}
    )
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "開始の日時を" in page
    assert "22桁の数字" in page
    assert 'value="N-10001"' in page


def test_pages_of_the_log_follow_each_other_without_losing_an_entry(some_reads, monkeypatch):
    from audit import views

    monkeypatch.setattr(views, "ROWS", 2)
    officer = some_reads.officer()
    url, seen = "/audit/reads/?action=sign_in", []
    while url:
        page = body(officer.gets(url))
        numbers = [int(found) for found in re.findall(r'main-link" href="/audit/reads/(\d+)/"', page)]
        seen += numbers
        onward = re.search(r'rel="next" href="(\?[^"]+)"', page)
        url = "/audit/reads/" + onward.group(1).replace("&amp;", "&") if onward and len(seen) < 60 else ""
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) >= 4


def test_the_web_process_may_read_its_own_users_look_ups_but_no_payload(region):
    from django.db import ProgrammingError, connections

    with (
        connections["default"].cursor() as cursor,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        cursor.execute("SELECT payload FROM audit.entry LIMIT 1")


def test_a_process_without_the_logs_reader_says_so(region, monkeypatch):
    from django.db import connections

    officer = region.officer()
    monkeypatch.delitem(connections.settings, "log")
    monkeypatch.delattr(connections._connections, "log", raising=False)
    assert officer.gets("/audit/reads/").status_code == 421


def test_a_cursor_of_nonsense_reads_as_the_first_page(some_reads):
    assert some_reads.officer().gets("/audit/reads/", data={"older": "x_y"}).status_code == 200


def test_times_opened_counts_one_persons_own_reads(region):
    since = timezone.now()
    region.nw_clerk().gets(f"/points/{OWN_LOW}/")
    assert queries.times_opened("N-10001", OWN_LOW, since=since) == 1
    assert queries.times_opened("R-20001", OWN_LOW, since=since) == 0
