"""Look-ups of both sides by turns on the same persistent connections, while statements are cancelled and
connections are killed: no answer carries the other side's values, no statement runs on its login.
"""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Thread

import psycopg
import pytest
from django.db import close_old_connections, connections
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path

from accesscontrol.http import SESSION_COOKIE, ViewerRequest
from eigyo import inquiries
from tests.guarantees.report import extent, report
from tests.people import HIDDEN_FROM_RETAIL, OTHER_HIGH, OTHER_LOW, OWN_HIGH, OWN_LOW, Person

REQUESTS = extent(400, 10_000)
WORKERS = 4
SIDES = ("nw", "retail")
HIDDEN = HIDDEN_FROM_RETAIL
NAMES = {"nw": "大西 誠", "retail": "佐藤 花子"}
PATHS = (
    *(f"/points/{number}/" for number in (OWN_LOW, OTHER_LOW, OWN_HIGH, OTHER_HIGH)),
    f"/points/{OTHER_LOW}/print/",
    "/points/?q=一番町",
    "/points/?q=0220987&kind=phone",
    f"/api/v1/supply-points/{OTHER_LOW}",
    f"/api/v1/supply-points/{OWN_LOW}",
    "/api/v1/supply-points?q=一番町",
    "/raises/",
    "/breaks/",
)


class Interrupted(Exception):
    """What a look-up ends with in the middle of its work."""


def raises(request: ViewerRequest) -> HttpResponse:
    """Look a point up, and fail before the answer."""
    inquiries.open_point(request.viewer, OTHER_LOW)
    raise Interrupted


def breaks(request: ViewerRequest) -> HttpResponse:
    """Leave the side's connection in a failed transaction, as a fault in a look-up would."""
    connection = connections[request.viewer.clearance.side.value]
    connection.set_autocommit(False)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    return HttpResponse()


urlpatterns = [path("raises/", raises), path("breaks/", breaks), path("", include("config.urls"))]


@dataclass
class Desk:
    """One thread of a web process: its own connections, kept from request to request."""

    people: dict[str, Person]
    seed: int
    side: str = ""
    answers: Counter = field(default_factory=Counter)
    statements: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def works(self, requests: int) -> None:
        """Answer both sides by turns, in an order of its own."""
        chance = random.Random(self.seed)
        clients = {side: Client(raise_request_exception=False) for side in SIDES}
        for side, client in clients.items():
            client.cookies = self.people[side].client.cookies.copy()
        try:
            with ExitStack() as watching:
                for side in SIDES:
                    watching.enter_context(self.watched(side))
                for _ in range(requests):
                    self.side = chance.choice(SIDES)
                    self.asks(clients[self.side], chance.choice(PATHS))
        finally:
            connections.close_all()

    def asks(self, client: Client, url: str) -> None:
        close_old_connections()
        headers = {}
        if url.startswith("/api/"):
            headers = {"Authorization": f"Bearer {client.cookies[SESSION_COOKIE].value}"}
        answer = client.get(url, headers=headers)
        close_old_connections()
        body = answer.content.decode()
        self.answers[self.side, answer.status_code] += 1
        other = NAMES["retail" if self.side == "nw" else "nw"]
        if other in body:
            self.faults.append(f"{self.side} {url}: the other side's person")
        if self.side == "retail":
            self.faults += [f"retail {url}: {hidden}" for hidden in HIDDEN if hidden in body]
        elif answer.status_code == 200 and OTHER_LOW in url and "秘密　太郎" not in body:
            self.faults.append(f"nw {url}: not the network company's view")
        if answer.status_code not in {200, 500, 503}:
            self.faults.append(f"{self.side} {url}: {answer.status_code}")

    @contextmanager
    def watched(self, alias: str) -> Iterator[None]:
        """Count what runs on a side's connection, and for whom."""

        def watch(execute, sql, parameters, many, context):
            self.statements[alias] += 1
            if alias != self.side:
                self.faults.append(f"a statement of {self.side} on {alias}: {sql}")
            return execute(sql, parameters, many, context)

        with connections[alias].execute_wrapper(watch):
            yield


def disturb(as_login, ended: Event, done: Counter) -> None:
    """Cancel statements and end connections of both sides, as each login may with its own."""
    with as_login("eigyo_nw") as nw, as_login("eigyo_retail") as retail:
        nw.autocommit = retail.autocommit = True
        for turn in count():
            if ended.is_set():
                return
            ending = "pg_terminate_backend" if turn % 5 == 0 else "pg_cancel_backend"
            connection: psycopg.Connection = nw if turn % 2 else retail
            struck = connection.execute(
                f"SELECT count({ending}(pid)) FROM pg_stat_activity"
                " WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
            done[ending] += struck[0]
            ended.wait(0.05)


@pytest.fixture
def people(region, settings) -> dict[str, Person]:
    settings.ROOT_URLCONF = __name__
    return {"nw": region.nw_clerk(), "retail": region.retail_clerk()}


def test_no_answer_and_no_statement_ever_changes_sides(people, as_login, django_db_blocker):
    desks = [Desk(people, seed) for seed in range(WORKERS)]
    ended, struck = Event(), Counter()
    with django_db_blocker.unblock():
        disturber = Thread(target=disturb, args=(as_login, ended, struck))
        disturber.start()
        try:
            with ThreadPoolExecutor(WORKERS) as threads:
                list(threads.map(lambda desk: desk.works(REQUESTS // WORKERS), desks))
        finally:
            ended.set()
            disturber.join()
            connections.close_all()  # ours were ended as well
    assert [fault for desk in desks for fault in desk.faults] == []
    answers = sum((desk.answers for desk in desks), Counter())
    statements = sum((desk.statements for desk in desks), Counter())
    assert sum(answers.values()) == REQUESTS
    assert all(answers[side, status] for side in SIDES for status in (200, 500, 503))
    assert all(statements[side] > REQUESTS // 4 for side in SIDES)
    assert struck["pg_cancel_backend"]
    assert struck["pg_terminate_backend"]
    table = report(
        "Both sides by turns",
        "side",
        "answers 200",
        "500",
        "503",
        "statements on its login",
        "on the other's",
    )
    for side in SIDES:
        given = [answers[side, status] for status in (200, 500, 503)]
        table.add(side, *given, statements[side], 0)
    report("What disturbed them", "what", "times").add("statements cancelled", struck["pg_cancel_backend"])
    report("What disturbed them", "what", "times").add("connections ended", struck["pg_terminate_backend"])
