"""The months ahead are ready, or the job fails and officers see why."""

import psycopg
import pytest
from django.utils import timezone

from audit import log, operations
from audit.operations import PartitionsUnfit
from audit.records import Month
from tests.audit.conftest import entry, unguarded

NEXT_BUT_TWO = "to_char(clock_timestamp() AT TIME ZONE 'Asia/Tokyo' + interval '3 months', '{}')"
STANDING = (
    "SELECT array_agg(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'audit.entry'::regclass"
)


@pytest.fixture
def partitions(empty_log, superuser):
    """The partitions up to three months ahead; whatever a test makes of them, they stand again afterwards."""
    superuser.execute("SELECT audit.make_partitions(3)")
    before = set(superuser.execute(STANDING).fetchone()[0])
    yield
    with unguarded(superuser, "entry", "hold"):
        superuser.execute("TRUNCATE entry, hold")
    for extra in set(superuser.execute(STANDING).fetchone()[0]) - before:
        superuser.execute(f"DROP TABLE {extra}")
    superuser.execute("SELECT audit.make_partitions(3)")


@pytest.fixture
def farthest(superuser):
    """The month three months ahead: its name and a moment in it."""
    name, month = superuser.execute(
        f"SELECT {NEXT_BUT_TWO.format('YYYY_MM')}, {NEXT_BUT_TWO.format('YYYY-MM')}"
    ).fetchone()
    return f"entry_{name}", Month.parse(month)


def health(superuser, part="partitions"):
    return superuser.execute("SELECT fine, message, since FROM health WHERE part = %s", [part]).fetchone()


def makes_partitions():
    return operations.make_partitions(months_ahead=3)


def strays(superuser, moment):
    superuser.execute("INSERT INTO entry (payload, logged_at) VALUES (%s, %s)", [entry().payload(), moment])


def test_when_every_month_is_there_officers_see_that_all_is_well(partitions, superuser):
    assert makes_partitions() == 0
    fine, message, since = health(superuser)
    assert fine
    assert "3か月先まで" in message
    makes_partitions()
    assert health(superuser)[2] == since


def test_a_month_that_is_missing_is_made(partitions, superuser, farthest):
    superuser.execute(f"DROP TABLE {farthest[0]}")
    assert makes_partitions() == 1
    assert health(superuser)[0]


def test_entries_in_the_default_partition_fail_the_job(partitions, superuser):
    strays(superuser, "2018-06-15 12:00+09")
    with pytest.raises(PartitionsUnfit, match="既定のパーティションに記録があります（1件）"):
        makes_partitions()
    assert not health(superuser)[0]


def test_a_month_that_cannot_be_made_is_named(partitions, superuser, farthest):
    name, month = farthest
    superuser.execute(f"DROP TABLE {name}")
    strays(superuser, month.begins)
    with pytest.raises(PartitionsUnfit, match=f"パーティションがない月：{month}"):
        makes_partitions()
    assert str(month) in health(superuser)[1]


def test_the_owner_brings_stray_entries_home_and_the_seal_goes_on(
    partitions, sealed_log, superuser, log_owner, farthest
):
    name, month = farthest
    superuser.execute(f"DROP TABLE {name}")
    strays(superuser, month.begins)
    sealed_log.seals()
    strays(superuser, "2018-06-15 12:00+09")
    log.append([entry()])
    assert log_owner.execute("SELECT audit.rehome()").fetchone() == (2,)
    assert sealed_log.seals() == 2
    assert makes_partitions() == 0
    assert health(superuser)[0]
    homes = superuser.execute("SELECT tableoid::regclass::text FROM entry ORDER BY id").fetchall()
    assert [home for (home,) in homes[:2]] == [name, "entry_2018_06"]
    assert superuser.execute("SELECT count(*) FROM entry e JOIN leaf l ON l.entry = e.id").fetchone() == (3,)
    for table in (name, "entry_2018_06", "entry_default"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            log_owner.execute(f"TRUNCATE audit.{table}")


def test_a_month_kept_beyond_its_time_is_named(partitions, superuser, log_owner):
    strays(superuser, "2018-06-15 12:00+09")
    log_owner.execute("SELECT audit.rehome()")
    makes_partitions()
    fine, message, _ = health(superuser, "archive")
    assert not fine
    assert "2018-06" in message
    superuser.execute(
        "INSERT INTO hold (since, until, reason, placed_by, placed_at)"
        " VALUES ('2018-06-10', '2018-06-11', '事案', 'N-10002', %s)",
        [timezone.now()],
    )
    makes_partitions()
    assert health(superuser, "archive")[0]


@pytest.mark.parametrize("role", ["eigyo_app", "eigyo_retain", "eigyo_audit", "eigyo_log"])
def test_no_other_login_writes_a_word_of_its_own_into_health(database, as_login, role):
    with as_login(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("INSERT INTO audit.health VALUES ('sealing', true, '', now(), now())")


@pytest.mark.parametrize("role", ["eigyo_app", "eigyo_retain", "eigyo_seal"])
def test_only_the_owner_moves_entries_between_partitions(database, as_login, role):
    with as_login(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT audit.rehome()")
