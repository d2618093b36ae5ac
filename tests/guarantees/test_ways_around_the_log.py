"""Streams, jobs, failing views and odd transactions: none of them shows a row before it is on the log."""

import os
import socket
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connections, transaction

from audit.log import LogUnavailable
from deploy.environment import HOLDINGS, LOGINS, variable
from tests.guarantees.jobs import look_up
from tests.guarantees.shown import in_lines
from tests.people import OWN_LOW, POINTS

OF_THE_REGION = OWN_LOW[:21]
IN_A_WORKER = (
    "import django; django.setup(); from tests.guarantees.jobs import look_up; print(look_up(*{!r}))"
)
LONGEST_SILENCE = 15


@pytest.fixture
def doors(settings):
    """Open the test's own views beside the product's."""
    settings.ROOT_URLCONF = "tests.guarantees.doors"


@contextmanager
def log_closed(log_owner):
    log_owner.execute("REVOKE INSERT (payload) ON audit.entry FROM eigyo_audit")
    try:
        yield
    finally:
        log_owner.execute("GRANT INSERT (payload) ON audit.entry TO eigyo_audit")


def claims(read_log) -> Counter:
    entries = read_log.entries(action="list")
    return Counter((entry["action"], entry["point"], frozenset(entry["fields"])) for entry in entries)


def test_each_part_of_a_stream_is_on_the_log_before_its_first_byte(region, doors, read_log):
    answer = region.retail_clerk().gets(f"/export/?q={OF_THE_REGION}")
    seen = Counter()
    while part := next(answer.streaming_content, b""):
        seen += Counter(row.claim for row in in_lines(part.decode()))
        assert claims(read_log) == seen
    assert {point for _, point, _ in seen} == {row.number for row in POINTS}


def test_a_stream_does_not_begin_without_the_log(region, doors, log_owner):
    clerk = region.nw_clerk()
    with log_closed(log_owner):
        answer = clerk.gets(f"/export/?q={OF_THE_REGION}")
    assert (answer.status_code, answer.streaming) == (503, False)
    assert OWN_LOW not in answer.content.decode()


def test_a_stream_breaks_off_where_the_log_does(region, doors, log_owner, read_log):
    answer = region.nw_clerk().gets(f"/export/?q={OF_THE_REGION}")
    first = next(answer.streaming_content)
    with log_closed(log_owner), pytest.raises(LogUnavailable):
        next(answer.streaming_content)
    assert claims(read_log) == Counter(row.claim for row in in_lines(first.decode()))


def test_a_view_that_fails_with_a_point_in_hand_has_logged_it_and_shows_nothing(region, doors, read_log):
    clerk = region.nw_clerk()
    clerk.client.raise_request_exception = False
    answer = clerk.gets(f"/breaks/{OWN_LOW}/")
    assert answer.status_code == 500
    assert "処理を続けられません" in answer.content.decode()
    assert not [
        value
        for value in POINTS[0]
        if isinstance(value, str) and len(value) > 4 and value in str(answer.content.decode())
    ]
    (entry,) = read_log.entries(action="open", point=OWN_LOW)
    assert entry["outcome"] == "allowed"


def test_a_job_logs_what_it_reads_as_a_page_does(region, read_log):
    clerk = region.retail_clerk()
    assert look_up.apply([clerk.card.number, OWN_LOW]).get() == "髙橋　花子"
    (entry,) = read_log.entries(action="open", point=OWN_LOW)
    assert (entry["person"], entry["request"], len(entry["fields"])) == ("R-20001", "job", 10)


def test_a_job_gets_nothing_while_the_log_is_closed(region, log_owner):
    clerk = region.nw_clerk()
    with log_closed(log_owner):
        outcome = look_up.apply([clerk.card.number, OWN_LOW])
    assert isinstance(outcome.result, LogUnavailable)


def test_a_worker_process_holds_no_role_that_reads_customer_rows(region, read_log):
    clerk = region.nw_clerk()
    withheld = {variable(login) for login in set(LOGINS) - set(HOLDINGS["worker"])}
    environment = {name: value for name, value in os.environ.items() if name not in withheld}
    script = IN_A_WORKER.format((clerk.card.number, OWN_LOW))
    asked = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.returncode, asked.stdout) == (1, "")
    assert "SideUnavailable" in asked.stderr
    assert read_log.entries(point=OWN_LOW) == []


def test_an_entry_stays_when_the_work_around_it_is_rolled_back(region, read_log):
    clerk = region.nw_clerk()
    with transaction.atomic(), transaction.atomic(using="nw"):
        look_up(clerk.card.number, OWN_LOW)
        transaction.set_rollback(True)
    assert len(read_log.entries(action="open", point=OWN_LOW)) == 1


def test_inside_a_transaction_of_the_log_nothing_is_read(region):
    clerk = region.nw_clerk()
    with pytest.raises(LogUnavailable), transaction.atomic(using="audit"):
        look_up(clerk.card.number, OWN_LOW)


def test_without_autocommit_of_the_log_nothing_is_read(region):
    clerk = region.nw_clerk()
    connections["audit"].set_autocommit(False)
    try:
        with pytest.raises(LogUnavailable):
            look_up(clerk.card.number, OWN_LOW)
    finally:
        connections["audit"].close()


@pytest.mark.parametrize("alias", ["default", "nw", "retail", "audit", "log"])
def test_a_server_that_vanishes_is_given_up_within_seconds(database, alias):
    connections[alias].ensure_connection()
    with socket.socket(fileno=os.dup(connections[alias].connection.fileno())) as line:
        idle, pause, times = (
            line.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
    assert idle + pause * times <= LONGEST_SILENCE
