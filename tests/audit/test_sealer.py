"""Every committed entry becomes one leaf, once, whatever the transactions around it do."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.utils import timezone

from audit import log, sealer
from audit.sealer import SealingRefused
from tests.audit.conftest import FORGET_VALUES, blocks_read, entry, rows_read, unguarded
from tests.processes import wait_until

pytestmark = pytest.mark.usefixtures("sealed_log")
INSERT = "INSERT INTO audit.entry (payload) SELECT unnest(%s::text[])"


def write_url():
    return os.environ["EIGYO_DB_AUDIT"]


def unsealed(superuser):
    return superuser.execute(
        "SELECT count(*) FROM entry e LEFT JOIN leaf l ON l.entry = e.id WHERE l.entry IS NULL"
    ).fetchone()[0]


def indexes(superuser):
    return [row[0] for row in superuser.execute("SELECT index FROM leaf ORDER BY index")]


def test_an_entry_is_a_leaf_after_the_next_round(sealed_log, superuser):
    log.append([entry(), entry()])
    assert sealed_log.seals() == 2
    assert sealed_log.seals() == 0
    assert indexes(superuser) == [0, 1]


def test_pages_of_one_round_are_put_together(sealed_log, superuser):
    log.append([entry() for _ in range(25)])
    added = [sealer.seal(published=None, at=timezone.now(), page=10) for _ in range(3)]
    assert [(each.added, each.ends) for each in added] == [(10, False), (10, False), (5, True)]
    assert indexes(superuser) == list(range(25))


def test_a_round_that_was_left_is_finished_before_a_new_one(sealed_log, superuser):
    log.append([entry() for _ in range(15)])
    sealer.seal(published=None, at=timezone.now(), page=10)
    log.append([entry() for _ in range(3)])
    assert sealed_log.seals() == 8
    assert indexes(superuser) == list(range(18))


def test_what_commits_between_two_pages_waits_for_the_next_round(sealed_log, superuser):
    log.append([entry() for _ in range(15)])
    sealer.seal(published=None, at=timezone.now(), page=10)
    log.append([entry()])
    assert sealer.seal(published=None, at=timezone.now(), page=10).added == 5
    assert sealed_log.seals() == 1
    assert unsealed(superuser) == 0


ANALYSED = ["ANALYZE entry"]
# As after a flood of entries whose values nobody has counted yet.
ONLY_COUNTED = ["VACUUM entry", FORGET_VALUES]


@pytest.mark.parametrize("statistics", [ANALYSED, ONLY_COUNTED], ids=["analysed", "only counted"])
def test_a_page_of_a_large_backlog_reads_no_more_than_itself(statistics, sealed_log, superuser):
    """The rest of the backlog must cost nothing, or catching up takes the square of what is left."""
    for _ in range(4):
        log.append([entry() for _ in range(500)])
    for statement in statistics:
        superuser.execute(statement)
    sealer.seal(published=None, at=timezone.now(), page=50)
    with transaction.atomic(using="seal"):
        before = rows_read("seal")
        sealer.seal(published=None, at=timezone.now(), page=50)
        assert rows_read("seal") - before == 50


def test_a_tick_costs_no_more_in_a_long_log_than_in_a_short_one(sealed_log, superuser):
    def blocks_of_a_tick() -> int:
        log.append([entry()])
        with transaction.atomic(using="seal"):
            before = blocks_read("seal")
            sealer.seal(published=None, at=timezone.now())
            return blocks_read("seal") - before

    sealed_log.seals()
    short = blocks_of_a_tick()
    for _ in range(10):
        log.append([entry() for _ in range(500)])
    sealed_log.seals()
    superuser.execute("ANALYZE entry")
    assert blocks_of_a_tick() <= short + 5


def test_an_entry_that_commits_late_is_not_lost(sealed_log, superuser):
    with psycopg.connect(write_url()) as slow:
        slow.execute(INSERT, [[entry().payload()]])
        log.append([entry(), entry()])
        assert sealed_log.seals() == 2
        slow.commit()
    assert sealed_log.seals() == 1
    assert unsealed(superuser) == 0


def test_an_open_transaction_holds_nobody_up(sealed_log, superuser):
    """Ten minutes open or one second: to the sealer it is a number in the list of running ones."""
    with psycopg.connect(os.environ["EIGYO_DB_FEED"]) as batch:
        batch.execute("SELECT pg_current_xact_id()")
        for _ in range(5):
            log.append([entry()])
            assert sealed_log.seals() == 1
    assert unsealed(superuser) == 0


def test_a_transaction_rolled_back_leaves_no_leaf(sealed_log, superuser):
    with psycopg.connect(write_url()) as undone:
        undone.execute(INSERT, [[entry().payload()]])
        sealed_log.seals()
        undone.rollback()
    assert sealed_log.seals() == 0
    assert indexes(superuser) == []


def test_a_clock_set_back_changes_neither_order_nor_completeness(sealed_log, superuser):
    log.append([entry()])
    sealed_log.seals()
    superuser.execute(
        "INSERT INTO entry (payload, logged_at) VALUES (%s, now() - interval '2 years')", [entry().payload()]
    )
    assert sealed_log.seals() == 1
    assert unsealed(superuser) == 0


def writes(number, written):
    """Forty transactions of one writer, of which every seventh is taken back."""
    with psycopg.connect(write_url()) as connection:
        for turn in range(40):
            connection.execute(INSERT, [[entry().payload()]])
            if turn % 7 == number % 7:
                connection.rollback()
            else:
                connection.commit()
                written.append(number)


def seals_until(stop):
    """A sealer that begins again whenever its connection is cut."""
    while not stop.is_set():
        try:
            sealer.seal(published=None, at=timezone.now(), page=7)
        except (DatabaseError, InterfaceError, psycopg.Error):
            connections["seal"].close()
    connections["seal"].close()


def test_sixteen_writers_two_sealers_and_kills_lose_and_repeat_nothing(sealed_log, superuser):
    stop, written = threading.Event(), []
    sealers = [threading.Thread(target=seals_until, args=[stop]) for _ in range(2)]
    writers = [threading.Thread(target=writes, args=[number, written]) for number in range(16)]
    for thread in (*sealers, *writers):
        thread.start()
    cut = 0
    for thread in writers:
        while thread.is_alive():
            cut += superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'eigyo_seal' LIMIT 1"
            ).rowcount
            thread.join(0.05)
    stop.set()
    for thread in sealers:
        thread.join()
    sealed_log.seals()
    assert cut > 0
    assert unsealed(superuser) == 0
    assert indexes(superuser) == list(range(len(written)))


def waits_for_the_first(superuser) -> bool:
    """Whether a sealer waits for a row another holds."""
    return superuser.execute(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'eigyo_seal' AND wait_event_type = 'Lock')"
    ).fetchone()[0]


def test_a_second_sealer_that_waited_goes_on_where_the_first_ended(sealed_log, superuser):
    """What it saw while it waited is older than what the first has sealed; that is no restored log."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(using="seal"), connections["seal"].cursor() as cursor:
            cursor.execute("SELECT FROM tree_state FOR UPDATE")
            second = pool.submit(seals_alone)
            wait_until(lambda: waits_for_the_first(superuser))
            for _ in range(3):
                log.append([entry()])
            assert sealer.seal(published=None, at=timezone.now()).size == 3
        assert second.result().size == 3
    assert indexes(superuser) == [0, 1, 2]


