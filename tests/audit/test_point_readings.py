"""誰が見たか: what an officer tells a customer of one supply point, and what is kept back for a while."""

import re
from datetime import datetime, timedelta
from functools import partial

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from audit import readings, review
from audit.choices import Withheld
from audit.entry import Actor
from tests.guarantees.markup import Node, tree
from tests.people import OTHER_LOW, UNKNOWN_NUMBER

PAGE, SHEET = f"/audit/points/{OTHER_LOW}/", f"/audit/points/{OTHER_LOW}/answer/"
WHY = "内部調査 2026-031"
OFFICER = Actor(person="N-10002")


@pytest.fixture(autouse=True)
def nothing_withheld(region):
    """Begin and end with every withholding released; their words stay."""

    def release_all():
        at = timezone.now()
        for each in readings.withholdings(at=at):
            review.release(
                kind=each.kind, subject=each.subject, reason="試験の終わり", by=OFFICER, at=at, request="test"
            )

    release_all()
    yield
    release_all()


@pytest.fixture
def officer(region, empty_log):
    """大西 (NW) opened the point for an outage, 佐藤 (retail) got number and address; 木下 was refused."""
    clerk = region.nw_clerk()
    clerk.posts("/start/purpose/", {"purpose": "outage", "reference": "停電-77"})
    clerk.gets(f"/points/{OTHER_LOW}/")
    region.retail_clerk().gets(f"/points/{OTHER_LOW}/")
    region.person("contractor_clerk").sits_at(region.retail_terminal).tries_to_sign_in()
    return region.officer()


def withhold(kind: Withheld, subject: str, *, days: float = 3) -> None:
    at = timezone.now()
    until = at + timedelta(days=days)
    review.withhold(kind=kind, subject=subject, until=until, reason=WHY, by=OFFICER, at=at, request="test")


@pytest.mark.parametrize("by", ["N-10001", "R-20001", "N-10004", ""])
def test_nobody_but_officer_and_auditor_reads_the_log_even_past_the_page(
    region, read_log, asked_of_worker, by
):
    at = timezone.now()
    for deed in (
        partial(review.consult, {"entry": "1"}, by=Actor(person=by), at=at, request="test"),
        partial(review.ask_verification, by=by, at=at),
        partial(review.save_condition, name="今日", query="period=24h", by=by, at=at),
        partial(review.forget_condition, 1, by=by, at=at),
    ):
        with pytest.raises(PermissionDenied, match="担当だけ"):
            deed()
    assert list(read_log.entries()) == []
    assert asked_of_worker(review.VERIFY) == []


@pytest.mark.parametrize("by", ["N-10005", "N-10001", ""], ids=["the auditor", "a clerk", "nobody"])
def test_nobody_else_decides_what_is_withheld_even_past_the_page(region, by):
    at = timezone.now()
    given = {"kind": Withheld.POINT, "subject": OTHER_LOW, "reason": WHY, "at": at}
    given |= {"by": Actor(person=by), "request": "test"}
    for deed in (
        partial(review.withhold, until=at + timedelta(days=1), **given),
        partial(review.release, **given),
    ):
        with pytest.raises(PermissionDenied, match="情報管理・点検の担当だけ"):
            deed()
    assert readings.withholdings(at=at) == []


def asked(officer, url: str) -> Node:
    answer = officer.gets(url)
    assert answer.status_code == 200
    return tree(answer.content.decode())


def told(page: Node) -> list[str]:
    """The lines of the answer, as text."""
    table = page.first("table", "told")
    return [row.text for row in next(table.all("tbody")).all("tr")] if table else []


def sheet(officer, point: str = OTHER_LOW) -> str:
    """The text of the sheet without the number it is about."""
    (section,) = asked(officer, f"/audit/points/{point}/answer/").all("main")
    return re.sub(r"\s+", " ", section.text).replace(" ", "").replace(point, "")


