"""Whoever walks through everything open to them finds nothing that is not on the log, and the log says no more."""

import os
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

import psycopg
import pytest
from django.test import Client

from tests.guarantees.crawler import Crawler, Visit
from tests.guarantees.logbook import Logbook
from tests.guarantees.points import Truth, make_points
from tests.guarantees.report import extent, report
from tests.guarantees.shown import LIST, RECORD, Shown
from tests.people import PIN, Person, Region, load_points

POINTS = make_points(60)
TRUTH = {row.number: Truth.of(row) for row in POINTS}
OTHER, OWN = POINTS[0], POINTS[1]
TERMS = (
    *("国分町", OTHER.holder_name, OTHER.phone, OWN.holder_name, OWN.number, "見つからない言葉"),
    *(OTHER.address, OTHER.holder_kana, OTHER.number, OWN.phone, "コキャク", "顧客", "0200", "0222"),
)[: extent(3, 14)]
PURPOSES = {
    "officer": "log_review",
    "auditor": "log_review",
    "terminal_admin": "registry",
    "terminal_contractor": "registry",
    "card_desk": "registry",
}
CLERKS = ("nw_clerk", "retail_clerk", "contractor_clerk")
AS_THE_OFFICER = ("auditor",)  # walks the same pages
PERSONAS = (
    *(who for who in (*CLERKS, *PURPOSES) if who not in AS_THE_OFFICER),
    *("nw_clerk on a retail terminal", "shared", "outsider"),
)
STARTS = (
    *("/", "/points/", "/me/reads/", "/me/terminal/", "/audit/reads/", "/alerts/", "/terminals/", "/cards/"),
    *("/staff/", "/start/", "/terminal/", "/help/", "/api/v1/docs/", "/api/v1/openapi.json"),
    *(f"/points/{row.number}/" for row in POINTS[:3]),
    *(f"/points/{row.number}/print/" for row in POINTS[:2]),
)
IDS = re.compile(r"[0-9a-f]{32,}")  # of requests and fingerprints; chance puts a postal code into one
FIGURES = report(
    "Log before show: the walk of every persona",
    *("persona", "answers", "rows shown", "fields shown", "points", "entries matched", "reads of the log"),
)


@pytest.fixture
def town(region: Region) -> Region:
    load_points(POINTS, accept_shrink=True)
    return region


@pytest.fixture
def logbook(database) -> Iterator[Logbook]:
    with psycopg.connect(os.environ["EIGYO_DB_LOG"], autocommit=True) as connection:
        yield Logbook(connection)


def person_of(town: Region, persona: str) -> Person:
    """Seat a persona where they belong, or where they do not."""
    who = persona.split(maxsplit=1)[0]
    person = town.person("nw_clerk" if who == "outsider" else who)
    if who == "outsider":
        person.client = Client()
    elif "retail terminal" in persona or who == "shared":
        person.sits_at(town.retail_terminal).tries_to_sign_in()
    elif who == "contractor_clerk":
        person.sits_at(town.contractor_terminal).signs_in()
    else:
        person.sits_at(town.retail_terminal if who == "retail_clerk" else town.office_terminal)
        person.signs_in(PURPOSES.get(who, "contract_inquiry"))
    return person


def api_starts() -> list[str]:
    searches = [f"/api/v1/supply-points?q={term}" for term in TERMS]
    paged = [f"/api/v1/supply-points?q=国分町&rows=7&{way}={OWN.number}" for way in ("after", "before")]
    return [*searches, *paged, *(f"/api/v1/supply-points/{row.number}" for row in POINTS[:3])]


def walks(town: Region, persona: str, logbook: Logbook) -> list[Visit]:
    """Everything a persona's browser reaches, and then what a program with the same card reaches.

    Every point for the clerks; of the officers' and administrators' pages, whose filters combine, some of each kind.
    """
    person = person_of(town, persona)
    width = extent(1, len(POINTS) if persona in CLERKS else 4)
    visits = list(Crawler(person.client, logbook, TERMS, width).walk([*STARTS, *api_starts()]))
    asked = {"card": person.card.number, "pin": PIN, "purpose": "contract_inquiry", "reference": "夜間の照合"}
    answer = person.client.post("/api/v1/sessions", asked, content_type="application/json")
    if answer.status_code == 201:
        bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
        del person.client.cookies["eigyo_session"]
        visits += Crawler(person.client, logbook, TERMS, width, bearer).walk(api_starts())
    return visits


@pytest.mark.parametrize("persona", [*PERSONAS, *AS_THE_OFFICER[: extent(0, 1)]])
def test_everything_a_person_can_reach_shows_exactly_what_the_log_says(town, persona, logbook):
    visits = walks(town, persona, logbook)
    for visit in visits:
        assert visit.status < 500, visit.url
        assert visit.claims == visit.logged, visit.url
        assert [row for row in visit.shown if not reads_true(row)] == [], visit.url
        assert unlogged_numbers(visit) == set(), visit.url
        assert leaks(visit) == [], visit.url
        assert all(accounts_for_every_field(entry) for entry in visit.entries), visit.url
    rows = [row for visit in visits for row in visit.shown]
    assert {row.action for row in rows} == ({"list", "open", "print"} if persona in CLERKS else set())
    FIGURES.add(
        persona,
        len(visits),
        len(rows),
        sum(len(row.fields) for row in rows),
        len({row.point for row in rows}),
        sum(visit.logged.total() for visit in visits),
        sum(visit.reads_the_log for visit in visits),
    )


def reads_true(row: Shown) -> bool:
    """Whether every value shown is the point's own; a point of an earlier import has no truth here."""
    if row.point not in TRUTH:
        return True
    return all(TRUTH[row.point].values[name] == value for name, value in row.values)


def unlogged_numbers(visit: Visit) -> set[str]:
    """Points in the answer that neither a disclosure nor a read of the log accounts for."""
    if visit.reads_the_log:
        return set()
    return visit.unasked_numbers & set(TRUTH) - {point for _, point, _ in visit.logged}


def leaks(visit: Visit) -> list[tuple[str, str]]:
    """Values anywhere in the answer, headers included, that the log does not say were shown; what was typed is echoed."""
    logged = {(point, name) for _, point, fields in visit.logged for name in fields}
    text, typed = IDS.sub("", visit.body.decode() + visit.headers), unquote_plus(visit.url)
    return [
        (point, name)
        for point, truth in TRUTH.items()
        for name, value in truth.telling()
        if value in text and (point, name) not in logged and value not in typed
    ]


def accounts_for_every_field(entry) -> bool:
    """Whether shown and masked fields of an entry make up the whole row, each once."""
    whole = {"list": LIST, "open": RECORD, "print": RECORD}.get(entry["action"], frozenset())
    named = [*entry["fields"], *entry["masked"]]
    return "point" not in entry or (len(named) == len(whole) and set(named) == whole)
