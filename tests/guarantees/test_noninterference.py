"""A masked value leaves no trace: whatever a viewer asks, two worlds that differ only in what is
hidden from that viewer answer alike: status, headers, body, statements, lines of the process's log.
"""

from collections.abc import Iterator

import pytest
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings

from tests.guarantees.noninterference import Coverage, Example, examples
from tests.guarantees.report import extent, report
from tests.guarantees.routes import Ask, Term, field_names, name_of, plain_requests, query_names, sign_in
from tests.guarantees.twins import BOTH
from tests.guarantees.viewers import SETTLED
from tests.guarantees.worlds import NAMES, Contract, Pair, Point, load, opposites
from tests.house.matrix import urls

# Of a hundred examples: most to those from whom most is hidden although they may ask.
SHARES = {"retail_clerk": 46, "retail_contractor": 12, "nw_clerk": 8, "contractor_clerk": 4} | {
    **dict.fromkeys(("officer", "auditor", "terminal_admin", "card_desk", "outsider", "no_card"), 3),
    "visitors": 12,
}
EVERYBODY = [name for name in SHARES if name != "visitors"]


@pytest.fixture(scope="module")
def covered() -> Iterator[Coverage]:
    """Count what the proofs of this module cover, and report it."""
    found = Coverage()
    yield found
    totals = report("Noninterference", "covered", "number")
    totals.add("examples (viewer, two worlds, requests)", found.examples)
    totals.add("requests, each made in both worlds", found.requests.total())
    totals.add("requests with a term from a hidden cell", found.secret_terms)
    for title, counted in found.tables().items():
        table = report(f"Noninterference: requests per {title}", title, "number")
        for name, number in sorted(counted.items()):
            table.add(name, number)


@pytest.mark.parametrize("who", SHARES)
def test_two_worlds_that_differ_in_hidden_values_answer_alike(trial, covered, who):
    viewers = trial.town.visitors if who == "visitors" else [trial.town.viewer(who)]

    @settings(
        max_examples=extent(300, 5000) * SHARES[who] // 100,
        suppress_health_check=list(HealthCheck),
        database=None,
        report_multiple_bugs=False,
    )
    @given(examples(viewers, trial.town))
    def they_answer_alike(example: Example) -> None:
        trial.run(example, covered)

    they_answer_alike()
    assert max(covered.statuses) < 500


@pytest.mark.parametrize("who", EVERYBODY)
def test_every_url_answers_alike(trial, covered, who):
    """All URLs for the retail clerk; for the others a share of them, or all in the long form."""
    viewer = trial.town.viewer(who)
    pair = opposites(viewer.clearance)
    step = 1 if who == "retail_clerk" else extent(12, 1)
    for url in urls()[EVERYBODY.index(who) % step :: step]:
        asks = plain_requests(url, trial.town, a_hidden_name(pair))
        assert {name_of(ask.path) for ask in asks} == {url.name}
        trial.run(Example(viewer, pair, asks), covered)
    assert max(covered.statuses) < 500


def a_hidden_name(pair: Pair) -> Term:
    """A name to search for that only one of the worlds has, if this viewer may not see names."""
    return next((Term(text, "name") for kind, text in pair.hidden if kind == "name"), Term(NAMES[0], "name"))


def test_every_card_at_every_terminal_in_every_place_is_answered_alike(trial, covered):
    """Most are refused, and refused alike; every pair in the long form, a share of them in the short."""
    for viewer in trial.town.visitors[:: extent(13, 1)]:
        asks = [*sign_in(viewer), Ask(path=f"/points/?q={NAMES[0]}")]
        trial.run(Example(viewer, opposites(viewer.clearance), asks), covered)
    assert max(covered.statuses) < 500


def test_every_path_and_parameter_of_the_openapi_document_is_asked():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path, operations in schema["paths"].items():
        assert resolve(path.replace("{number}", "0")).url_name in {url.name for url in urls()}
        for operation in operations.values():
            asked = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
            assert asked <= set(query_names())


def test_the_parameters_of_pages_and_forms_are_found_in_the_code():
    assert {"q", "kind", "match", "own", "after", "before", "sel", "older", "idle", "next"} <= set(
        query_names()
    )
    assert {"card", "pin", "purpose", "reference", "code", "fingerprint"} <= set(field_names())


def test_the_clerks_see_something_hidden_and_something_shown(trial):
    """Otherwise nothing would be compared."""
    for name in SETTLED:
        viewer = trial.town.viewer(name)
        pair = opposites(viewer.clearance)
        assert viewer.clearance.agreed
        assert pair.visible or not viewer.clearance.shows_customers
        assert pair.one != pair.other


def test_a_count_above_the_limit_does_not_tell_what_points_were_once(trial, covered):
    """The planner's statistics remember rows that have left the own partition."""
    now = _many_points(others_are_own=False)
    before = {BOTH[0]: now, BOTH[1]: _many_points(others_are_own=True)}
    for world in BOTH:
        load(trial.twins.hands[world], before[world])
        trial.twins.hands[world].execute("ANALYZE eigyo.contract_own, eigyo.supply_point")
        load(trial.twins.hands[world], now)
    pair = trial.loaded = Pair(now, now)
    searches = ("/points/?kind=name&q=", "/api/v1/supply-points?kind=name&q=")
    asks = [Ask(path=search + "佐藤") for search in searches]
    trial.run(Example(trial.town.viewer("retail_clerk"), pair, asks), covered)


def _many_points(*, others_are_own: bool) -> tuple[Point, ...]:
    contract = Contract("佐藤　花子", "サトウ", "", "low", (30000, "A"), (None, ""), (None, ""))
    return tuple(
        Point(f"0220{step:018}", "980-0811", "宮城県仙台市", others_are_own or step % 4 == 0, contract)
        for step in range(400)
    )
