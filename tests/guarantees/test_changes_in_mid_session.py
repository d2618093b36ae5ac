"""What changes while somebody works takes effect on the very next request, on every page and in the API."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.utils import timezone

from accesscontrol.http import SESSION_COOKIE
from accesscontrol.models import Card, Organisation, Posting
from terminals import operations as terminal_desk
from terminals.choices import ZoneKind
from terminals.models import Deployment, LuRegistration, Terminal, ZoneOwnership
from tests.guarantees.report import PROVING, report
from tests.people import OTHER_LOW, OWN_LOW, Person, Region, ends_now, is_returned

PLACES = {
    "page": "/points/{0}/",
    "print": "/points/{0}/print/",
    "list": "/points/?q=一番町",
    "API": "/api/v1/supply-points/{0}",
    "API list": "/api/v1/supply-points?q=一番町",
}
SHOWN = {"nw": (OTHER_LOW, "秘密　太郎"), "retail": (OWN_LOW, "髙橋　花子")}
MASKED = {
    "holder_name",
    "holder_kana",
    "phone",
    "voltage_class",
    "contract_capacity",
    "load_capacity",
    "breaker_capacity",
}
WAYS = [(side, place) for place in PLACES for side in SHOWN]
if not PROVING:
    WAYS = [("nw", "page"), ("retail", "API")]


@dataclass
class Work:
    """A clerk of one side at work, and what the other side would have."""

    region: Region
    side: str
    clerk: Person

    @classmethod
    def begun(cls, region: Region, side: str) -> "Work":
        return cls(region, side, region.nw_clerk() if side == "nw" else region.retail_clerk())

    @property
    def other_side(self) -> str:
        return "retail" if self.side == "nw" else "nw"

    @property
    def other(self) -> Organisation:
        return getattr(self.region, self.other_side)

    @property
    def terminal(self) -> Terminal:
        return Terminal.objects.get(pk=self.clerk.terminal.pk)

    @property
    def posting(self) -> Posting:
        return Posting.objects.get(staff=self.clerk.card.staff)

    def asks(self, place: str):
        """Ask for the customer, as a page does or as a program does."""
        url = PLACES[place].format(SHOWN[self.side][0])
        if not place.startswith("API"):
            return self.clerk.gets(url)
        if SESSION_COOKIE in self.clerk.client.cookies:
            self.token = self.clerk.client.cookies.pop(SESSION_COOKIE).value
        return self.clerk.gets(url, headers={"Authorization": f"Bearer {self.token}"})


def _card(work: Work, **changes) -> None:
    Card.objects.filter(pk=work.clerk.card.pk).update(**changes)


def _deployment(work: Work, **changes) -> None:
    Deployment.objects.filter(terminal=work.terminal).update(**changes)


def _registration(work: Work) -> LuRegistration:
    return LuRegistration.objects.get(terminal=work.terminal)


def _zone(work: Work, **changes) -> None:
    ZoneOwnership.objects.filter(place=work.region.places[work.side]).update(**changes)


def _card_expires(work: Work) -> None:
    card = Card.objects.get(pk=work.clerk.card.pk)
    card.valid = type(card.valid)(card.valid.lower, timezone.now(), "[)")
    card.save()


CHANGES: dict[str, Callable[[Work], object]] = {
    "the card is suspended": lambda w: _card(w, suspended_at=timezone.now(), suspended_reason="紛失"),
    "the card expires": _card_expires,
    "the card is made the other company's": lambda w: _card(w, company=w.other),
    "the posting ends": lambda w: ends_now(w.posting),
    "the person moves to the other company": lambda w: Posting.objects.filter(pk=w.posting.pk).update(
        organisation=w.other
    ),
    "the class is changed": lambda w: LuRegistration.objects.filter(pk=_registration(w).pk).update(
        terminal_class=w.other_side
    ),
    "the LU ends": lambda w: ends_now(_registration(w)),
    "the terminal is moved to the lobby": lambda w: _deployment(w, place=w.region.places["lobby"]),
    "the terminal is moved to the other side": lambda w: _deployment(w, place=w.region.places[w.other_side]),
    "the terminal goes to the other company": lambda w: _deployment(w, holder=w.other),
    "the room becomes shared": lambda w: _zone(w, kind=ZoneKind.SHARED),
    "the room goes to the other company": lambda w: _zone(w, kind=w.other_side),
    "the terminal is returned": lambda w: is_returned(w.terminal),
    "the terminal is suspended": lambda w: terminal_desk.suspend(
        w.terminal, reason="点検", by=w.region.cards["terminal_admin"].staff, at=timezone.now()
    ),
    "the device is revoked": lambda w: terminal_desk.revoke_devices(
        w.terminal, reason="点検", by=None, at=timezone.now()
    ),
}


@pytest.fixture(scope="module", autouse=True)
def covered() -> None:
    """Print what the module goes through."""
    table = report("Changes in mid-session, refused at the next request", "side", "place", "changes")
    for side, place in WAYS:
        table.add(side, place, len(CHANGES))


@pytest.mark.parametrize(("side", "place"), WAYS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_in_mid_session_takes_effect_on_the_next_request(region, change, side, place):
    work, value = Work.begun(region, side), SHOWN[side][1]
    before = work.asks(place)
    assert (before.status_code, value in before.content.decode()) == (200, True)
    CHANGES[change](work)
    for answer in (work.asks(place), work.asks(place)):
        assert answer.status_code in ({401, 403} if place.startswith("API") else {302, 403})
        assert value not in answer.content.decode()
        assert work.clerk.session is None


@pytest.mark.parametrize("place", PLACES)
def test_a_point_switched_away_is_masked_on_the_next_request(region, owner, place):
    work = Work.begun(region, "retail")
    assert "髙橋" in work.asks(place).content.decode()
    with owner.transaction():
        owner.execute("UPDATE eigyo.supply_point SET own = false WHERE number = %s", [OWN_LOW])
        owner.execute("UPDATE eigyo.contract SET own = false WHERE number = %s", [OWN_LOW])
    answer = work.asks(place)
    assert answer.status_code == 200
    assert "髙橋" not in answer.content.decode()
    if place == "API":
        assert set(answer.json()["masked"]) == MASKED


@pytest.mark.parametrize("place", PLACES)
def test_a_point_switched_here_opens_on_the_next_request(region, owner, place):
    work = Work.begun(region, "retail")
    asked = {"page": OTHER_LOW, "print": OTHER_LOW, "API": OTHER_LOW}.get(place, "")
    work.asks(place)
    with owner.transaction():
        owner.execute("UPDATE eigyo.supply_point SET own = true WHERE number = %s", [OTHER_LOW])
        owner.execute("UPDATE eigyo.contract SET own = true WHERE number = %s", [OTHER_LOW])
    url = PLACES[place].format(asked)
    headers = {"Authorization": f"Bearer {work.token}"} if place.startswith("API") else {}
    assert "秘密　太郎" in work.clerk.gets(url, headers=headers).content.decode()


def test_a_session_carried_to_another_terminal_ends_and_is_reported(region, read_log):
    clerk = region.nw_clerk()
    thief = region.person("nw_clerk").sits_at(region.office_terminal)
    thief.client.cookies["eigyo_session"] = clerk.client.cookies["eigyo_session"].value
    answer = thief.gets(f"/points/{OTHER_LOW}/")
    assert answer.status_code == 403
    assert "T-107" in answer.content.decode()
    assert clerk.session is None
    assert read_log.entries(outcome="refused")[-1]["reasons"] == ["T-107"]
