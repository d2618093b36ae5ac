"""The read log away from the registry: throw-away clusters on loopback, a standby, and who may come in where."""

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from audit.note import LOG, Signer
from deploy import binaries, roles, servers
from deploy.environment import LOGINS, variable
from deploy.processes import Account, Child, unprivileged_account
from deploy.state import CHECKOUT, State
from tests.processes import wait_until

DATABASE = "eigyo"
ON_THE_LOG = ("AUDIT", "LOG", "SEAL", "RETAIN")
ORIGIN = "test.invalid/read-log"
STANDBY = "eigyo_standby"
MIGRATE = """
import json
import django
django.setup()
from django.core.management import call_command
call_command("migrate", database="owner", verbosity=0)
call_command("migrate", "audit", database="log_owner", verbosity=0)
"""


def admitted_by_the_page() -> list[str]:
    """The lines of pg_hba.conf in docs/scale.md, with this machine's address and without TLS."""
    page = (CHECKOUT / "docs" / "scale.md").read_text()
    lines = re.findall(r"^ *hostssl +(\S+) +(\S+) +\S+ +(\S+)$", page, re.MULTILINE)
    return [f"host {database} {users} 127.0.0.1/32 {method}" for database, users, method in lines]


@dataclass
class Cluster:
    """A PostgreSQL that keeps its port, and what its administrator asks of it."""

    state: State = field(default_factory=State.temporary)
    port: int = field(default_factory=servers.free_port)
    child: Child | None = None

    @property
    def account(self) -> Account:
        return unprivileged_account(os.environ.get("EIGYO_SERVICE_USER"), "postgres", "nobody")

    @property
    def data(self) -> Path:
        return self.state.path / "postgresql"

    @property
    def url(self) -> str:
        password = self.state.secret("postgresql")
        return f"postgresql://{servers.ADMINISTRATOR}:{password}@127.0.0.1:{self.port}/postgres"

    def shares_programs_of(self, other: "Cluster") -> "Cluster":
        """Run what the other one runs, without a copy of its own."""
        (self.state.path / "bin").symlink_to(other.state.path / "bin")
        return self

    def starts(self) -> "Cluster":
        self.child, _ = servers.start_postgresql(self.state, account=self.account, port=self.port)
        return self

    def stops(self) -> None:
        """Stop as an administrator does who waits: standbys have received everything when it is over."""
        if self.child:
            self.child.stop()
            self.child = None

    def goes(self) -> None:
        self.stops()
        self.state.release()

    def asks(self, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        with psycopg.connect(roles.login_url(self.url, database=DATABASE), autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def admits_only(self, lines: list[str]) -> None:
        """Let the administrator in, and those of the lines."""
        administrator = f"host all {servers.ADMINISTRATOR} 127.0.0.1/32 scram-sha-256"
        self.stops()
        (self.data / "pg_hba.conf").write_text("\n".join([administrator, *lines]) + "\n")
        self.starts()

    def gives_a_standby(self) -> "Cluster":
        """Make a streaming standby as the page says: a login for it, a slot, pg_basebackup."""
        password = secrets.token_hex(16)
        self.asks(f"CREATE ROLE {STANDBY} LOGIN REPLICATION PASSWORD '{password}'")
        standby = self._sister()
        folder = binaries.reachable_postgresql(account=self.account, store=standby.state.path / "bin")
        data = standby.state.folder("postgresql", account=self.account)
        source = f"host=127.0.0.1 port={self.port} user={STANDBY} password={password}"
        flags = ["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync"]
        slot = ["--create-slot", f"--slot={STANDBY}"]
        subprocess.run(
            [folder / "pg_basebackup", f"--dbname={source}", f"--pgdata={data}", *flags, *slot],
            cwd="/",
            env=servers.BARE_ENVIRONMENT,
            user=self.account.uid,
            group=self.account.gid,
            extra_groups=self.account.groups,
            check=True,
        )
        return standby.starts()

    def is_copied(self) -> "Cluster":
        """Copy a standby that is stopped: what it has not received by then, the copy never will."""
        copy = self._sister()
        shutil.copytree(self.data, copy.data)
        for path in (copy.data, *copy.data.rglob("*")):
            self.account.owns(path)
        return copy

    def _sister(self) -> "Cluster":
        sister = Cluster().shares_programs_of(self)
        (sister.state.folder("secrets") / "postgresql").write_text(self.state.secret("postgresql"))
        return sister

    def receives_all_of(self, primary: "Cluster") -> None:
        """Wait until everything is here that the primary has written by now."""
        ((written,),) = primary.asks("SELECT pg_current_wal_lsn()")
        wait_until(lambda: self.asks("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [written]) == [(True,)])

    @contextmanager
    def lags(self) -> Iterator[None]:
        """Take over nothing of what arrives."""
        self.asks("SELECT pg_wal_replay_pause()")
        wait_until(lambda: self.asks("SELECT pg_get_wal_replay_pause_state()") == [("paused",)])
        try:
            yield
        finally:
            self.asks("SELECT pg_wal_replay_resume()")

    def is_promoted(self) -> None:
        assert self.asks("SELECT pg_promote()") == [(True,)]


class TwoClusters:
    """The registry's cluster and the log's, with the environment that names both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry, self.log = Cluster(), Cluster()
        self.environment: dict[str, str] = {}

    def begin(self) -> None:
        """Make roles and databases on both; MIGRATE makes the tables."""
        self.log.starts().admits_only(admitted_by_the_page())
        self.registry.shares_programs_of(self.log).starts()
        passwords = {login: secrets.token_hex(16) for login in LOGINS}
        main = roles.prepare(self.registry.url, passwords=passwords, database=DATABASE)
        apart = roles.prepare(self.log.url, passwords=passwords, database=DATABASE)
        seed = secrets.token_hex(32)
        (self.folder / "policy.txt").write_text(
            f"log {Signer.from_seed(ORIGIN, LOG, seed).key}\nquorum none\n"
        )
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("EIGYO_")}
        urls = {variable(login): (apart if login in ON_THE_LOG else main)[login] for login in LOGINS}
        self.environment = inherited | urls
        self.environment |= {
            "EIGYO_DB_LOG_APP": apart["DEFAULT"],
            "EIGYO_DB_LOG_OWNER": apart["OWNER"],
            "EIGYO_SECRET_KEY": "x" * 50,
            "EIGYO_QUERY_HASH_KEY": "x" * 50,
            "EIGYO_LOG_ORIGIN": ORIGIN,
            "EIGYO_LOG_KEYS": seed,
            "EIGYO_LOG_POLICY": str(self.folder / "policy.txt"),
            "EIGYO_LOG_FOLDER": str(self.folder / "log"),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }

    def log_moves_to(self, cluster: Cluster) -> None:
        """Point every URL of the log at another cluster, and leave the replica out."""
        self.environment.pop("EIGYO_DB_LOG_REPLICA", None)
        for name, value in self.environment.items():
            if name.startswith("EIGYO_DB_"):
                self.environment[name] = value.replace(f":{self.log.port}/", f":{cluster.port}/")
        self.log = cluster

    def runs(self, *command: str) -> str:
        finished = subprocess.run(
            [sys.executable, *command], cwd=CHECKOUT, env=self.environment, capture_output=True, text=True
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout


@contextmanager
def two_clusters(folder: Path) -> Iterator[TwoClusters]:
    """Hold both for the length of a block."""
    both = TwoClusters(folder)
    begun = [both.registry, both.log]
    try:
        both.begin()
        yield both
    finally:
        for cluster in begun:
            cluster.goes()
