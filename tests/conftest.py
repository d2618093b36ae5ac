"""One real PostgreSQL and Valkey for the whole run (started by `make test`); named people in a small region.

Everything is committed, as in production: the login roles are the ones the product uses. Tables are
emptied by their owner before each test that asks for the region; the read log cannot be emptied by
anyone, so tests look only at what came after they began.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from copy import deepcopy
from functools import partial
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from hypothesis import settings

from config.celery import app
from deploy.roles import LOGIN_ROLES
from tests.people import Region, build_region
from tests.readlog import ReadLog
from tests.snapshot import Snapshot, empty
from tests.town import Town, found_town

settings.register_profile("eigyo", deadline=None, print_blob=True)
settings.load_profile("eigyo")
KEPT = ("django_migrations", "django_content_type", "auth_permission")


@pytest.fixture(scope="session")
def database(django_db_blocker) -> Iterator[None]:
    """Migrate once as the owner and let tests use the database."""
    if not os.environ.get("EIGYO_DB_OWNER"):
        pytest.fail("no database: run the tests with `make test`")
    with django_db_blocker.unblock():
        call_command("migrate", database="owner", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        yield


@pytest.fixture(scope="session")
def owner(database) -> Iterator[psycopg.Connection]:
    """Return a connection of the tables' owner."""
    with psycopg.connect(os.environ["EIGYO_DB_OWNER"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def log_owner(database) -> Iterator[psycopg.Connection]:
    """Return a connection acting as the owner of the read log, as its administrator would."""
    with psycopg.connect(os.environ["EIGYO_DB_OWNER"], autocommit=True) as connection:
        connection.execute("SET ROLE eigyo_log_owner")
        yield connection


@pytest.fixture(scope="session")
def as_login(database) -> Callable[[str], AbstractContextManager[psycopg.Connection]]:
    """Connect as one of the login roles."""
    urls = {role: os.environ[f"EIGYO_DB_{name}"] for name, role in LOGIN_ROLES.items()}
    return lambda role: psycopg.connect(urls[role])


@pytest.fixture(scope="session")
def emptied_tables(owner: psycopg.Connection) -> list[str]:
    """Return the tables of the registry and the region (contracts by their partitioned parent)."""
    rows = owner.execute(
        "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname IN ('app', 'eigyo') AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND c.relname <> ALL(%s)",
        [list(KEPT)],
    ).fetchall()
    return [row[0] for row in rows]


@pytest.fixture
def clean(owner: psycopg.Connection, emptied_tables: list[str]) -> None:
    """Empty the registry and the region."""
    empty(owner, emptied_tables)


@pytest.fixture(scope="session")
def administrator_url(database) -> str:
    """Return how the server's administrator, who can do anything to the rows, connects."""
    return os.environ["DATABASE_URL"].rsplit("/", 1)[0] + "/eigyo_test"


@pytest.fixture(scope="session")
def administrator(administrator_url: str) -> Iterator[psycopg.Connection]:
    """Return a connection of the server's administrator."""
    with psycopg.connect(administrator_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def region_as_built(
    owner: psycopg.Connection, administrator: psycopg.Connection, emptied_tables: list[str]
) -> tuple[Region, Snapshot]:
    """Make the small region once, and keep its rows."""
    empty(owner, emptied_tables)
    return build_region(), Snapshot.of(administrator, emptied_tables)


@pytest.fixture
def region(region_as_built: tuple[Region, Snapshot], administrator: psycopg.Connection) -> Region:
    """Return the small region: companies, places, terminals, people, six supply points."""
    built, rows = region_as_built
    rows.put_back(administrator)
    return deepcopy(built)


@pytest.fixture(scope="module")
def town(owner: psycopg.Connection, emptied_tables: list[str]) -> Town:
    """Return the region with everybody signed in, one for a whole module."""
    return found_town(owner, emptied_tables)


@pytest.fixture
def read_log(owner: psycopg.Connection) -> ReadLog:
    """Return the entries of the read log made during this test."""
    return ReadLog.from_now()


@pytest.fixture
def asked_of_worker() -> Callable[[str], list[Any]]:
    """What the worker has been asked to do since the test began: (args, kwargs) of each asking for a task."""
    app.control.purge()

    def asked(task: str) -> list[Any]:
        with app.connection_for_read() as broker:
            queue = app.amqp.queues[app.conf.task_default_queue](broker)
            waiting = list(iter(partial(queue.get, no_ack=True), None))
        return [tuple(each.payload[:2]) for each in waiting if each.headers["task"] == task]

    return asked
