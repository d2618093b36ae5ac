"""Whatever breaks while eight clerks work, nobody is shown a row that is not on the log, and work goes on after."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

import psycopg
import pytest

from tests.guarantees.clients import Attempt, Clerk, Crowd
from tests.guarantees.faults import FAULTS, Fault, Scene
from tests.guarantees.installation import installed
from tests.guarantees.logbook import Logbook, Request
from tests.guarantees.report import extent, report
from tests.guarantees.wire import Wire

FIGURES = report(
    "Log before show: faults under load of eight clerks",
    *("fault", "times", "answers meanwhile", "with data", "503", "cut", "recovery median s", "longest s"),
)
MATCHED = report(
    "Log before show: what the clerks got, against the log",
    *(
        "faults",
        "requests",
        "answers with data",
        "rows",
        "fields",
        "entries matched",
        "logged, not delivered",
        "503",
        "cut",
    ),
)


@dataclass
class Struck:
    """What one kind of fault did, over all its times."""

    attempts: list[Attempt] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)


@pytest.fixture(scope="module")
def scene(database) -> Iterator[Scene]:
    with installed() as installation, Wire(lambda: installation.database_port) as wire:
        clerks = installation.prepare()
        installation.put_log_on_a_small_disk()
        installation.serve(wire=wire.port)
        yield Scene(installation, wire, random.Random(5), clerks)


def test_nobody_is_shown_what_is_not_on_the_log_whatever_breaks(scene):
    crowd = Crowd(
        [
            Clerk(**who, port=scene.installation.port, random=random.Random(who["staff"]))
            for who in scene.clerks
        ]
    )
    struck = {fault.name: Struck() for fault in FAULTS}
    order = [fault for fault in FAULTS for _ in range(extent(1, fault.often))]
    scene.random.shuffle(order)
    with crowd:
        crowd.wait_until(lambda: crowd.everybody_served(since=0))
        for fault in order:
            strike(fault, scene, crowd, struck[fault.name])
    assert scene.installation.failures() == []
    with psycopg.connect(scene.installation.logins()["LOG"]) as connection:
        delivered = [compare(clerk, Logbook(connection)) for clerk in crowd.clerks]
    tell(order, struck, crowd, delivered)


def strike(fault: Fault, scene: Scene, crowd: Crowd, struck: Struck) -> None:
    """Let a fault happen at a random moment of the work, and wait until everybody is served again."""
    strikes_at = crowd.answers + scene.random.randrange(24)
    crowd.wait_until(lambda: crowd.answers >= strikes_at)
    before = time.monotonic()
    with fault.strikes(scene):
        began = time.monotonic()
        crowd.wait_until(lambda: refused(crowd, since=began) >= fault.held_for)
        ending = time.monotonic()
    ended = time.monotonic()
    crowd.wait_until(lambda: crowd.everybody_served(since=ended))
    meanwhile = crowd.attempts(since=before)
    struck.recoveries.append(time.monotonic() - ended)
    struck.attempts += meanwhile
    assert not fault.total or not [a for a in crowd.attempts(since=began, until=ending) if a.has_data]


def refused(crowd: Crowd, *, since: float) -> int:
    return sum(not attempt.has_data for attempt in crowd.attempts(since=since))


def compare(clerk: Clerk, log: Logbook) -> tuple[int, int]:
    """Find for every answer its own request on the log; return how many entries that were and how many idle."""
    requests = log.requests_of(clerk.staff)
    waiting = iter(requests)
    matched = 0
    for attempt in clerk.attempts:
        assert attempt.faults == (), attempt.url
        assert attempt.status in {200, 503, 0}, attempt
        if attempt.has_data or attempt.torn:
            found = next((request for request in waiting if accounts_for(request, attempt)), None)
            assert found is not None, f"shown, and not on the log: {clerk.staff} {attempt}"
            matched += found.claims.total()
    on_log = set().union(*(request.points for request in requests))
    assert frozenset().union(*(attempt.past for attempt in clerk.attempts)) <= on_log
    idle = len(requests) - sum(attempt.has_data for attempt in clerk.attempts)
    assert idle <= sum(not attempt.has_data for attempt in clerk.attempts), "logged, and never asked"
    return matched, idle


def accounts_for(request: Request, attempt: Attempt) -> bool:
    """Whether these entries say exactly what this answer showed, or all that came of one torn off."""
    if attempt.torn:
        return attempt.torn <= request.points
    receipts = {row.log_number for row in attempt.rows} - {None}
    told = request.claims if attempt.rows else request.reads_the_log
    return bool(told) and request.claims == attempt.claims and receipts <= request.numbers


def tell(
    order: list[Fault], struck: dict[str, Struck], crowd: Crowd, delivered: list[tuple[int, int]]
) -> None:
    """Put the figures into the tables."""
    for name, what in struck.items():
        FIGURES.add(
            name,
            len(what.recoveries),
            len(what.attempts),
            *statuses(what.attempts),
            f"{median(what.recoveries):.2f}",
            f"{max(what.recoveries):.2f}",
        )
    attempts = crowd.attempts(since=0)
    with_data, closed, cut = statuses(attempts)
    rows = [row for attempt in attempts for row in attempt.rows]
    matched, idle = (sum(figures) for figures in zip(*delivered, strict=True))
    fields = sum(len(row.fields) for row in rows)
    MATCHED.add(len(order), len(attempts), with_data, len(rows), fields, matched, idle, closed, cut)


def statuses(attempts: list[Attempt]) -> tuple[int, ...]:
    return tuple(sum(attempt.status == status for attempt in attempts) for status in (200, 503, 0))
