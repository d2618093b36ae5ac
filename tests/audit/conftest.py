"""A read log with keys, a folder of its own and a witness next door."""

import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import psycopg
import pytest
from django.db import connections
from django.utils import timezone

from audit import archive, log, operations, publication, retention
from audit.choices import Action, Outcome
from audit.entry import Actor, Entry
from audit.note import LOG, WITNESS, Signer
from audit.records import Month
from audit.witness import Witness, application
from deploy.servers import free_port
from tests.people import OWN_LOW

OFFLINE = Path(__file__).parents[2] / "eigyo_verify.py"
ORIGIN = "test.invalid/read-log"
YOSHIOKA = "N-10002"
JANUARY, FEBRUARY = Month.parse("2019-01"), Month.parse("2019-02")
# What the planner knows of the log's values, which it learns whenever autovacuum comes by.
FORGET_VALUES = """
SELECT pg_clear_attribute_stats('audit', relname, attname, false) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relname LIKE 'entry%' AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
"""


def entry(**changes) -> Entry:
    """An entry of 佐藤 opening a point."""
    given = {
        "actor": Actor(person="RT-0001", person_name="佐藤", side="retail", purpose="contract_inquiry"),
        "action": Action.OPEN,
        "outcome": Outcome.ALLOWED,
        "at": timezone.now(),
        "request": "test",
        "point": "0210000000000000000001",
        "fields": ("number", "address"),
    }
    return Entry(**given | changes)


def rows_read(alias: str) -> int:
    """Return how many entries this login's transaction has read in tables and indexes."""
    return _counted(alias, "pg_stat_get_xact_tuples_returned")


def blocks_read(alias: str) -> int:
    """Return how many blocks of the entries' tables and indexes this login's transaction has asked for."""
    return _counted(alias, "pg_stat_get_xact_blocks_fetched")


def _counted(alias: str, statistic: str) -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            f"SELECT sum({statistic}(oid)) FROM pg_class"
            " WHERE relnamespace = 'audit'::regnamespace AND relname LIKE 'entry%'"
        )
        return int(cursor.fetchone()[0])


@dataclass
class Neighbour:
    """The witness, which can be sent away and come back."""

    witness: Witness
    server: object = None
    port: int = field(default_factory=free_port)

    def answers(self) -> None:
        app = application(self.witness, lambda: int(timezone.now().timestamp()))
        self.server = make_server("127.0.0.1", self.port, app, handler_class=_Silent)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def is_away(self) -> None:
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


class _Silent(WSGIRequestHandler):
    def log_message(self, *args) -> None:
        pass


@dataclass
class SealedLog:
    """This installation's log as its sealer sees it."""

    folder: Path
    policy: Path
    log_seed: str
    neighbour: Neighbour

    def seals(self) -> int:
        return operations.seal_everything(at=timezone.now())

    def publishes(self):
        return publication.publish(at=timezone.now())

    def trusts(self, *seeds: str) -> None:
        """Write the trust policy for these keys of the log."""
        logs = [f"log {Signer.from_seed(ORIGIN, LOG, seed).key}\n" for seed in seeds]
        witness = f"witness w {self.neighbour.witness.signer.key} http://127.0.0.1:{self.neighbour.port}\n"
        self.policy.write_text("".join(logs) + witness + "quorum w\n")

    @property
    def published(self):
        return publication.published()


@pytest.fixture
def sealed_log(empty_log, tmp_path, settings) -> Iterator[SealedLog]:
    """The sealer with keys of its own and a witness that answers."""
    seed = secrets.token_hex(32)
    signer = Signer.from_seed("test.invalid/witness", WITNESS, secrets.token_hex(32))
    neighbour = Neighbour(
        Witness(signer, [Signer.from_seed(ORIGIN, LOG, seed).key], tmp_path / "witness.sqlite")
    )
    neighbour.answers()
    settings.READ_LOG_ORIGIN = ORIGIN
    settings.READ_LOG_KEYS = [seed]
    settings.READ_LOG_FOLDER = str(tmp_path / "log")
    settings.READ_LOG_POLICY = str(tmp_path / "policy.txt")
    log = SealedLog(tmp_path / "log", tmp_path / "policy.txt", seed, neighbour)
    log.trusts(seed)
    try:
        yield log
    finally:
        neighbour.is_away()


@pytest.fixture
def published_log(sealed_log):
    """Three hundred entries, published in two steps."""
    for size in (40, 260):
        log.append([entry(request=f"r{number}", point=f"02{number:020}") for number in range(size)])
        sealed_log.seals()
        sealed_log.publishes()
    return sealed_log


@pytest.fixture
def superuser(administrator_url: str) -> Iterator[psycopg.Connection]:
    """A connection of the server's administrator, who can do anything to the rows."""
    with psycopg.connect(administrator_url, autocommit=True) as connection:
        connection.execute("SET search_path TO audit, public")
        yield connection


