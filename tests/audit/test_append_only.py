"""The read log takes entries and gives nothing back: what each role may and may not do with it."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connections, transaction

from audit import log, operations
from audit.choices import Action, Outcome
from audit.entry import Actor, Entry

AT = datetime(2026, 11, 22, 5, 5, 12, 123456, tzinfo=UTC)


def an_entry(**changes) -> Entry:
    values = {
        "actor": Actor(person="N-10001", card="1000000001"),
        "action": Action.OPEN,
        "outcome": Outcome.ALLOWED,
        "at": AT,
        "request": "r",
    }
    return Entry(**(values | changes))


def test_an_entry_is_committed_when_append_returns(database, read_log):
    receipts = log.append([an_entry(point="0210000000000000000001"), an_entry(action=Action.SEARCH)])
    assert [entry["action"] for entry in read_log.entries()] == ["open", "search"]
    assert receipts[0].number < receipts[1].number
    assert receipts[0].logged_at.tzinfo is not None


def test_nothing_to_append_touches_nothing(database, read_log):
    assert log.append([]) == []
    assert read_log.entries() == []


def test_the_stored_text_is_canonical_json_with_a_fresh_nonce(database, read_log):
    import rfc8785

    log.append([an_entry(), an_entry()])
    one, other = read_log.texts()
    entries = read_log.entries()
    assert rfc8785.dumps(entries[0]).decode() in {one, other}
    assert entries[0]["nonce"] != entries[1]["nonce"]
    assert entries[0]["at"] == "2026-11-22T05:05:12.123456Z"


def test_a_rollback_elsewhere_does_not_take_an_entry_back(database, read_log):
    with transaction.atomic():
        log.append([an_entry()])
        transaction.set_rollback(True)
    assert len(read_log.entries()) == 1


def test_inside_a_transaction_of_its_own_alias_the_log_refuses(database):
    with pytest.raises(log.LogUnavailable), transaction.atomic(using="audit"):
        log.append([an_entry()])


def test_sixteen_writers_lose_and_mix_nothing(database, read_log):
    def write(number):
        receipts = log.append([an_entry(request=f"{number}-{row}") for row in range(20)])
        connections["audit"].close()
        return [receipt.number for receipt in receipts]

    with ThreadPoolExecutor(16) as writers:
        numbers = [number for found in writers.map(write, range(16)) for number in found]
    assert len(set(numbers)) == 320
    assert {entry["request"] for entry in read_log.entries()} == {
        f"{n}-{row}" for n in range(16) for row in range(20)
    }


STATEMENTS = [
    "UPDATE entry SET payload = '{}'",
    "DELETE FROM entry",
    "TRUNCATE entry",
    "DROP TABLE entry",
    "ALTER TABLE entry DISABLE TRIGGER ALL",
    'INSERT INTO entry (logged_at, payload) VALUES (\'2020-01-01\', \'{"action":"open","outcome":"allowed"}\')',
    'INSERT INTO entry (xact, payload) VALUES (\'1\', \'{"action":"open","outcome":"allowed"}\')',
    'INSERT INTO entry_default (payload) VALUES (\'{"action":"open","outcome":"allowed"}\')',
    "SET session_replication_role = replica",
    "SELECT audit.seal_partition('audit.entry_default')",
]


@pytest.mark.parametrize("role", ["DEFAULT", "NW", "RETAIL", "FEED", "AUDIT", "LOG"])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_application_role_changes_or_forges_the_log(database, role, statement):
    refusals = (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)
    with (
        psycopg.connect(os.environ[f"EIGYO_DB_{role}"], options="-c search_path=audit") as connection,
        pytest.raises(refusals),
    ):
        connection.execute(statement)


def partitions(log_owner) -> list[str]:
    rows = log_owner.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit.entry'::regclass"
    )
    return [row[0] for row in rows]


def test_even_the_logs_owner_cannot_change_or_empty_it(log_owner):
    log.append([an_entry()])
    assert len(partitions(log_owner)) >= 5
    for table in ["audit.entry", *partitions(log_owner)]:
        statements = [f"TRUNCATE {table}"]
        if table == "audit.entry":
            statements += [f"UPDATE {table} SET payload = payload", f"DELETE FROM {table}"]
        for statement in statements:
            with psycopg.connect(os.environ["EIGYO_DB_OWNER"]) as connection:
                connection.execute("SET ROLE eigyo_log_owner")
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                    connection.execute(statement)


def test_partitions_exist_three_months_ahead_and_the_job_makes_the_missing_ones(empty_log, log_owner):
    operations.make_partitions(months_ahead=3)  # a month may have begun since the migration
    assert operations.make_partitions(months_ahead=3) == 0
    assert operations.make_partitions(months_ahead=5) in {0, 1, 2}
    assert operations.make_partitions(months_ahead=5) == 0
    made = partitions(log_owner)[-1]
    guards = log_owner.execute(
        "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = %s::regclass", [made]
    ).fetchall()
    assert dict(guards) == {"no_change": "A", "no_truncate": "A"}


def test_search_columns_cannot_disagree_with_the_payload(database, read_log):
    log.append([an_entry(point="0210000000000000000001")])
    with psycopg.connect(os.environ["EIGYO_DB_LOG"]) as connection:
        row = connection.execute(
            "SELECT person, card, point, action FROM entry ORDER BY id DESC LIMIT 1"
        ).fetchone()
    assert row == ("N-10001", "1000000001", "0210000000000000000001", "open")


def test_the_log_has_no_foreign_keys(log_owner):
    found = log_owner.execute(
        "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'audit.entry'::regclass"
    )
    assert found.fetchone()[0] == 0
