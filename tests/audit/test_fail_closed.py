"""Logged, then shown: when the log cannot be written there is a 503 and no data."""

import os

import psycopg
import pytest
from django.db import connections

from tests.people import OTHER_LOW, OWN_LOW

URLS = [
    f"/points/{OWN_LOW}/",
    f"/points/{OWN_LOW}/print/",
    "/points/?q=一番町",
    f"/api/v1/supply-points/{OWN_LOW}",
    "/api/v1/supply-points?q=一番町",
]


def assert_closed(answer):
    assert answer.status_code == 503
    body = answer.content.decode()
    assert "髙橋" not in body
    assert "一番町二丁目" not in body
    assert "閲覧記録を書き込めないため" in body
    assert answer.headers["Retry-After"] == "30"
    assert "Traceback" not in body


@pytest.mark.parametrize("url", URLS)
def test_without_the_right_to_insert_nothing_is_shown(region, log_owner, url):
    clerk = region.nw_clerk()
    log_owner.execute("REVOKE INSERT (payload) ON audit.entry FROM eigyo_audit")
    try:
        assert_closed(clerk.gets(url))
    finally:
        log_owner.execute("GRANT INSERT (payload) ON audit.entry TO eigyo_audit")
    assert clerk.gets(url).status_code == 200


@pytest.mark.parametrize("url", URLS[:1])
def test_a_locked_log_is_waited_for_two_seconds_at_most(region, url):
    clerk = region.nw_clerk()
    with psycopg.connect(os.environ["EIGYO_DB_OWNER"]) as locker:
        locker.execute("SET ROLE eigyo_log_owner")
        locker.execute("LOCK TABLE audit.entry IN ACCESS EXCLUSIVE MODE")
        answer = clerk.gets(url)
    assert_closed(answer)
    assert clerk.gets(url).status_code == 200


@pytest.mark.parametrize("url", URLS)
def test_when_the_logs_connection_dies_the_answer_is_closed_and_the_next_one_recovers(region, owner, url):
    clerk = region.nw_clerk()
    assert clerk.gets(url).status_code == 200
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as administrator:
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'eigyo_audit'"
        )
    assert_closed(clerk.gets(url))
    assert clerk.gets(url).status_code == 200


def test_a_process_without_the_side_of_the_viewer_shows_nothing(region, monkeypatch):
    clerk = region.nw_clerk()
    monkeypatch.delitem(connections.settings, "nw")
    answer = clerk.gets(f"/points/{OTHER_LOW}/")
    assert answer.status_code == 421
    assert "秘密" not in answer.content.decode()


def test_sign_in_is_refused_when_it_cannot_be_logged(region, log_owner):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    log_owner.execute("REVOKE INSERT (payload) ON audit.entry FROM eigyo_audit")
    try:
        answer = clerk.tries_to_sign_in()
    finally:
        log_owner.execute("GRANT INSERT (payload) ON audit.entry TO eigyo_audit")
    assert answer.status_code == 503
    assert clerk.session is None


def test_officers_reads_are_closed_too(region, log_owner):
    officer = region.officer()
    log_owner.execute("REVOKE INSERT (payload) ON audit.entry FROM eigyo_audit")
    try:
        answer = officer.gets("/audit/reads/")
    finally:
        log_owner.execute("GRANT INSERT (payload) ON audit.entry TO eigyo_audit")
    assert answer.status_code == 503
    assert "N-10001" not in answer.content.decode()


def test_forbidden_sql_ends_in_a_closed_answer_without_a_trace(region, owner):
    clerk = region.retail_clerk()
    owner.execute("REVOKE SELECT (address) ON eigyo.supply_point FROM eigyo_retail")
    try:
        answer = clerk.gets(f"/points/{OWN_LOW}/")
    finally:
        owner.execute("GRANT SELECT (address) ON eigyo.supply_point TO eigyo_retail")
    assert answer.status_code == 503
    assert "permission denied" not in answer.content.decode()
