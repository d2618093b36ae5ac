"""Two databases in step: the same people, sessions and read log; only what a proof wants differs.

Both are copies of one prepared database. Every request is made in both, so whatever requests write
stays equal, numbers of the read log included. The read log's own clock is held still in the copies.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import psycopg
import time_machine
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from deploy import roles
from deploy.environment import LOGINS, variable

NOW = datetime(2026, 4, 15, 1, 0, tzinfo=UTC)
ONE, OTHER = "eigyo_test_one", "eigyo_test_other"
BOTH = (ONE, OTHER)
PREPARED = "eigyo_test_prepared"


class Twins:
    """The two databases, and the connections of every alias to each of them."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        self.administrator = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        self.aliases: dict[str, dict[str, object]] = {}
        self.hands: dict[str, psycopg.Connection] = {}
        self._prepare()
        with _all_aliases_at(PREPARED):
            call_command("migrate", database="owner", verbosity=0)
            self._hold_the_clock_of_the_log()
            with time_machine.travel(NOW, tick=False):
                prepare()
        self.renew()

    def renew(self) -> None:
        """Make both copies afresh."""
        self._let_go()
        for name in BOTH:
            self._copy(name)
            self.aliases[name] = {alias: _wrapper(alias, name) for alias in connections.databases}
            for wrapper in self.aliases[name].values():
                wrapper.ensure_connection()  # what a first connection asks once is no answer to anybody
            owner = roles.login_url(os.environ["EIGYO_DB_OWNER"], database=name)
            self.hands[name] = psycopg.connect(owner, autocommit=True)

    def close(self) -> None:
        """Drop everything."""
        self._let_go()
        self._drop(PREPARED)
        self.administrator.close()

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Let every alias of this thread mean one of the two."""
        before = {alias: connections[alias] for alias in connections.databases}
        try:
            for alias, wrapper in self.aliases[name].items():
                connections[alias] = wrapper
            yield
        finally:
            for alias, wrapper in before.items():
                connections[alias] = wrapper

    def _prepare(self) -> None:
        self._drop(PREPARED)
        passwords = {login: _password(login) for login in LOGINS}
        roles.prepare(os.environ["DATABASE_URL"], passwords=passwords, database=PREPARED)
        self._set("DATABASE {}", PREPARED, "proof.now", NOW.isoformat())

    def _copy(self, name: str) -> None:
        """Copy the prepared database, and the settings that belong to a database but are not copied."""
        self._drop(name)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self.administrator.execute(statement.format(sql.Identifier(name), sql.Identifier(PREPARED)))
        settings = self.administrator.execute(
            "SELECT r.rolname, unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
            " LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE d.datname = %s",
            [PREPARED],
        )
        for role, setting in settings.fetchall():
            whose = f"ROLE {role} IN DATABASE {{}}" if role else "DATABASE {}"
            self._set(whose, name, *setting.split("=", 1))

    def _set(self, whose: str, name: str, setting: str, value: str) -> None:
        given = sql.SQL(value) if setting == "search_path" else sql.Literal(value)
        target = sql.SQL(whose).format(sql.Identifier(name))
        self.administrator.execute(sql.SQL("ALTER {} SET {} = {}").format(target, sql.SQL(setting), given))

    def _hold_the_clock_of_the_log(self) -> None:
        url = roles.login_url(os.environ["DATABASE_URL"], database=PREPARED)
        with psycopg.connect(url) as inside:
            inside.execute(
                "ALTER TABLE audit.entry ALTER logged_at SET DEFAULT current_setting('proof.now')::timestamptz"
            )

    def _let_go(self) -> None:
        for wrappers in self.aliases.values():
            for wrapper in wrappers.values():
                wrapper.close()
        for hand in self.hands.values():
            hand.close()
        for name in BOTH:
            self._drop(name)

    def _drop(self, name: str) -> None:
        self.administrator.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def _wrapper(alias: str, name: str) -> object:
    """A connection like Django's own of this alias, to another database."""
    made = connections.create_connection(alias)
    made.settings_dict = deepcopy(made.settings_dict) | {"NAME": name}
    return made


@contextmanager
def _all_aliases_at(name: str) -> Iterator[None]:
    """Point the settings elsewhere, for code that opens connections in threads of its own."""
    before = {alias: values["NAME"] for alias, values in connections.databases.items()}
    try:
        _point(dict.fromkeys(before, name))
        yield
    finally:
        _point(before)


def _point(names: dict[str, str]) -> None:
    for alias, name in names.items():
        connections[alias].close()
        connections.databases[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


def _password(login: str) -> str:
    return unquote(urlsplit(os.environ[variable(login)]).password or "")
