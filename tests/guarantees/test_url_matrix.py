"""Every URL, every persona: the whole resolver is asked, so a page nobody has thought of fails here."""

from collections import Counter
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.guarantees.markup import tree
from tests.house.matrix import PERSONAS, STAFF, TABLE, urls

PROGRAMS = [name for name in TABLE if name.startswith(("api_", "openapi"))]
POSTED = [name for name, row in TABLE.items() if row.method == "POST" and name not in PROGRAMS]
PAGES = [name for name, row in TABLE.items() if row.method == "GET" and name not in PROGRAMS]


def test_every_url_has_a_name_of_its_own():
    names = Counter(url.name for url in urls())
    assert "" not in names
    assert [name for name, times in names.items() if times > 1] == []


def test_every_url_stands_in_the_table():
    assert {url.name for url in urls()} - set(TABLE) == set()


def test_every_row_of_the_table_is_a_url():
    assert set(TABLE) - {url.name for url in urls()} == set()


@pytest.mark.parametrize("name", sorted(TABLE))
def test_each_persona_gets_what_the_table_says(town, name):
    assert {persona: town.asks(persona, name).status_code for persona in PERSONAS} == TABLE[name].statuses


@pytest.mark.parametrize("name", [name for name in sorted(TABLE) if "outsider" in TABLE[name].who_gets(302)])
def test_without_a_terminal_the_way_leads_to_enrolment_and_no_further(town, name):
    assert town.asks("outsider", name).headers["Location"] == "/terminal/"


@pytest.mark.parametrize("name", [name for name in sorted(TABLE) if "terminal" in TABLE[name].who_gets(302)])
def test_without_a_card_the_way_leads_to_the_start_page(town, name):
    assert town.asks("terminal", name).headers["Location"].startswith("/start/?next=")


@pytest.mark.parametrize("persona", STAFF)
def test_the_first_page_is_the_one_of_the_duty_and_it_opens(town, persona):
    first = town.asks(persona, "home").headers["Location"]
    assert town.client(persona).get(first).status_code == 200


@pytest.mark.parametrize("persona", STAFF)
def test_no_page_leads_a_person_to_a_door_that_is_shut_for_that_person(town, persona):
    pages = {town.address(name) + TABLE[name].query for name in PAGES if TABLE[name].statuses[persona] == 200}
    links = {link: page for page in sorted(pages) for link in _links(town.client(persona).get(page))}
    assert links
    statuses = {link: town.client(persona).get(link).status_code for link in links}
    assert {link: links[link] for link, status in statuses.items() if status in {401, 403}} == {}


def _links(page: HttpResponse) -> set[str]:
    """The addresses a page links to in this product, without those that differ in their query alone."""
    if "html" not in page.headers["Content-Type"]:
        return set()
    found = {link.attributes.get("href", "") for link in tree(page.content.decode()).all("a")}
    return {urlsplit(link).path for link in found if link.startswith("/")}


@pytest.mark.parametrize("name", POSTED)
def test_what_changes_something_cannot_be_asked_by_a_link(town, name):
    assert town.asks(_somebody_let_in(name), name, method="GET").status_code == 405


@pytest.mark.parametrize("name", [name for name in PAGES if TABLE[name].who_gets(403)])
def test_whoever_may_not_read_a_page_may_not_post_to_it(town, name):
    for persona in ("outsider", "terminal", TABLE[name].who_gets(403)[0]):
        answer = town.asks(persona, name, method="POST")
        assert answer.status_code in {TABLE[name].statuses[persona], 405}, persona


@pytest.mark.parametrize("name", POSTED + PAGES)
def test_a_form_from_another_site_is_refused(town, name):
    forged = Client(enforce_csrf_checks=True)
    forged.cookies = town.client(_somebody_let_in(name)).cookies.copy()
    answer = forged.post(town.address(name))
    assert answer.status_code in {403, 405}
    assert answer.status_code == 405 or "送信を確認できません" in answer.content.decode()


def _somebody_let_in(name: str) -> str:
    """The last persona of the table whose duty includes this URL."""
    return [persona for persona in PERSONAS if TABLE[name].statuses[persona] not in {401, 403}][-1]