def test_a_customer_is_told_when_who_for_what_and_which_fields_but_no_staff(officer):
    first, second = told(asked(officer, SHEET))
    for words in ("試験電力ネットワーク", "託送契約課", "停電・設備対応", "詳細", "契約名義", "電話番号"):
        assert words in first
    assert "試験電力" in second
    assert "供給地点特定番号、郵便番号、供給地点住所" in second
    assert "電話番号" not in second
    assert "年" in first
    whole = sheet(officer)
    assert not [name for name in ("大西", "佐藤", "木下", "吉岡", "N-10001") if name in whole]


def test_staff_are_named_only_when_the_officer_chooses_so(officer):
    assert "大西 誠" in " ".join(told(asked(officer, f"{SHEET}?names=on")))
    assert "大西 誠" not in " ".join(told(asked(officer, PAGE)))


def test_only_the_days_asked_for_are_in_the_answer(read_log, officer):
    opened = read_log.entries(action="open")[0]
    day = timezone.localdate(datetime.fromisoformat(opened["at"]))
    tomorrow, yesterday = (f"{day + timedelta(days=days)}" for days in (1, -1))
    assert told(asked(officer, f"{SHEET}?first={tomorrow}&last={tomorrow}")) == []
    assert told(asked(officer, f"{SHEET}?first={yesterday}&last={yesterday}")) == []
    assert len(told(asked(officer, f"{SHEET}?first={yesterday}&last={tomorrow}"))) == 2


def test_days_in_the_wrong_order_are_named(officer):
    answer = officer.gets(f"{PAGE}?first=2026-11-02&last=2026-11-01")
    assert answer.status_code == 400
    assert "終了日は開始日より後の日に" in answer.content.decode()


def test_the_question_leads_to_the_point_and_says_when_a_number_is_none(officer):
    answer = officer.gets("/audit/points/", data={"number": OTHER_LOW})
    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    answer = officer.gets("/audit/points/", data={"number": "12"})
    assert answer.status_code == 400
    assert "22桁の数字" in answer.content.decode()
    assert officer.gets("/audit/points/12/").status_code == 404


def test_looking_and_printing_are_on_the_log_each_in_its_own_words(officer, read_log):
    officer.gets(f"{PAGE}?names=on")
    officer.gets(SHEET)
    (look,) = read_log.entries(action="read_log")
    (printed,) = read_log.entries(action="export_log")
    assert (look["query"]["disclosure"], look["query"]["names"]) == (OTHER_LOW, "1")
    assert printed["query"]["disclosure"] == OTHER_LOW
    assert "names" not in printed["query"]


