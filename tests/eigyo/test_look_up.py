"""An NW clerk and a retail clerk look up supply points through the pages."""

import pytest
import time_machine
from django.utils import timezone

from tests.people import (
    HIDDEN_FROM_RETAIL,
    OTHER_HIGH,
    OTHER_LOW,
    OTHER_VACANT,
    OWN_HIGH,
    OWN_LOW,
    OWN_VACANT,
    UNKNOWN_NUMBER,
)

FULL_WIDTH = {ord(digit): chr(ord(digit) + 0xFEE0) for digit in "0123456789"}


@pytest.fixture
def still():
    """Stop the clock the pages show."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


def text(response) -> str:
    return response.content.decode()


def test_an_nw_clerk_sees_every_field_of_every_point(region, read_log):
    page = region.nw_clerk().gets(f"/points/{OTHER_HIGH}/")
    assert page.status_code == 200
    for value in ("株式会社機密冷蔵", "019-000-0001", "999", "888", "777", "高圧"):
        assert value in text(page)
    (entry,) = read_log.entries(action="open", point=OTHER_HIGH)
    assert entry["outcome"] == "allowed"
    assert len(entry["fields"]) == 10
    assert entry["masked"] == []
    assert (entry["person"], entry["terminal"], entry["card"]) == ("N-10001", "NW-0118", "1000000001")
    assert entry["purpose"] == "contract_inquiry"


def test_a_retail_clerk_sees_own_points_whole(region, read_log):
    page = region.retail_clerk().gets(f"/points/{OWN_HIGH}/")
    for value in ("株式会社青葉製作所", "022-055-0148", "480", "612.5", "200", "高圧"):
        assert value in text(page)
    (entry,) = read_log.entries(action="open", point=OWN_HIGH)
    assert entry["voltage_class"] == "high"


@pytest.mark.parametrize("number", [OTHER_LOW, OTHER_HIGH, OTHER_VACANT])
def test_a_retail_clerk_sees_number_and_address_only_of_others(region, read_log, number):
    page = region.retail_clerk().gets(f"/points/{number}/")
    assert page.status_code == 200
    body = text(page)
    assert body.count('class="mask"') == 7
    assert not [value for value in HIDDEN_FROM_RETAIL if value in body]
    (entry,) = read_log.entries(action="open", point=number)
    assert entry["outcome"] == "masked"
    assert set(entry["fields"]) == {"number", "address", "postal_code"}
    assert "voltage_class" not in entry


def test_a_vacant_own_point_says_that_nothing_is_recorded(region):
    body = text(region.retail_clerk().gets(f"/points/{OWN_VACANT}/"))
    assert "記録なし" in body
    assert 'class="mask"' not in body


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (OWN_LOW, [OWN_LOW]),
        ("021000000000000000000", [OWN_LOW, OTHER_LOW, OWN_HIGH, OTHER_HIGH, OTHER_VACANT, OWN_VACANT]),
        (OWN_LOW.translate(FULL_WIDTH), [OWN_LOW]),
        ("022-012-3456", [OWN_LOW]),
        ("022-098-7654", [OTHER_LOW]),
        ("一番町二丁目", [OWN_LOW, OTHER_LOW, OWN_HIGH]),
        ("一番町2丁目3番", [OWN_LOW, OTHER_LOW]),
        ("高橋", [OWN_LOW]),
        ("髙橋花子", [OWN_LOW]),
        ("たかはし", [OWN_LOW]),
        ("ﾀｶﾊｼ", [OWN_LOW]),
        ("青葉製作所", [OWN_HIGH]),
        ("ヒミツ", [OTHER_LOW]),
    ],
)
def test_an_nw_clerk_finds_points_by_number_phone_address_and_name(region, asked, found):
    body = text(region.nw_clerk().gets("/points/", data={"q": asked}))
    for number in (OWN_LOW, OTHER_LOW, OWN_HIGH, OTHER_HIGH, OTHER_VACANT, OWN_VACANT):
        assert (f'href="/points/{number}/"' in body) is (number in found), number


@pytest.mark.parametrize(
    "asked", ["022-098-7654", "秘密", "ヒミツ", "キミツレイゾウ", "機密冷蔵", "019-000-0001"]
)
def test_a_retail_clerk_searching_for_anothers_customer_gets_the_answer_for_nobody(region, still, asked):
    clerk = region.retail_clerk()
    kind = "phone" if asked[0] == "0" else "kana" if asked[0] in "ヒキ" else "name"
    nobody = {"phone": "022-099-9999", "kana": "ヌ" * len(asked), "name": "皆無皆無皆無"[: len(asked)]}[kind]
    answers = [
        text(clerk.gets("/points/", data={"q": words, "kind": kind, "match": "prefix"})).replace(words, "＊")
        for words in (asked, nobody)
    ]
    strip = [_without_links(answer) for answer in answers]
    assert strip[0] == strip[1]
    assert "見つかりません" in answers[0]


def _without_links(body: str) -> str:
    import re

    return re.sub(r'(href|value|content)="[^"]*"', "", re.sub(r"csrfmiddlewaretoken[^>]*", "", body))


def test_each_row_of_a_list_is_logged_as_read_and_so_is_the_search(region, read_log):
    region.retail_clerk().gets("/points/", data={"q": "一番町"})
    rows = read_log.entries(action="list")
    assert {entry["point"] for entry in rows} == {OWN_LOW, OTHER_LOW, OWN_HIGH}
    masked = next(entry for entry in rows if entry["point"] == OTHER_LOW)
    assert set(masked["fields"]) == {"number", "address"}
    assert set(masked["masked"]) == {"holder_name", "contract_capacity"}
    (search,) = read_log.entries(action="search")
    assert search["rows"] == 3
    assert search["query"]["kind"] == "address"


def test_a_search_that_finds_nothing_is_on_the_log_without_its_words(region, read_log):
    region.nw_clerk().gets("/points/", data={"q": "存在しない名前"})
    (search,) = read_log.entries(action="search")
    assert search["rows"] == 0
    assert not [line for line in read_log.texts() if "存在しない" in line]


def test_the_log_never_holds_a_customers_values(region, read_log):
    clerk = region.nw_clerk()
    clerk.gets(f"/points/{OTHER_LOW}/")
    clerk.gets("/points/", data={"q": "秘密"})
    for line in read_log.texts():
        assert not [value for value in ("秘密", "ヒミツ", "022-098-7654", "一番町") if value in line]


def test_printing_is_an_action_of_its_own(region, read_log):
    assert region.nw_clerk().gets(f"/points/{OWN_LOW}/print/").status_code == 200
    assert len(read_log.entries(action="print", point=OWN_LOW)) == 1


@pytest.mark.parametrize("number", [UNKNOWN_NUMBER, "abc", "02", OWN_LOW.translate(FULL_WIDTH)])
def test_a_number_that_does_not_exist_is_not_found(region, number):
    page = region.nw_clerk().gets(f"/points/{number}/")
    assert page.status_code == 404
    assert "見つかりません" in text(page)


def test_pages_follow_each_other_without_losing_or_repeating_a_row(region, settings):
    settings.PAGE_ROWS = 2
    import re

    clerk = region.nw_clerk()
    seen, url = [], "/points/?q=0210&kind=number"
    for _ in range(5):
        body = text(clerk.gets(url))
        seen += re.findall(r'class="main-link" href="/points/(\d{22})/"', body)
        onward = re.search(r'href="(\?[^"]*)" rel="next"', body)
        if not onward:
            break
        url = "/points/" + onward.group(1).replace("&amp;", "&")
    assert seen == sorted({OWN_LOW, OTHER_LOW, OWN_HIGH, OTHER_HIGH, OTHER_VACANT, OWN_VACANT})
    back = re.search(r'href="(\?[^"]*)" rel="prev"', body).group(1).replace("&amp;", "&")
    assert (
        re.findall(r'main-link" href="/points/(\d{22})/"', text(clerk.gets("/points/" + back))) == seen[2:4]
    )


def test_a_cursor_of_a_hidden_point_tells_a_retail_clerk_nothing(region, still):
    clerk = region.retail_clerk()
    base = {"q": "カブシキ", "kind": "kana"}
    hidden = text(clerk.gets("/points/", data=base | {"after": OTHER_HIGH}))
    absent = text(clerk.gets("/points/", data=base | {"after": UNKNOWN_NUMBER}))
    assert _without_links(hidden) == _without_links(absent)


def test_own_look_ups_are_listed_to_the_person_who_made_them_only(region):
    clerk = region.retail_clerk()
    clerk.gets(f"/points/{OWN_LOW}/")
    assert OWN_LOW in text(clerk.gets("/me/reads/"))
    colleague = region.person("other_retail_clerk").sits_at(region.retail_terminal).signs_in()
    assert OWN_LOW not in text(colleague.gets("/me/reads/"))


@pytest.mark.parametrize(
    "asked", ["", " ", "　", "%", "あ" * 121, "''; DROP TABLE contract; --", "\\", "_", "\x00x"]
)
def test_odd_search_words_never_end_in_an_error_page(region, asked):
    for person in (region.nw_clerk(), region.retail_clerk()):
        assert person.gets("/points/", data={"q": asked}).status_code in {200, 400}


def test_a_reading_without_any_key_finds_nothing_and_says_why(region, read_log):
    answer = region.nw_clerk().gets("/points/", data={"q": "佐藤", "kind": "phone"})
    assert "電話番号として探せる文字がありません" in text(answer)
    assert read_log.entries(action="search")[0]["rows"] == 0


def test_wildcards_are_searched_for_as_they_are(region):
    body = text(region.nw_clerk().gets("/points/", data={"q": "%花子", "kind": "name", "match": "prefix"}))
    assert OWN_LOW not in body
