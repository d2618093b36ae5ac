"""Requests over every URL there is: from the resolver, the OpenAPI document, forms and views.

Nothing is listed by hand and nothing is exempt, so a new page, parameter or form field joins by itself.
"""

import inspect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from random import Random
from urllib.parse import quote, urlencode, urlsplit

from django import forms
from django.urls import Resolver404, resolve
from django.utils.http import http_date
from drf_spectacular.generators import SchemaGenerator

from tests.guarantees.observation import Observation
from tests.guarantees.twins import NOW
from tests.guarantees.viewers import Town, Viewer
from tests.guarantees.worlds import NUMBERS, Cell, Pair
from tests.house.matrix import Url, urls
from tests.people import PIN, UNKNOWN_NUMBER

APPS = ("eigyo", "terminals", "accesscontrol", "audit")
KINDS = ("", "number", "phone", "address", "name", "kana")
MATCHES = ("", "exact", "prefix", "infix")
ODD = (
    "",
    "%",
    "_",
    "\\",
    "'",
    "\x00",
    "あ" * 121,
    "02",
    "0",
    "-1",
    "9" * 40,
    "1e999",
    "\ud800",
    "<b>",
    "name",
    "x",
)
RECORDS = ("/points/{}/", "/points/{}/print/", "/api/v1/supply-points/{}")
METHODS = ("GET",) * 6 + ("HEAD",) * 2 + ("POST",) * 3 + ("OPTIONS", "PUT", "DELETE")
_READS_QUERY = re.compile(
    r"""(?:GET|query_params)(?:\.get\(|\[)\s*"(\w+)"|"(\w+)" (?:not )?in request\.GET"""
)
_LINKS = re.compile(rb"""(?:href|action|data-panel)="([^"#]+)\"""")


@dataclass(frozen=True)
class Ask:
    """One request. `follow` takes a link of the answer before, `again` asks the same conditionally."""

    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    content_type: str = "application/x-www-form-urlencoded"
    follow: int | None = None
    again: bool = False
    secret: bool = field(default=False, compare=False)