def seals_alone():
    """A round over a connection of its own."""
    try:
        return sealer.seal(published=None, at=timezone.now())
    finally:
        connections["seal"].close()


def test_a_log_restored_into_another_cluster_is_not_sealed(sealed_log, superuser):
    superuser.execute("UPDATE tree_state SET cluster = cluster + 1")
    with pytest.raises(SealingRefused, match="別のデータベースクラスター"):
        sealed_log.seals()
    fine, message = superuser.execute("SELECT fine, message FROM health WHERE part = 'sealing'").fetchone()
    assert not fine
    assert "adopt_read_log" in message


def test_a_restored_log_goes_on_with_the_same_tree_after_it_was_adopted(sealed_log, superuser, capsys):
    """The old transaction numbers are higher than the new cluster's, and will come up again there."""
    log.append([entry() for _ in range(3)])
    sealed_log.seals()
    log.append([entry(), entry()])
    with unguarded(superuser, "entry", "tree_state"):
        superuser.execute("UPDATE entry SET xact = (xact::text::bigint + 40)::text::xid8")
        superuser.execute("UPDATE tree_state SET cluster = cluster + 1")
    call_command("adopt_read_log", reason="夜間の障害から復元")
    assert "2件を封印しました" in capsys.readouterr().out
    for _ in range(60):
        log.append([entry()])
        sealed_log.seals()
    assert indexes(superuser) == list(range(65))
    assert sealed_log.publishes().size == 65
    with pytest.raises(CommandError, match="引き継ぎは要りません"):
        call_command("adopt_read_log", reason="もう一度")


def test_a_log_older_than_the_published_checkpoint_is_not_sealed(sealed_log, superuser):
    """A lagging standby or an old backup: same cluster, fewer leaves."""
    log.append([entry() for _ in range(3)])
    sealed_log.seals()
    sealed_log.publishes()
    with unguarded(superuser, "checkpoint"):
        superuser.execute("DELETE FROM checkpoint")
    log.append([entry()])
    with pytest.raises(SealingRefused, match="古いバックアップ"):
        sealed_log.seals()
    assert indexes(superuser) == [0, 1, 2]


def test_nobody_but_the_sealer_writes_leaves(database):
    for login in ("AUDIT", "LOG", "DEFAULT", "FEED", "NW", "RETAIL"):
        with (
            psycopg.connect(os.environ[f"EIGYO_DB_{login}"]) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("INSERT INTO audit.leaf VALUES (0, 0, now(), '')")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE leaf SET hash = hash",
        "DELETE FROM leaf",
        "TRUNCATE leaf",
        "UPDATE tree_state SET size = 0",
        "UPDATE tree_state SET cluster = 1",
        "DELETE FROM tree_state",
        "DELETE FROM checkpoint",
        "UPDATE checkpoint SET root = root",
        "INSERT INTO entry (payload) VALUES ('{}')",
    ],
)
def test_the_sealer_cannot_take_a_leaf_back(sealed_log, statement):
    log.append([entry()])
    sealed_log.seals()
    sealed_log.publishes()
    with (
        psycopg.connect(os.environ["EIGYO_DB_SEAL"]) as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)),
    ):
        connection.execute(statement)
