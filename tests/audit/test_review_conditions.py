"""The officer's conditions: flags, periods that move, pivots, figures that say what they count, kept searches."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from audit import chart, flags, forms, overview, queries, review
from audit.choices import Action, Flag, Outcome, Period
from audit.entry import Actor
from audit.models import SavedCondition
from tests.audit.conftest import FORGET_VALUES, entry
from tests.guarantees.markup import tree
from tests.people import OTHER_LOW

NIGHT = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)  # 22:00 in Tokyo
MORNING = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)  # 6:00 in Tokyo, the 21st
A_MOMENT = timedelta(microseconds=1)
WHOLE = {"since": NIGHT - timedelta(days=1), "until": NIGHT + timedelta(days=2)}


@pytest.fixture
def night_and_day(empty_log, superuser):
    """Entries around both edges of the night, of both sides, own and not, for two purposes."""
    times = [NIGHT - A_MOMENT, NIGHT, MORNING - A_MOMENT, MORNING]
    for at in times:
        for side, own in (("retail", False), ("retail", True), ("nw", False), ("nw", None)):
            for purpose in ("night_duty", "contract_inquiry"):
                made = entry(
                    actor=Actor(person="X-90001", side=side, purpose=purpose),
                    own=own,
                    outcome=Outcome.MASKED if (side, own) == ("retail", False) else Outcome.ALLOWED,
                )
                superuser.execute(
                    "INSERT INTO entry (logged_at, payload) VALUES (%s, %s)", [at, made.payload()]
                )


def found(**condition) -> list[queries.Line]:
    condition = queries.Condition(**WHOLE | condition)
    return queries.search(condition, cursor=None, rows=1000).lines


class TestFlags:
    @pytest.mark.parametrize("flag", Flag)
    def test_a_search_finds_exactly_the_lines_that_carry_the_flag(self, night_and_day, flag):
        carrying = {line.number for line in found() if flag in flags.of(line.detail, line.logged_at)}
        assert carrying
        assert len(carrying) < len(found())
        assert {line.number for line in found(flags=(flag.value,))} == carrying

    def test_several_flags_narrow_each_other(self, night_and_day):
        both = found(flags=(Flag.NOT_OWN.value, Flag.OFF_HOURS.value))
        assert {(line.detail["side"], line.detail["own"]) for line in both} == {("retail", False)}
        assert {line.logged_at for line in both} == {NIGHT, MORNING - A_MOMENT}

    def test_the_night_ends_at_six_and_begins_at_twenty_two(self):
        at = [NIGHT - A_MOMENT, NIGHT, MORNING - A_MOMENT, MORNING]
        assert [Flag.OFF_HOURS in flags.of({}, each) for each in at] == [False, True, True, False]

    @pytest.mark.parametrize(
        ("condition", "index"),
        [
            ({"flags": (Flag.NOT_OWN.value,)}, "entry_not_own"),
            ({"flags": (Flag.OFF_HOURS.value,)}, "entry_off_hours"),
            ({"flags": (Flag.EXCEPTION.value,), "outcome": "refused"}, "entry_exception"),
            ({"purpose": "night_duty"}, "entry_purpose"),
            ({"action": "print"}, "entry_action"),
        ],
    )
    def test_a_page_of_what_is_rare_is_read_from_its_own_index(
        self, night_and_day, superuser, condition, index
    ):
        matching = queries.entries(queries.Condition(**WHOLE | condition)).order_by("-logged_at", "-id")[:50]
        statement, values = matching.query.sql_with_params()
        superuser.execute(FORGET_VALUES)
        superuser.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
        (plan,) = superuser.execute(f"EXPLAIN (FORMAT JSON) {statement}", values).fetchone()
        parts = superuser.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [index]
        ).fetchall()
        assert {part for (part,) in parts} & set(indexes(plan[0]["Plan"]))


def indexes(plan: dict) -> list[str]:
    """The indexes a plan reads."""
    below = [name for part in plan.get("Plans", []) for name in indexes(part)]
    return [plan["Index Name"], *below] if "Index Name" in plan else below


class TestPeriods:
    AT = datetime(2026, 11, 30, 15, 30, tzinfo=UTC)  # 0:30 on the 1st of December in Tokyo

    def test_months_are_tokyo_months(self):
        first = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)
        assert forms.period(Period.THIS_MONTH, self.AT)[0] == first
        assert forms.period(Period.LAST_MONTH, self.AT) == (datetime(2026, 10, 31, 15, 0, tzinfo=UTC), first)

    @pytest.mark.parametrize(("name", "days"), [("24h", 1), ("7d", 7), ("30d", 30)])
    def test_the_last_days_end_now(self, name, days):
        since, until = forms.period(name, self.AT)
        assert since == self.AT - timedelta(days=days)
        assert self.AT < until < self.AT + timedelta(minutes=2)

    def test_a_period_said_twice_is_named_and_not_guessed(self, region):
        answer = region.officer().gets(
            "/audit/reads/", data={"period": "7d", "since": "2026-11-01T00:00", "person": "N-10001"}
        )
        assert answer.status_code == 400
        assert "期間を「日時で指定」にしてください" in answer.content.decode()


@pytest.fixture
def officer(region, empty_log):
    region.nw_clerk().gets(f"/points/{OTHER_LOW}/")
    region.retail_clerk().gets(f"/points/{OTHER_LOW}/")
    return region.officer()


def page(officer, query: str = ""):
    answer = officer.gets(f"/audit/reads/{query}")
    assert answer.status_code == 200
    return tree(answer.content.decode())


def links(node) -> list[str]:
    return [link.attributes["href"] for link in node.all("a")]


class TestPivots:
    def test_every_cell_of_a_line_leads_to_its_own_search_over_the_same_period(self, officer):
        asked = "?since=2026-01-01T00:00&until=2099-01-01T00:00&point=" + OTHER_LOW
        table = page(officer, asked).first("table", "log")
        (line,) = [row for row in table.all("tr") if "佐藤 花子" in row.text]
        leading = [link for link in links(line) if link.startswith("?")]
        names = ["person=R-20001", "terminal=RT-0412", "card=2000000001", f"point={OTHER_LOW}"]
        names += ["action=open", "purpose=contract_inquiry", "outcome=masked", "flags=not_own"]
        for name in names:
            (link,) = [each for each in leading if each.endswith(f"&{name}")]
            assert link.startswith("?since=2026-01-01T00%3A00%3A00&until=2099-01-01T00%3A00%3A00&")
            assert "佐藤 花子" in page(officer, link).first("table", "log").text

    def test_the_lists_of_the_most_frequent_lead_on_and_count_what_is_searched(self, officer):
        found = page(officer, f"?period=24h&point={OTHER_LOW}&action=open&card=2000000001")
        tops = [[row.text for row in each.all("li")] for each in found.all("ol", "tops")]
        assert len(tops) == 3
        assert ["1 件" in text for rows in tops for text in rows] == [True] * 3
        assert [links(each) for each in found.all("ol", "tops")] == [
            [f"?period=24h&point={OTHER_LOW}"],
            ["?period=24h&person=R-20001"],
            ["?period=24h&terminal=RT-0412"],
        ]

    def test_a_menu_changes_one_condition_and_keeps_the_others(self, officer):
        menus = [link for each in page(officer, "?person=R-20001").all("ul", "menu") for link in links(each)]
        assert "?period=7d&person=R-20001&outcome=masked" in menus
        assert "?person=R-20001&period=30d" in menus
        assert "?period=7d&person=R-20001&flags=off_hours" in menus


class TestFigures:
    def test_say_period_completeness_coverage_and_how_far_the_log_is_sealed(self, officer, superuser):
        said = page(officer, "?since=2026-11-01T00:00&until=2026-11-08T00:00").first("p", "covers").text
        assert said.startswith("対象は 2026/11/01（日）00:00〜11/08（日）00:00。")
        assert "すべて数えました" in said
        assert "%" in said
        assert "封印" in said

    def test_beyond_their_limit_count_the_newest_and_say_so(self, officer, monkeypatch):
        monkeypatch.setattr(overview, "NEWEST", 3)
        said = page(officer).first("p", "covers").text
        assert "新しい方から 3 件（" in said
        assert "すべて数えました" not in said

    def test_are_those_of_the_entries(self, night_and_day):
        figures = overview.overview(queries.Condition(**WHOLE))
        lines = found()
        assert (figures.entries, figures.whole, figures.people) == (len(lines), True, 1)
        assert figures.masked == len([line for line in lines if line.detail["outcome"] == "masked"])
        assert sum(entries for _, entries, _ in figures.days) == len(lines)
        assert [str(day) for day, entries, _ in figures.days if entries] == ["2026-11-20", "2026-11-21"]

    def test_a_count_is_exact_up_to_the_limit_and_an_estimate_beyond_it(self, officer, monkeypatch):
        searched = f"?point={OTHER_LOW}&action=open"
        assert page(officer, searched).first("h2", id="lg").text == "記録 2 件"
        monkeypatch.setattr(overview, "NEWEST", 2)
        assert re.fullmatch("記録 約 [0-9,]+ 件", page(officer, searched).first("h2", id="lg").text)

    def test_coverage_is_the_part_of_the_period_since_the_first_entry(self, night_and_day):
        asked = queries.Condition(since=NIGHT - timedelta(hours=3), until=NIGHT + timedelta(hours=9))
        covered = queries.coverage(asked, at=NIGHT + timedelta(hours=1))
        assert (covered.since, covered.percent) == (NIGHT - A_MOMENT, 25)
        assert queries.coverage(asked, at=NIGHT + timedelta(days=9)).percent == 75
        before = queries.Condition(since=NIGHT - timedelta(days=9), until=NIGHT - timedelta(days=8))
        assert queries.coverage(before, at=NIGHT).percent == 0


class TestSavedConditions:
    def test_a_search_is_kept_under_a_name_and_its_period_stays_relative(self, officer):
        officer.posts(
            "/audit/reads/save/", {"name": "夜の小売", "query": "flags=off_hours&period=7d&older=x"}
        )
        kept = SavedCondition.objects.get()
        assert (kept.person, kept.query) == ("N-10002", "period=7d&flags=off_hours")
        saved = page(officer).first("li", "saved")
        assert links(saved) == ["?period=7d&flags=off_hours"]

    def test_the_same_name_again_replaces_it(self, officer):
        for query in ("period=7d", "period=30d"):
            officer.posts("/audit/reads/save/", {"name": "点検", "query": query})
        assert [each.query for each in SavedCondition.objects.all()] == ["period=30d"]

    @pytest.mark.parametrize("query", ["point=12", "since=x", "flags=nothing"])
    def test_what_the_page_does_not_understand_is_not_kept(self, officer, query):
        officer.posts("/audit/reads/save/", {"name": "点検", "query": query})
        assert not SavedCondition.objects.exists()

    def test_another_officers_searches_are_neither_shown_nor_dropped(self, officer, region):
        review.save_condition(name="私用", query="period=7d", by="N-10005", at=timezone.now())
        (kept,) = review.saved_conditions("N-10005")
        officer.posts(f"/audit/reads/saved/{kept.pk}/forget/")
        assert review.saved_conditions("N-10005") == [kept]
        assert "私用" not in page(officer).text
        region.person("auditor").sits_at(region.office_terminal).signs_in("log_review").posts(
            f"/audit/reads/saved/{kept.pk}/forget/"
        )
        assert review.saved_conditions("N-10005") == []

    def test_more_than_one_can_find_again_are_refused(self, officer, monkeypatch):
        monkeypatch.setattr(review, "MOST_SAVED", 1)
        for name in ("一つめ", "二つめ"):
            answer = officer.posts("/audit/reads/save/", {"name": name, "query": ""}, follow=True)
        assert "保存できる条件は1件までです" in answer.content.decode()
        assert [each.name for each in SavedCondition.objects.all()] == ["一つめ"]


def test_a_search_is_logged_with_its_flags_and_purpose(officer, read_log):
    officer.gets("/audit/reads/?flags=not_own&flags=exception&purpose=outage")
    (noted,) = read_log.entries(action=Action.READ_LOG.value)
    assert (noted["query"]["flags"], noted["query"]["purpose"]) == ("not_own,exception", "outage")


ODD = {
    "action": "unheard of",
    "outcome": "allowed",
    "person": 5,
    "fields": 1,
    "masked": [[]],
    "claims": [None],
    "reasons": {"a": "b"},
    "query": {"a": ["b"]},
    "purpose": "unknown",
}


@pytest.mark.parametrize(
    ("said", "words"), [(ODD, "unheard of"), ({"action": "open", "outcome": "strange"}, "strange")]
)
def test_an_entry_no_part_of_the_product_wrote_hides_no_other(officer, superuser, said, words):
    superuser.execute("INSERT INTO entry (payload) VALUES (%s)", [json.dumps(said)])
    (number,) = superuser.execute("SELECT max(id) FROM entry").fetchone()
    assert words in page(officer).first("main").text
    assert words in tree(officer.gets(f"/audit/reads/{number}/").content.decode()).first("main").text


class TestDailyChart:
    """The days drawn, put into a sentence, and in a table for whoever does not see the drawing."""

    def test_says_what_it_shows(self):
        drawn = chart.daily(
            [(date(2026, 11, day), entries, day % 2) for day, entries in ((19, 4), (20, 12), (21, 1))]
        )
        assert drawn.finding.startswith("3日間で17件。最も多い日は11月20日の12件、拒否は期間全体で2件です。")
        assert [bar.weekend for bar in drawn.bars] == [False, False, True]
        lowest, middle, highest = sorted(drawn.bars, key=lambda bar: bar.height)
        assert [lowest.entries, middle.entries, highest.entries] == [1, 4, 12]

    def test_of_nothing_is_not_drawn(self):
        assert chart.daily([(date(2026, 11, 20), 0, 0)]) is None

    def test_stands_on_the_page_hatched_and_as_a_table(self, officer, superuser):
        (logged_at,) = superuser.execute(
            "INSERT INTO entry (payload) VALUES (%s) RETURNING logged_at",
            [entry(outcome=Outcome.REFUSED).payload()],
        ).fetchone()
        shown = page(officer)
        (drawing,) = [each for each in shown.all("svg") if each.attributes.get("role") == "img"]
        assert "拒否は期間全体で1件" in drawing.text
        assert [bar.attributes["fill"] for bar in drawing.all("rect") if "fill" in bar.attributes] == [
            "url(#hz)"
        ]
        (table,) = [each for each in shown.all("table") if "日別の件数" in each.text]
        (today,) = [row for row in table.all("tr") if f"{timezone.localtime(logged_at):%Y/%m/%d}" in row.text]
        assert [cell.text for cell in today.all("td")][1:] == ["1"]