@cache
def query_names() -> tuple[str, ...]:
    """Every name a view reads from the query, and every query parameter of the OpenAPI document."""
    found = {name for source in _sources() for pair in _READS_QUERY.findall(source) for name in pair if name}
    for operations in SchemaGenerator().get_schema(request=None, public=True)["paths"].values():
        for operation in operations.values():
            found |= {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
    return tuple(sorted(found | {"format", "page", "sort"}))


@cache
def field_names() -> tuple[str, ...]:
    """Every field of every form and of every body in the OpenAPI document."""
    list(_sources())
    found = {name for form in _subclasses(forms.BaseForm) for name in form.base_fields}
    for schema in SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"].values():
        found |= set(schema.get("properties", ()))
    return tuple(sorted(found))


def _sources() -> list[str]:
    modules = [module for app in APPS for module in walk_packages(import_module(app).__path__, f"{app}.")]
    return [inspect.getsource(import_module(module.name)) for module in modules if not module.ispkg]


def _subclasses(base: type) -> set[type]:
    below = {found for child in base.__subclasses__() for found in _subclasses(child)}
    return {kind for kind in {base} | below if kind.__module__.split(".")[0] in APPS}


def variants(value: str) -> list[str]:
    """A value as somebody might type it: whole, in part, as digits, with wildcards."""
    digits = re.sub(r"\D", "", value)
    return [form for form in (value, value, value[:2], value[1:], digits, value + "%", f"%{value}") if form]


@dataclass(frozen=True)
class Term:
    """What is typed, as what it would be found, and whether it stands in one of the worlds only."""

    text: str
    kind: str = ""
    secret: bool = False


class Words:
    """What a curious viewer of two worlds would type: mostly cells that differ between them."""

    def __init__(self, random: Random, pair: Pair) -> None:
        self.random = random
        hidden, visible = _by_field(pair.hidden), _by_field(pair.visible)
        self.choices = (
            [(hidden, True)] * 3 * bool(hidden) + [(visible, False)] * 2 + [({"": list(ODD)}, False)]
        )
        self.numbers = [*sorted({point.number for point in pair.one + pair.other}), UNKNOWN_NUMBER]
        self.beginnings = [Term(text[:2], name) for name, text in pair.visible] or [Term("02")]

    def any(self) -> Term:
        """Return a term."""
        fields, secret = self.random.choice(self.choices)
        name = self.random.choice(list(fields) or [""])
        text = self.random.choice(fields.get(name, ODD))
        return Term(self.random.choice(variants(text) or [text]), name, secret)

    def wide(self) -> Term:
        """Return a term that many rows begin with."""
        return self.random.choice(self.beginnings)


def _by_field(cells: list[Cell]) -> dict[str, list[str]]:
    return {name: [text for field, text in cells if field == name] for name, _ in cells}


def some_requests(random: Random, viewer: Viewer, pair: Pair, town: Town) -> list[Ask]:
    """Make up what one viewer asks, beginning with the sign-in of a visitor."""
    words = Words(random, pair)
    return sign_in(viewer) + [_some_request(random, words, town) for _ in range(random.randint(1, 4))]


def sign_in(viewer: Viewer) -> list[Ask]:
    """How a visitor begins: card and PIN, then a purpose."""
    if not viewer.visiting or not viewer.card:
        return []
    card = urlencode({"card": viewer.card, "pin": PIN, "next": "/points/"})
    purposes = ("contract_inquiry", "log_review", "registry")
    chosen = [urlencode({"purpose": purpose, "next": "/"}) for purpose in purposes]
    if not viewer.clearance.agreed:
        return [Ask("POST", "/start/", body=card)]
    return [
        Ask("POST", "/start/", body=card),
        *(Ask("POST", "/start/purpose/", body=body) for body in chosen),
    ]


def _some_request(random: Random, words: Words, town: Town) -> Ask:
    number = random.choice(words.numbers)
    makers: dict[Callable[[], Ask], int] = {
        lambda: _search(random, words.any(), "/points/"): 3,
        lambda: _turned_page(random, words.wide(), number): 2,
        lambda: _search(random, words.any(), "/api/v1/supply-points"): 2,
        lambda: Ask(path=random.choice(RECORDS).format(number)): 3,
        lambda: _any_request(random, words, town): 1,
        lambda: Ask(follow=random.randrange(40)): 1,
        lambda: Ask(random.choice(("GET", "HEAD")), again=True): 1,
    }
    (made,) = random.choices(list(makers), makers.values())
    return made()


def _turned_page(random: Random, term: Term, number: str) -> Ask:
    kind = term.kind if term.kind in KINDS else "number"
    return _search(random, term, "/points/", kind=kind, match="prefix", after=number, before="")


def _search(random: Random, term: Term, path: str, **more: str) -> Ask:
    def sometimes(*values: str) -> str:
        return random.choice(values) if random.random() < 0.25 else ""

    guessed = term.kind if term.kind in KINDS else ""
    query = {
        "q": term.text,
        "kind": random.choice(("", guessed, guessed, guessed, *KINDS)),
        "match": random.choice(("", "", *MATCHES)),
        "own": sometimes("1"),
        "rows": sometimes("1", "2", "50", "0"),
        **{name: sometimes(*NUMBERS, UNKNOWN_NUMBER, "x") for name in ("after", "before", "sel")},
        **more,
    }
    given = {name: value for name, value in query.items() if value}
    headers = random.choice(((), (), (), (("HX-Request", "true"),)))
    return Ask(path=f"{path}?{_encoded(given)}", headers=headers, secret=term.secret)


def _any_request(random: Random, words: Words, town: Town) -> Ask:
    """Any method on any URL, with names from views and forms and values from the worlds."""

    def some(names: tuple[str, ...], most: int) -> dict[str, str]:
        return {name: words.any().text for name in random.sample(names, random.randint(0, most))}

    path = "/" + filled(random.choice(urls()), town, lambda: words.any().text)
    method, query = random.choice(METHODS), _encoded(some(query_names(), 2))
    headers = tuple(random.sample(_HEADERS, random.randint(0, 2)))
    if method in {"GET", "HEAD", "OPTIONS"}:
        return Ask(method, f"{path}?{query}", headers)
    given = some(field_names(), 3)
    if path.startswith("/api/") and random.random() < 0.5:
        return Ask(method, f"{path}?{query}", headers, json.dumps(given), "application/json")
    return Ask(method, f"{path}?{query}", headers, _encoded(given))


_HEADERS = (
    ("HX-Request", "true"),
    ("Accept", "application/pdf"),
    ("Accept-Language", "en"),
    ("Range", "bytes=0-10"),
    ("Referer", "http://localhost/points/?q=0210"),
    ("Authorization", "Bearer wrong"),
    ("If-None-Match", '"0"'),
    ("If-Modified-Since", http_date(NOW.timestamp())),
)


def _encoded(values: dict[str, str]) -> str:
    return urlencode(values, errors="surrogatepass")


def filled(url: Url, town: Town, word: Callable[[], str]) -> str:
    """Return the path of a URL with a row in it that is there to be named, or a word."""
    root = url.route.split("/")[0]
    made = url.route.replace("^", "").replace("$", "").replace("(?P<number>[^/]+)", "<str:number>")
    for whole, kind, name in re.findall(r"(<(?:(\w+):)?(\w+)>)", made):
        row = str(town.spare.get(name) or town.spare.get(root, 1))
        made = made.replace(whole, row if kind == "int" else _path_part(word()))
    return made


def _path_part(word: str) -> str:
    return quote(word, safe="", errors="surrogatepass") or "x"


def plain_requests(url: Url, town: Town, term: Term) -> list[Ask]:
    """The head of a URL, the URL with every parameter, as a search that can be answered, and as a form with every field."""
    path = "/" + filled(url, town, lambda: NUMBERS[1])
    query = dict.fromkeys((*query_names(), *field_names()), term.text) | {"after": NUMBERS[0]}
    search = {"q": term.text, "kind": term.kind, "match": "prefix", "rows": "50"}
    form = _encoded(dict.fromkeys(field_names(), term.text))
    return [
        Ask("HEAD", path),
        Ask("GET", f"{path}?{_encoded(query)}"),
        Ask("GET", f"{path}?{_encoded(search)}"),
        Ask("POST", path, body=form),
    ]


def made_concrete(ask: Ask, before: tuple[Ask, Observation] | None) -> Ask:
    """Turn `follow` and `again` into a request, with the help of the answer before."""
    if before is None or (ask.follow is None and not ask.again):
        return ask if not ask.again and ask.follow is None else Ask(path="/points/")
    asked, answer = before
    if ask.again:
        headers = dict(answer.headers)
        conditions = (
            ("If-None-Match", headers.get("ETag", '"0"')),
            ("If-Modified-Since", headers.get("Last-Modified", http_date(NOW.timestamp()))),
        )
        return Ask(ask.method, asked.path, asked.headers + conditions)
    links = _links(asked, answer)
    return Ask(path=links[ask.follow % len(links)] if links else "/points/")


def _links(asked: Ask, answer: Observation) -> list[str]:
    """Links of a page, the Location of a redirect, the cursors of the API."""
    here = urlsplit(asked.path).path
    headers = dict(answer.headers)
    found = [link.decode().replace("&amp;", "&") for link in _LINKS.findall(answer.body)]
    found += [headers["Location"]] if "Location" in headers else []
    if headers.get("Content-Type") == "application/json":
        page = json.loads(answer.body)
        cursors = {"after": "next", "before": "previous"}
        found += [
            f"{asked.path}&{name}={page[key]}"
            for name, key in cursors.items()
            if isinstance(page, dict) and page.get(key)
        ]
    return [
        here + link if link.startswith("?") else link
        for link in found
        if link.startswith(("?", "/")) and not link.startswith(("//", "/static/"))
    ]


def name_of(path: str) -> str:
    """Return the name of the URL a path belongs to."""
    try:
        return resolve(urlsplit(path).path).url_name or ""
    except Resolver404:
        return "(no such page)"