class TestWithheld:
    @pytest.mark.parametrize(
        ("kind", "subject", "kept", "remaining"),
        [
            (Withheld.PERSON, "N-10001", "大西", ["営業部"]),
            (Withheld.PERSON, "R-20001", "佐藤", ["託送契約課"]),
            (Withheld.CASE, "停電-77", "大西", ["営業部"]),
            (Withheld.POINT, OTHER_LOW, "佐藤", []),
            (Withheld.POINT, UNKNOWN_NUMBER, "", ["託送契約課", "営業部"]),
            (Withheld.CASE, "停電-7", "", ["託送契約課", "営業部"]),
        ],
    )
    def test_lines_are_left_out_and_the_officer_sees_which(self, officer, kind, subject, kept, remaining):
        withhold(kind, subject)
        lines = told(asked(officer, SHEET))
        assert len(lines) == len(remaining)
        assert all(words in line for words, line in zip(remaining, lines, strict=True))
        shown = asked(officer, PAGE)
        assert len(told(shown)) == len(remaining)
        section = shown.first("section", "withheld")
        assert (section is not None) == bool(kept)
        if section:
            assert kept in section.text
            assert WHY in section.text

    def test_the_sheet_of_a_withheld_point_is_that_of_a_point_nobody_read(self, officer):
        assert sheet(officer) != sheet(officer, UNKNOWN_NUMBER)
        withhold(Withheld.POINT, OTHER_LOW)
        assert sheet(officer) == sheet(officer, UNKNOWN_NUMBER)
        assert "お知らせできる閲覧の記録はありません" in sheet(officer)

    def test_the_sheet_says_the_same_of_what_is_left_out_whether_or_not_something_is(self, officer):
        sentence = "法令などにより、お知らせできない記録がある場合があります。"
        assert sentence in sheet(officer)
        withhold(Withheld.PERSON, "N-10001")
        assert sentence in sheet(officer)
        assert "保留" not in sheet(officer)

    def test_it_ends_by_itself(self, officer):
        at = timezone.now()
        withhold(Withheld.POINT, OTHER_LOW, days=1)
        (word,) = readings.withholdings(at=at)
        assert readings.withholdings(at=word.until) == []
        assert readings.withholdings(at=word.until - timedelta(microseconds=1)) == [word]

    def test_the_newest_word_on_a_subject_counts(self, officer):
        withhold(Withheld.POINT, OTHER_LOW, days=30)
        withhold(Withheld.POINT, OTHER_LOW, days=-1)
        assert len(told(asked(officer, SHEET))) == 2

    def test_an_officer_withholds_through_a_day_and_ends_it_with_a_reason(self, officer, read_log):
        last = (timezone.localtime() + timedelta(days=2)).date()
        given = {"kind": "point", "subject": OTHER_LOW, "last": last.isoformat(), "reason": WHY}
        assert officer.posts("/audit/withholdings/new/", given).status_code == 302
        (word,) = readings.withholdings(at=timezone.now())
        assert (word.reason, word.said_by) == (WHY, "N-10002")
        assert timezone.localtime(word.until).isoformat() == f"{last + timedelta(days=1)}T00:00:00+09:00"
        assert f"{last:%Y/%m/%d}" in asked(officer, "/audit/withholdings/").text
        assert told(asked(officer, SHEET)) == []
        ended = {"kind": "point", "subject": OTHER_LOW, "reason": "調査を終えた"}
        assert officer.posts("/audit/withholdings/end/", ended).status_code == 302
        assert len(told(asked(officer, SHEET))) == 2
        begun, end = read_log.entries(action="withhold_log")
        assert (begun["person"], begun["query"]["point"], begun["query"]["reason"]) == (
            "N-10002",
            OTHER_LOW,
            WHY,
        )
        assert end["query"]["reason"] == "調査を終えた"

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"last": "2026-01-01"}, "今日か、それより後の日"),
            ({"subject": "12"}, "22桁の数字"),
            ({"reason": ""}, "必須"),
            ({"last": "あした"}, "「2026-11-22」の形"),
        ],
    )
    def test_a_fault_is_named_and_nothing_is_withheld(self, officer, wrong, said):
        given = {"kind": "point", "subject": OTHER_LOW, "last": "2099-01-01", "reason": WHY} | wrong
        answer = officer.posts("/audit/withholdings/new/", given)
        assert answer.status_code == 400
        assert said in answer.content.decode()
        assert readings.withholdings(at=timezone.now()) == []

    def test_an_auditor_reads_the_list_and_changes_nothing(self, officer, region):
        withhold(Withheld.POINT, OTHER_LOW)
        auditor = region.person("auditor").sits_at(region.office_terminal).signs_in("log_review")
        page = asked(auditor, "/audit/withholdings/")
        assert WHY in page.text
        assert [form.attributes["action"] for form in page.first("main").all("form")] == []
        ended = {"kind": "point", "subject": OTHER_LOW, "reason": "不要"}
        assert auditor.posts("/audit/withholdings/end/", ended).status_code == 403

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit.withholding SET until = now()",
            "DELETE FROM audit.withholding",
            "TRUNCATE audit.withholding",
            "SELECT count(*) FROM audit.withholding",
        ],
    )
    def test_its_words_can_be_added_to_and_by_the_web_process_not_even_read(
        self, officer, as_login, statement
    ):
        withhold(Withheld.POINT, OTHER_LOW)
        with as_login("eigyo_app") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)

    def test_its_words_are_not_changed_even_by_their_owner(self, officer, log_owner):
        withhold(Withheld.POINT, OTHER_LOW)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            log_owner.execute("DELETE FROM audit.withholding")
