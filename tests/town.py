"""A region that stands for a whole module, with everybody at a terminal of their own."""

from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accesscontrol.models import Alert
from accesscontrol.registry import Register
from terminals.choices import TerminalClass
from terminals.lifecycle.stock_takes import begin_stock_take, sight
from terminals.models import (
    Discrepancy,
    Handover,
    LedgerFile,
    PresenceFinding,
    RoomAdmission,
    Run,
    StockTake,
    TerminalCertificate,
)
from tests.house.matrix import CLERKS, STAFF, TABLE, Url, urls
from tests.people import ALWAYS, OTHER_LOW, Person, Region, build_region, make_terminal
from tests.readlog import ReadLog
from tests.snapshot import empty
from tests.terminals.life import Life

PURPOSES = {"officer": "log_review", "auditor": "log_review"} | dict.fromkeys(CLERKS, "contract_inquiry")


@dataclass(repr=False)
class Town:
    """The region, everybody in it signed in, and real rows to put into a URL."""

    people: dict[str, Person]
    rows: dict[str, dict[str, Any]]

    def client(self, persona: str) -> Client:
        """Return the persona's browser; whoever was signed out is signed in again."""
        if persona == "outsider":
            return Client()
        person = self.people[persona]
        if persona in STAFF and person.session is None:
            person.signs_in(PURPOSES.get(persona, "registry"))
        return person.client

    def asks(self, persona: str, name: str, *, method: str = "") -> Any:
        """Ask a URL as a persona, the way the table says."""
        row = TABLE[name]
        ask = getattr(self.client(persona), (method or row.method).lower())
        kind = {"content_type": "application/json"} if name.startswith("api_") else {}
        return ask(self.address(name) + row.query, **kind)

    def address(self, name: str) -> str:
        """Return a URL with the keys of real rows in it."""
        (url,) = [url for url in urls() if url.name == name]
        return reverse(name, kwargs=self._arguments(url))

    def _arguments(self, url: Url) -> dict[str, Any]:
        wanted = url.pattern.pattern.regex.groupindex
        register: Register | None = getattr(url.pattern.callback, "view_initkwargs", {}).get("register")
        if register and "pk" in wanted:
            return {"pk": register.model._default_manager.latest("pk").pk}
        known = self.rows.get(url.route.split("/")[0], {})
        return {name: known[name] for name in wanted}


def found_town(owner: psycopg.Connection, tables: list[str]) -> Town:
    """Build the region afresh, everybody at a terminal of their own."""
    empty(owner, tables)
    region = build_region()
    people = {"terminal": region.person("officer").sits_at(_office(region, "NW-0009"))}
    for step, persona in enumerate(STAFF):
        side = {"nw_clerk": region.nw_terminal, "retail_clerk": region.retail_terminal}
        people[persona] = region.person(persona).sits_at(
            side.get(persona) or _office(region, f"NW-001{step}")
        )
    people["officer"].signs_in("log_review")
    return Town(people, _real_rows(region))


def _office(region: Region, number: str):
    return make_terminal(number, TerminalClass.NW, region.nw, region.places["office"])


def _real_rows(region: Region) -> dict[str, dict[str, Any]]:
    at = timezone.now()
    spare = _office(region, "NW-0900")
    room = region.places["training"]
    with transaction.atomic():
        certificate = TerminalCertificate.objects.create(
            terminal=spare, fingerprint="0" * 64, registered_at=at
        )
        alert = Alert.objects.create(raised_at=at, codes=["C-201"], summary="試験", log_entry=1)
        admission = RoomAdmission.objects.create(place=room, company=region.nw, during=ALWAYS, reason="試験")
    return {
        **{root: {"pk": pk} for root, pk in rows_of_the_registry(region).items()},
        "terminals": {"pk": spare.pk, "certificate": certificate.pk},
        "cards": {"pk": region.cards["shared"].pk},
        "alerts": {"pk": alert.pk},
        "places": {"pk": room.pk, "admission": admission.pk},
        "points": {"number": OTHER_LOW},
        "api": {"number": OTHER_LOW},
        "audit": {"number": ReadLog.from_now().mark, "point": OTHER_LOW, "pk": 0},
    }


def rows_of_the_registry(region: Region) -> dict[str, int]:
    """Make one row for each kind of URL that names one by its key, by the first part of the URL."""
    at = timezone.now()
    run = Run.objects.create(started_at=at, trigger="asked", rules="0", outcome="waiting")
    found = Discrepancy.objects.create(
        kind="not_seen",
        terminal_number="NW-0900",
        severity="minor",
        first_run=run,
        last_run=run,
        detected_at=at,
    )
    ledger = LedgerFile.objects.create(
        received_at=at, channel="api", file_name="試験.csv", sha256="0" * 64, as_of=at.date(), state="refused"
    )
    meeting = PresenceFinding.objects.create(
        place=region.places["training"],
        person_number="R-20001",
        company="試験電力",
        during=ALWAYS,
        found_at=at,
    )
    return {
        "ledger": ledger.pk,
        "reconciliation": run.pk,
        "discrepancies": found.pk,
        "handovers": _handed_over(region).pk,
        "stock-takes": _counted(region).pk,
        "presence": meeting.pk,
    }


def _handed_over(region: Region) -> Handover:
    """A terminal on its way to the network company."""
    life = Life.begins(region)
    return life.hands_over(life.configured("NW-0901"))


def _counted(region: Region) -> StockTake:
    """A stock-take that goes on, with one code nobody knows."""
    staff = region.cards["terminal_contractor"].staff
    stock_take = begin_stock_take(region.places["office"], by=staff, at=timezone.now())
    sight(stock_take, code="不明の札", by=staff, at=timezone.now())
    return stock_take
