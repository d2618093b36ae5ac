"""Every URL with every method, and every URL for the refused pairs of the decision table."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.utils import timezone

from accesscontrol.choices import CardKind
from accesscontrol.http import SESSION_COOKIE
from accesscontrol.models import Card, Organisation, Posting, WorkSession
from terminals.choices import TerminalClass
from terminals.models import Deployment, LuRegistration, Place
from tests.guarantees.report import PROVING, extent, report
from tests.house.matrix import PERSONAS, STAFF, TABLE
from tests.people import HIDDEN_FROM_RETAIL, Person, ends_now, is_returned
from tests.town import Town, found_town

UNUSED = ("PUT", "PATCH", "DELETE", "TRACE")
OPEN = {name for name, row in TABLE.items() if row.statuses["outsider"] == 200}


def asking(name: str) -> tuple[str, ...]:
    """Everybody; in the short form the one of them who comes furthest."""
    inside = [persona for persona in PERSONAS if TABLE[name].statuses[persona] not in {401, 403}]
    return PERSONAS if PROVING else (inside[-1],)


def forbidden_or_unknown(name: str, persona: str) -> set[int]:
    """How an unused method may end: as the door says, or with 405 inside."""
    return {405, 403} if persona in STAFF or name in OPEN else {405, TABLE[name].statuses[persona], 302, 401}


@pytest.fixture(scope="module", autouse=True)
def covered() -> None:
    """Print what the module goes through."""
    asked = report("Every URL", "asked with", "URLs", "personas or pairs")
    asked.add("its own method", len(TABLE), len(PERSONAS))
    asked.add(", ".join((*UNUSED, "HEAD", "OPTIONS")), len(TABLE), len(asking("points")))
    asked.add("its own method, by a pair the decision table refuses", len(TABLE), len(PAIRS))


@pytest.mark.parametrize("name", sorted(TABLE))
def test_no_url_does_anything_by_a_method_it_does_not_use(town, name):
    for persona in asking(name):
        for method in UNUSED:
            answer = town.asks(persona, name, method=method)
            assert answer.status_code in forbidden_or_unknown(name, persona), (persona, method)


@pytest.mark.parametrize("name", [name for name, row in sorted(TABLE.items()) if row.method == "GET"])
def test_asking_for_the_head_or_the_options_gives_no_more_than_asking(town, name):
    for persona in asking(name):
        head = town.asks(persona, name, method="HEAD")
        assert (head.status_code, head.content) == (TABLE[name].statuses[persona], b""), persona
        options = town.asks(persona, name, method="OPTIONS")
        shown = options.content.decode()
        assert options.status_code in {TABLE[name].statuses[persona], 200, 302, 401, 403, 405}
        assert not [hidden for hidden in HIDDEN_FROM_RETAIL if hidden in shown], persona


@dataclass
class Pair:
    """The NW clerk at work, and the rows of the registry that a refused pair differs in."""

    town: Town
    retail: Organisation
    token: str

    @property
    def clerk(self) -> Person:
        return self.town.people["nw_clerk"]

    def card(self, **changes) -> None:
        Card.objects.filter(pk=self.clerk.card.pk).update(**changes)

    def posting(self, **changes) -> None:
        Posting.objects.filter(staff=self.clerk.card.staff).update(**changes)

    def registration(self, **changes) -> None:
        LuRegistration.objects.filter(terminal=self.clerk.terminal).update(**changes)

    def deployment(self, *, place: str = "", **changes) -> None:
        if place:
            changes["place"] = Place.objects.get(name=place)
        Deployment.objects.filter(terminal=self.clerk.terminal).update(**changes)

    def goes_to_retail(self) -> None:
        self.card(company=self.retail)
        self.posting(organisation=self.retail)

    def reopens_the_session(self) -> None:
        """Have the session that began rightly open again, so that each URL is the next request of it."""
        WorkSession.objects.filter(card=self.clerk.card).update(ended_at=None, end_reason="")
        self.clerk.client.cookies[SESSION_COOKIE] = self.token


REFUSED_PAIRS: dict[str, Callable[[Pair], object]] = {
    "3: a retail card on an NW terminal": lambda p: p.goes_to_retail(),
    "6: a terminal in a shared zone": lambda p: p.deployment(place="来訪者対応スペース"),
    "4: an NW card on a retail terminal": lambda p: (
        p.registration(terminal_class=TerminalClass.RETAIL),
        p.deployment(place="営業所", holder=p.retail),
    ),
    "5: a shared card": lambda p: p.card(kind=CardKind.SHARED),
    "7: a class against the ledger": lambda p: p.deployment(holder=p.retail),
    "8: a returned terminal": lambda p: is_returned(p.clerk.terminal),
    "11: a retail clerk in the training room": lambda p: (p.goes_to_retail(), p.deployment(place="研修室")),
    "13: a posting that has ended": lambda p: ends_now(Posting.objects.get(staff=p.clerk.card.staff)),
    "a suspended card": lambda p: p.card(suspended_at=timezone.now(), suspended_reason="紛失"),
}
PAIRS = list(REFUSED_PAIRS)[: extent(2, len(REFUSED_PAIRS))]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_refused_pair_gets_no_url_but_the_ones_without_a_door(owner, emptied_tables, pair):
    town = found_town(owner, emptied_tables)
    token = town.client("nw_clerk").cookies[SESSION_COOKIE].value
    work = Pair(town, Organisation.objects.get(code="RT"), token)
    REFUSED_PAIRS[pair](work)
    statuses = {}
    for name in TABLE:
        work.reopens_the_session()
        answer = town.asks("nw_clerk", name)
        statuses[name] = answer.status_code
        assert not [hidden for hidden in HIDDEN_FROM_RETAIL if hidden in answer.content.decode()], name
    assert statuses == {name: 200 if name in OPEN else 403 for name in TABLE}
