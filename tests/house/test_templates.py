"""Every template, and every page as every persona who may see it, under the strict policy."""

import importlib.resources
import re
import zipfile

import pytest
from django.conf import settings
from django.template import engines

from tests.house.markup import Markup
from tests.house.matrix import STAFF, TABLE
from tests.people import OTHER_LOW, UNKNOWN_NUMBER

FOLDER = settings.BASE_DIR / "templates"
TEMPLATES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html"))
SEEN = [name for name, row in TABLE.items() if row.method == "GET" and row.who_gets(200)]
STRICT = {
    "default-src": "'none'",
    **dict.fromkeys(("script-src", "style-src", "img-src", "font-src", "connect-src"), "'self'"),
    **dict.fromkeys(("manifest-src", "form-action"), "'self'"),
    **dict.fromkeys(("base-uri", "frame-ancestors"), "'none'"),
}
NOT_A_PAGE = {
    *("healthz", "openapi", "api_supply_points", "api_supply_point"),
    *("ledger_errors", "ledger_lines", "reconciliation_results", "run_inspected"),
}


def source(name: str) -> str:
    """A template without its tags, so that only its own HTML is left."""
    return re.sub(r"\{[%{#].*?[%}#]\}", "", (FOLDER / name).read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_no_inline_style_or_script_and_names_no_other_host(name):
    assert Markup(source(name)).faults == []
    assert "://" not in source(name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_compiles(name):
    assert engines["django"].get_template(name)


def test_every_icon_named_in_a_template_exists():
    named = {
        icon
        for name in TEMPLATES
        for icon in re.findall(r'\{% icon "([^"]+)"', (FOLDER / name).read_text(encoding="utf-8"))
    }
    with zipfile.ZipFile(importlib.resources.files("lucide") / "lucide.zip") as package:
        known = {name.removesuffix(".svg") for name in package.namelist()}
    assert named
    assert named - known == set()


def policy(answer) -> dict[str, str]:
    """The directives of the answer's content security policy."""
    parts = answer.headers["Content-Security-Policy"].split(";")
    return dict(part.strip().split(" ", 1) for part in parts if part.strip())


def check_page(answer) -> None:
    """A whole page: one heading, a language, a title, nothing inline, no way into a cache."""
    page = Markup(answer.content.decode())
    assert page.faults == []
    assert page.headings == 1
    assert page.language == "ja"
    assert page.title.replace("｜営業オンライン", "")
    check_headers(answer)
    assert policy(answer) == STRICT


def check_headers(answer) -> None:
    """What every answer says, page or not."""
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("name", sorted(set(SEEN) - NOT_A_PAGE - {"api_docs"}))
def test_a_page_is_whole_for_everybody_who_may_see_it(town, name):
    for persona in TABLE[name].who_gets(200):
        check_page(town.asks(persona, name))


@pytest.mark.parametrize("name", sorted(NOT_A_PAGE))
def test_what_is_not_a_page_is_under_the_same_policy(town, name):
    answer = town.asks(TABLE[name].who_gets(200)[-1], name)
    assert not answer.headers["Content-Type"].startswith("text/html")
    check_headers(answer)


def test_the_description_of_the_api_may_show_its_own_pictures_and_nothing_more(town):
    answer = town.asks("terminal", "api_docs")
    page = Markup(answer.content.decode())
    assert (page.faults, page.headings, page.language) == ([], 1, "ja")
    check_headers(answer)
    assert policy(answer) == STRICT | {"img-src": "'self' data:"}


@pytest.mark.parametrize(
    ("persona", "address", "status"),
    [
        ("nw_clerk", f"/points/{UNKNOWN_NUMBER}/", 404),
        ("nw_clerk", "/nothing/", 404),
        ("outsider", "/nothing/", 404),
        ("officer", f"/points/{OTHER_LOW}/", 403),
        ("card_desk", "/terminals/", 403),
        ("nw_clerk", "/points/?q=%00", 400),
        ("officer", "/audit/reads/?point=2", 400),
        ("terminal_admin", "/terminals/999999/", 404),
    ],
)
def test_a_page_that_says_no_is_a_whole_page_too(town, persona, address, status):
    answer = town.client(persona).get(address)
    assert answer.status_code == status
    check_page(answer)


@pytest.mark.parametrize("persona", STAFF)
def test_every_page_inside_a_session_says_who_is_looking_and_from_where(town, persona):
    body = town.asks(persona, "my_terminal").content.decode()
    (band,) = re.findall(r'<section class="band".*?</section>', body, flags=re.DOTALL)
    card = town.people[persona].card
    for said in (town.people[persona].terminal.number, card.staff.name, card.company.name):
        assert said in band