@contextmanager
def unguarded(superuser: psycopg.Connection, *tables: str) -> Iterator[None]:
    """Act with the triggers of these tables switched off, as the server's administrator could."""
    triggers = superuser.execute(
        "SELECT t.tgrelid::regclass::text, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND c.relnamespace = 'audit'::regnamespace"
        " AND (c.relname = ANY(%s) OR pg_partition_root(c.oid) = ANY(%s::regclass[]))",
        [list(tables), list(tables)],
    ).fetchall()
    with superuser.transaction():
        for table, trigger in triggers:
            superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        yield
        for table, trigger in triggers:
            superuser.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


@contextmanager
def a_late_commit(superuser: psycopg.Connection) -> Iterator[None]:
    """Let an entry of an earlier moment appear as soon as anything is logged."""
    superuser.execute(
        "CREATE FUNCTION audit.joins() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
        " IF pg_trigger_depth() = 1 THEN INSERT INTO audit.entry (payload, logged_at)"
        f" SELECT payload, logged_at FROM audit.entry WHERE point = '{OWN_LOW}' LIMIT 1; END IF;"
        " RETURN NULL; END $$"
    )
    superuser.execute(
        "CREATE TRIGGER joins AFTER INSERT ON audit.entry FOR EACH STATEMENT EXECUTE FUNCTION audit.joins()"
    )
    try:
        yield
    finally:
        superuser.execute("DROP FUNCTION audit.joins CASCADE")


@pytest.fixture
def empty_log(superuser) -> Iterator[None]:
    """Put entries, tree and checkpoints back to the beginning."""
    connections["seal"].close()
    with unguarded(superuser, "entry", "leaf", "checkpoint", "tree_state"):
        superuser.execute("TRUNCATE entry, leaf, checkpoint, health")
        superuser.execute(
            "UPDATE tree_state SET size = 0, frontier = '{}', sealed = pg_current_snapshot(), target = NULL,"
            " position_xact = '0', position_id = 0, floor = 0, cluster = (SELECT system_identifier FROM pg_control_system())"
        )
    yield
    connections["seal"].close()


@pytest.fixture
def years_ago(sealed_log, superuser, log_owner, tmp_path, settings):
    """Two months of 2019 with their partitions; what is left of them goes when the test ends."""
    settings.READ_LOG_ARCHIVE = str(tmp_path / "archive")
    for month in (JANUARY, FEBRUARY):
        partition(log_owner, month)
    yield
    for month in (JANUARY, FEBRUARY):
        superuser.execute(f"DROP TABLE IF EXISTS audit.{name_of(month)}")
    with unguarded(superuser, "archive", "hold", "dropped_month"):
        superuser.execute("TRUNCATE archive, hold, dropped_month")


@pytest.fixture
def a_month_apart(years_ago, sealed_log, superuser):
    """300 entries of January 2019 with one of February committed among them, then one of today."""
    opened(superuser, JANUARY, 200)
    sealed_log.seals()
    opened(superuser, FEBRUARY, 1)
    sealed_log.seals()
    opened(superuser, JANUARY, 100)
    log.append([entry(point=OWN_LOW)])
    published(sealed_log)


def name_of(month):
    return f"entry_{str(month).replace('-', '_')}"


def partition(log_owner, month):
    log_owner.execute(
        f"CREATE TABLE audit.{name_of(month)} PARTITION OF audit.entry"
        f" FOR VALUES FROM ('{month.begins.isoformat()}') TO ('{month.ends.isoformat()}')"
    )
    log_owner.execute(f"SELECT audit.seal_partition('audit.{name_of(month)}')")


def opened(superuser, month, times=1, **changes):
    """佐藤 opened a point in a month of 2019."""
    for step in range(times):
        superuser.execute(
            "INSERT INTO entry (payload, logged_at) VALUES (%s, %s)",
            [entry(**changes).payload(), month.begins + timedelta(days=1, seconds=step)],
        )


def published(sealed_log):
    sealed_log.seals()
    return sealed_log.publishes()


def archived(month):
    return archive.archive(month, by=YOSHIOKA, at=timezone.now())


def dropped(month):
    return retention.drop(month, by=YOSHIOKA, at=timezone.now())


def offline(*arguments):
    """Run the auditor's program as the auditor would: alone, in another place."""
    return subprocess.run(
        [sys.executable, "-I", OFFLINE, *map(str, arguments)], capture_output=True, text=True, cwd="/"
    )


def verdict():
    return operations.verify(asked_by="NW-0009", clock=timezone.now, first=0)


def found():
    return [(each.index, each.message) for each in verdict().findings]


def entry_of(superuser, leaf):
    return superuser.execute("SELECT entry FROM leaf WHERE index = %s", [leaf]).fetchone()[0]
