"""An installation of our own that may be hurt: a durable PostgreSQL, a wire, real web workers, eight clerks."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.conf import settings as ours

from deploy import roles, servers
from deploy.environment import LOGINS, database_variables
from deploy.processes import Account, Child, start, unprivileged_account
from deploy.run import _is_healthy
from deploy.state import CHECKOUT, State
from tests.processes import descendants, kill

DATABASE = "eigyo_faults"
SMALL_DISK = 4 << 30
# The application's word, and the server's when the application had none; a torn stream's line names no request.
FAILED = re.compile(r'"exception": |Error handling request \S')
GUNICORN = ("--config", CHECKOUT / "deploy" / "gunicorn.py", "--no-control-socket")
GATHER = "import django; django.setup(); from tests.guarantees.crowd import gather; gather()"


@dataclass
class Installation:
    """What runs, and the handles by which a fault gets hold of it."""

    state: State
    account: Account
    database: Child
    administrator: str
    port: int = field(default_factory=servers.free_port)
    web: Child | None = None
    disk: Path | None = None

    @classmethod
    def begin(cls, folder: Path) -> "Installation":
        """Start the database with everything a production cluster is careful about (fsync above all)."""
        account = unprivileged_account(os.environ.get("EIGYO_SERVICE_USER"), "postgres", "nobody")
        state = State(folder)
        database, administrator = servers.start_postgresql(state, account=account)
        return cls(state, account, database, administrator)

    @property
    def database_port(self) -> int:
        return urlsplit(self.administrator).port or 0

    def logins(self, *, port: int = 0) -> dict[str, str]:
        """Return the login URLs of the product's roles, at the database itself or at another port."""
        parts = urlsplit(self.administrator)
        address = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port or parts.port}")
        return {
            login: roles.login_url(
                address.geturl(), database=DATABASE, role=role, password=self._password(login)
            )
            for login, role in roles.LOGIN_ROLES.items()
        }

    def prepare(self) -> list[dict[str, str]]:
        """Make roles, tables, points and clerks; return the clerks."""
        passwords = {login: self._password(login) for login in LOGINS}
        roles.prepare(self.administrator, passwords=passwords, database=DATABASE)
        environment = self._environment("everything", settings="config.settings")
        made = subprocess.run(
            [sys.executable, "-c", GATHER], cwd=CHECKOUT, env=environment, check=True, stdout=subprocess.PIPE
        )
        return json.loads(made.stdout.splitlines()[-1])

    def serve(self, *, wire: int) -> None:
        """Start the web workers, as `make run` does, with the wire between them and the database."""
        self.web = start(
            "web",
            [sys.executable, "-m", "gunicorn", *GUNICORN, "--bind", f"127.0.0.1:{self.port}"],
            log=self.state.log("web"),
            environment=self._environment("web", settings="tests.guarantees.doors_settings", port=wire),
            account=Account(),
            directory=CHECKOUT,
        )
        servers.wait_until(lambda: _is_healthy(f"http://127.0.0.1:{self.port}"), child=self.web)

    def failures(self) -> list[str]:
        """Return what the web processes answered with 500, as they tell it themselves."""
        lines = self.state.log("web").read_text(errors="replace").splitlines()
        return [line for line in lines if FAILED.search(line)]

    def workers(self) -> list[int]:
        return descendants(self.web.process.pid)[1:]

    def kill_database(self) -> None:
        """End the postmaster and everything below it at once, as a power cut would."""
        for process in descendants(self.database.process.pid):
            kill(process)
        self.database.process.wait()

    def restart_database(self) -> None:
        """Do what the service manager of a production server does."""
        self.database, self.administrator = servers.start_postgresql(self.state, account=self.account)

    @contextmanager
    def as_administrator(self) -> Iterator[psycopg.Connection]:
        url = roles.login_url(self.administrator, database=DATABASE)
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection

    @contextmanager
    def as_log_owner(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.logins()["OWNER"], autocommit=True) as connection:
            connection.execute("SET ROLE eigyo_log_owner")
            yield connection

    def put_log_on_a_small_disk(self) -> None:
        """Move the log onto a file system of its own, where we may mount one."""
        disk = self.state.folder("disk", account=self.account)
        if not resize(disk, SMALL_DISK, "--types", "tmpfs", "tmpfs"):
            return
        self.disk = disk
        disk.chmod(0o700)
        self.account.owns(disk)
        with self.as_administrator() as administrator:
            administrator.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            administrator.execute("GRANT CREATE ON TABLESPACE small TO eigyo_log_owner")
            for kind in ("TABLE", "INDEX"):
                administrator.execute(
                    f"ALTER {kind} ALL IN TABLESPACE pg_default OWNED BY eigyo_log_owner SET TABLESPACE small"
                )

    def end(self) -> None:
        for child in filter(None, (self.web, self.database)):
            child.stop()
        if self.disk:
            subprocess.run(["umount", self.disk], check=True)
        self.state.release()

    def _password(self, login: str) -> str:
        return self.state.secret(f"login-{login.lower()}")

    def _environment(self, holder: str, *, settings: str, port: int = 0) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": settings,
            "EIGYO_SECRET_KEY": self.state.secret("secret-key"),
            "EIGYO_QUERY_HASH_KEY": self.state.secret("query-hash-key"),
            "EIGYO_REDIS_URL": os.environ["EIGYO_REDIS_URL"],
            "EIGYO_STATIC_ROOT": str(ours.STATIC_ROOT),
            **database_variables(self.logins(port=port), holder=holder),
        }


def resize(disk: Path, size: int, *how: str | Path) -> bool:
    """Mount a file system of this size, or give one that is mounted another size."""
    command = ["mount", "--options", f"{'' if how else 'remount,'}size={size}", *how, disk]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


@contextmanager
def installed() -> Iterator[Installation]:
    """Hold an installation for the length of a block and leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="eigyo-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        installation = Installation.begin(folder)
        try:
            yield installation
        finally:
            installation.end()
