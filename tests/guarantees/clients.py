"""Eight clerks who look things up without pause, and remember exactly what each answer showed them."""

import http.client
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile
from urllib.parse import quote

from tests.guarantees.crowd import POINTS
from tests.guarantees.points import Truth, make_points
from tests.guarantees.shown import RECORD, Shown, numbers, shown

PATIENCE = 8
OWN_LOOK_UPS = "/me/reads/"
TRUTH = {row.number: Truth.of(row) for row in make_points(POINTS)}
NUMBERS = tuple(TRUTH)
OPEN_TO_ALL = {"number", "address", "postal_code"}
CUSTOMER = re.compile(r"顧客|コキャク|国分町|022-[0-9]|\b9800[0-9]{3}\b|[567],[0-9]{3}\.[123]")


@dataclass(frozen=True)
class Attempt:
    """One request and what came of it. `status` is 0 when no whole answer came.

    `past` are the points a page of own look-ups names, `torn` those in the part of an answer that did come.
    """

    url: str
    began: float
    ended: float
    status: int
    rows: tuple[Shown, ...] = ()
    past: frozenset[str] = frozenset()
    torn: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()

    @property
    def claims(self) -> Counter:
        return Counter(row.claim for row in self.rows)

    @property
    def has_data(self) -> bool:
        return self.status == 200


class TornOff(Exception):
    """No whole answer; `came` is what the browser had by then."""

    def __init__(self, came: bytes) -> None:
        self.came = came


@dataclass
class Clerk:
    """One person at one terminal; asks one thing after another."""

    staff: str
    side: str
    cookies: str
    port: int
    random: random.Random
    attempts: list[Attempt] = field(default_factory=list)

    def since(self, moment: float) -> list[Attempt]:
        """Return the attempts begun since a moment, the last one first."""
        return list(takewhile(lambda attempt: attempt.began >= moment, reversed(self.attempts)))

    def asks(self) -> Attempt:
        """Ask one of everything a clerk may ask, and read the answer."""
        number = self.random.choice(NUMBERS)
        search = f"q={number[:21]}"
        url = self.random.choice(
            [
                f"/points/{number}/",
                f"/points/{number}/print/",
                f"/points/?{search}",
                f"/points/?{search}&sel={number}",
                f"/points/?q={quote(TRUTH[number].values['address'])}",
                f"/api/v1/supply-points?{search}",
                f"/api/v1/supply-points/{number}",
                f"/export/?{search}",
                OWN_LOOK_UPS,
            ]
        )
        began = time.monotonic()
        try:
            status, kind, body = self._fetch(url)
        except TornOff as torn:
            named = frozenset(numbers(torn.came))
            seen = {"past": named} if url == OWN_LOOK_UPS else {"torn": named}
            return Attempt(url, began, time.monotonic(), 0, **seen)
        return self._read(url, began, status, kind, body)

    def _fetch(self, url: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        came = bytearray()
        try:
            connection.request("GET", url, headers={"Cookie": self.cookies})
            answer = connection.getresponse()
            while part := answer.read1():
                came += part
            if answer.length:
                raise http.client.IncompleteRead(b"")
            return answer.status, answer.headers.get("Content-Type", ""), bytes(came)
        except (OSError, http.client.HTTPException) as error:
            raise TornOff(bytes(came)) from error
        finally:
            connection.close()

    def _read(self, url: str, began: float, status: int, kind: str, body: bytes) -> Attempt:
        ended = time.monotonic()
        if status != 200:
            found = {*CUSTOMER.findall(body.decode()), *numbers(body)}
            return Attempt(url, began, ended, status, faults=tuple(found))
        rows = tuple(shown(kind, body))
        wrong = tuple(
            f"{row.point} {name}={value}"
            for row in rows
            for name, value in row.values
            if not _true(row, name, value)
        )
        past = frozenset(numbers(body)) if url == OWN_LOOK_UPS else frozenset()
        return Attempt(url, began, ended, status, rows, past=past, faults=wrong + self._beyond(rows))

    def _beyond(self, rows: tuple[Shown, ...]) -> tuple[str, ...]:
        """Fields that this side may not see, or misses."""
        return tuple(f"{row.point} {sorted(row.fields)}" for row in rows if row.fields != self._allowed(row))

    def _allowed(self, row: Shown) -> set[str]:
        asked = RECORD if row.action != "list" else {"number", "address", "holder_name", "contract_capacity"}
        return set(asked if self.side == "nw" or TRUTH[row.point].own else asked & OPEN_TO_ALL)


def _true(row: Shown, name: str, value: str) -> bool:
    return TRUTH[row.point].values[name] == value.replace(" ", "")


class Crowd:
    """The clerks at work, each in a thread; the fault's side waits for what they have seen."""

    def __init__(self, clerks: list[Clerk]) -> None:
        self.clerks = clerks
        self.changed = threading.Condition()
        self.over = False
        self.errors: list[BaseException] = []
        self.threads = [threading.Thread(target=self._work, args=(clerk,)) for clerk in clerks]

    def __enter__(self) -> "Crowd":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.over = True
        for thread in self.threads:
            thread.join()

    def wait_until(self, condition: Callable[[], bool], *, patience: float = 300) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.errors or condition(), patience), "nobody got on"
        if self.errors:
            raise self.errors[0]

    def attempts(self, *, since: float, until: float = float("inf")) -> list[Attempt]:
        """Return what began and ended between two moments."""
        return [a for clerk in self.clerks for a in clerk.since(since) if a.ended <= until]

    def everybody_served(self, *, since: float) -> bool:
        """Whether each of them got data by a request begun since then."""
        return all(any(attempt.has_data for attempt in clerk.since(since)) for clerk in self.clerks)

    @property
    def answers(self) -> int:
        return sum(len(clerk.attempts) for clerk in self.clerks)

    def _work(self, clerk: Clerk) -> None:
        while not self.over:
            try:
                attempt = clerk.asks()
            except BaseException as error:
                self.errors.append(error)
                self.over = True
                attempt = Attempt("", 0, 0, 0)
            with self.changed:
                clerk.attempts.append(attempt)
                self.changed.notify_all()
