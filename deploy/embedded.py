"""PostgreSQL and Valkey for one machine, from their wheels, for as long as one command runs.

    python -m deploy.embedded run [--state DIR | --throwaway] [--database NAME] -- COMMAND…
    python -m deploy.embedded test -- COMMAND…

The command finds DATABASE_URL and REDIS_URL in its environment. With --database it also finds every
EIGYO_* variable, and the roles and that database exist. `test` is throwaway with `eigyo_test`.
Servers named by DATABASE_URL or REDIS_URL beforehand are used instead of starting our own.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from deploy import roles, servers
from deploy.environment import LOGINS, comma_list, database_variables
from deploy.processes import (
    Account,
    Child,
    Interrupted,
    UnableToStart,
    signal_with_parent,
    stop_signals,
    unprivileged_account,
)
from deploy.state import State, default_path

TEST_DATABASE = "eigyo_test"
LOCAL_HOSTS = ("127.0.0.1", "localhost")


@dataclass(kw_only=True)
class Services:
    """The servers in use, and those of them that are our children."""

    state: State
    database_url: str = ""
    redis_url: str = ""
    children: list[Child] = field(default_factory=list)

    def start(self, *, account: Account) -> None:
        """Start what the environment does not name, PostgreSQL first."""
        self.database_url = os.environ.get("DATABASE_URL", "")
        self.redis_url = os.environ.get("REDIS_URL", "")
        if not self.database_url:
            child, self.database_url = servers.start_postgresql(self.state, account=account)
            self.children.append(child)
        elif not servers.postgresql_answers(self.database_url):
            raise UnableToStart("DATABASE_URL の PostgreSQL に接続できません。")
        if not self.redis_url:
            child, self.redis_url = servers.start_valkey(self.state, account=account)
            self.children.append(child)
        elif not servers.valkey_answers(self.redis_url):
            raise UnableToStart("REDIS_URL の Redis または Valkey に接続できません。")

    def stop(self) -> None:
        """Stop our own servers, last started first."""
        while self.children:
            self.children.pop().stop()

    def login_urls(self, database: str) -> dict[str, str]:
        """Bring the roles and the database up to date and return the URL of each login."""
        passwords = {login: self.state.secret(f"login-{login.lower()}") for login in LOGINS}
        return roles.prepare(self.database_url, passwords=passwords, database=database)

    def shared_settings(self) -> dict[str, str]:
        """Return the EIGYO_* variables that every process of a local installation needs."""
        return {
            "EIGYO_SECRET_KEY": self.state.secret("secret-key"),
            "EIGYO_QUERY_HASH_KEY": self.state.secret("query-hash-key"),
            "EIGYO_REDIS_URL": self.redis_url,
            "EIGYO_ALLOWED_HOSTS": comma_list(LOCAL_HOSTS),
            "EIGYO_HTTPS": "false",
            "EIGYO_PROXY_SECRET": "",
        }


@contextmanager
def running_services(*, path: Path | None = None, throwaway: bool = False) -> Iterator[Services]:
    """Hold the state folder and the servers for the length of a block."""
    account = unprivileged_account(os.environ.get("EIGYO_SERVICE_USER"), "postgres", "nobody")
    state = State.temporary() if throwaway else State(path or default_path())
    services = Services(state=state)
    try:
        if not account.can_run(["/bin/sh", "-c", 'test -x "$1"', "sh", state.path]):
            raise UnableToStart(
                f"{state.path} は一般ユーザーから開けません。EIGYO_STATE で別の場所を指定してください。"
            )
        services.start(account=account)
        yield services
    finally:
        services.stop()
        state.release()


def run_command(command: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run the command in our foreground, pass signals on to it, and return its exit status.

    Ctrl-C is not passed on, because the terminal sends it to the command itself.
    """
    process = subprocess.Popen(command, env=environment, preexec_fn=signal_with_parent(signal.SIGTERM))
    while process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
        while stop_signals.pending:
            number = stop_signals.pending.popleft()
            if number != signal.SIGINT:
                process.send_signal(number)
    return 128 - process.returncode if process.returncode < 0 else process.returncode


def _refuse_a_server_in_use(database_url: str) -> None:
    """Tests set the passwords of cluster-wide roles, which would lock an installation out."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = 'eigyo'").fetchone()
    if found is not None:
        raise UnableToStart("DATABASE_URL のサーバーには eigyo があります。テストには使えません。")


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="起動し、コマンドを実行し、停止する")
    run.add_argument("--state", type=Path, help="状態フォルダー")
    run.add_argument("--throwaway", action="store_true", help="終了時にすべて消す")
    run.add_argument("--database", help="ロールとこの名前のデータベースを用意する")
    run.add_argument("rest", nargs="+", metavar="COMMAND")
    test = commands.add_parser("test", help="使い捨てのサーバーとテスト用データベースで実行する")
    test.add_argument("rest", nargs="+", metavar="COMMAND")
    test.set_defaults(state=None, throwaway=True, database=TEST_DATABASE)
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Run one command between start and stop of the services."""
    arguments = _arguments(given)
    began = time.monotonic()
    stop_signals.listen()
    try:
        with running_services(path=arguments.state, throwaway=arguments.throwaway) as services:
            if arguments.throwaway and arguments.database and "DATABASE_URL" in os.environ:
                _refuse_a_server_in_use(services.database_url)
            environment = {
                **os.environ,
                "DATABASE_URL": services.database_url,
                "REDIS_URL": services.redis_url,
            }
            if arguments.database:
                urls = services.login_urls(arguments.database)
                environment |= services.shared_settings()
                environment |= database_variables(urls, holder="everything")
                environment["EIGYO_MAIL_DIR"] = str(services.state.folder("mail"))
            stop_signals.check()
            print(f"サービス起動 {time.monotonic() - began:.1f} 秒", file=sys.stderr)
            return run_command(arguments.rest, environment=environment)
    except Interrupted:
        return 128 + signal.SIGTERM
    except (UnableToStart, psycopg.Error) as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
