"""Bring the whole product up on one machine, and down again without leaving anything behind.

    python -m deploy.run        (what `make run` does)

Services, roles, migrations, a region of sample supply points at the first start, static files, then
witness, sealer, web, worker and beat. Each process is given only the passwords it may hold. When one
of them dies, everything stops and its last words are shown.
"""

import hashlib
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import psycopg

from deploy.embedded import Services, running_services
from deploy.environment import database_variables
from deploy.processes import (
    Account,
    Child,
    Interrupted,
    UnableToStart,
    call,
    start,
    stop_signals,
    unprivileged_account,
    wait_until,
)
from deploy.readlog import ReadLog
from deploy.servers import free_port
from deploy.state import CHECKOUT

DATABASE = "eigyo"
SAMPLE_POINTS = 20_000
SAMPLE_SEED = 1


@dataclass(kw_only=True)
class Installation:
    """One running installation: its services, its login URLs, and the processes started so far."""

    services: Services
    urls: Mapping[str, str]
    account: Account
    port: int
    read_log: ReadLog
    children: list[Child] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Return where the web process answers."""
        return f"http://127.0.0.1:{self.port}"

    def folder(self, name: str) -> Path:
        """Return a folder of the state that the application's processes may write to."""
        return self.services.state.folder(name, account=self.account)

    def environment(self, holder: str) -> dict[str, str]:
        """Return everything one kind of process gets to know, and nothing of ours."""
        variables = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": str(self.folder("home")),
            "PYTHONUNBUFFERED": "1",
            "EIGYO_STATIC_ROOT": str(self.folder("static")),
            "EIGYO_MAIL_DIR": str(self.folder("mail")),
        }
        if os.geteuid() == 0 and self.account.uid is None:
            variables["C_FORCE_ROOT"] = "true"
        if holder != "witness":  # knows neither databases nor secrets of the log's side
            variables |= self.services.shared_settings()
        variables |= self.read_log.settings(holder)
        return variables | database_variables(self.urls, holder=holder)

    def manage(self, holder: str, *arguments: str | Path | int) -> None:
        """Run a manage.py command to its end, or stop the start."""
        status = call(
            [sys.executable, "manage.py", *arguments],
            environment=self.environment(holder),
            account=self.account,
            directory=CHECKOUT,
        )
        if status:
            raise UnableToStart(f"manage.py {arguments[0]} が失敗しました（終了コード {status}）。")

    def launch(
        self,
        name: str,
        *module_and_arguments: str | Path | int,
        orphan_signal: signal.Signals = signal.SIGTERM,
    ) -> Child:
        """Start a process that stays, with the passwords that its name stands for."""
        child = start(
            name,
            [sys.executable, "-m", *module_and_arguments],
            log=self.services.state.log(name),
            environment=self.environment(name),
            account=self.account,
            directory=CHECKOUT,
            orphan_signal=orphan_signal,
        )
        self.children.append(child)
        return child

    def stop(self) -> None:
        """Ask all processes at once, because none needs another, and wait for each."""
        for child in self.children:
            child.ask_to_stop()
        while self.children:
            self.children.pop().end()


def prepare(installation: Installation) -> None:
    """Bring tables, sample data and static files to the state this version needs."""
    installation.manage("migrate", "migrate", "--database", "owner", "--verbosity", 0)
    if not _has_supply_points(installation.urls["OWNER"]):
        print(f"最初の起動です。架空の供給地点を {SAMPLE_POINTS:,} 件作成します。", flush=True)
        region = installation.folder("region") / "supply-points.csv"
        installation.manage("load", "make_region", region, "--points", SAMPLE_POINTS, "--seed", SAMPLE_SEED)
        installation.manage("load", "import_supply_points", region)
    _collect_static_files(installation)


def launch(installation: Installation) -> None:
    """Start every process that stays, and wait until web and witness answer."""
    celery = ("celery", "-A", "config")
    # An orphaned worker finds no servers and may hang in its shutdown; its tasks come again.
    installation.launch(
        "worker",
        *celery,
        "worker",
        "--concurrency",
        1,
        "--without-mingle",
        "--without-gossip",
        orphan_signal=signal.SIGKILL,
    )
    installation.read_log.write_policy()
    witness = installation.launch(
        "witness", "manage", "witness", "--bind", f"127.0.0.1:{installation.read_log.witness_port}"
    )
    installation.launch(
        "sealer",
        *celery,
        "worker",
        "--queues",
        "seal",
        "--hostname",
        "sealer@%h",
        "--pool",
        "solo",
        "--without-mingle",
        "--without-gossip",
        orphan_signal=signal.SIGKILL,
    )
    schedule = installation.folder("beat") / "schedule"
    installation.launch("beat", *celery, "beat", "--schedule", schedule, "--pidfile", "")
    web = installation.launch(
        "web",
        "gunicorn",
        "--config",
        CHECKOUT / "deploy" / "gunicorn.py",
        "--no-control-socket",
        "--bind",
        f"127.0.0.1:{installation.port}",
    )
    wait_until(lambda: _is_healthy(installation.address), child=web)
    wait_until(lambda: _is_healthy(f"http://127.0.0.1:{installation.read_log.witness_port}"), child=witness)


def watch(installation: Installation) -> NoReturn:
    """Wait until a process dies, which is an error, or until we are asked to stop."""
    everything = (*installation.services.children, *installation.children)
    while True:
        stop_signals.check()
        for child in everything:
            if child.has_ended:
                raise UnableToStart(
                    f"{child.name} が終了しました（終了コード {child.process.returncode}）。"
                    f"すべて停止します。記録：{child.log}\n{child.last_lines()}"
                )
        time.sleep(0.2)


def _has_supply_points(owner_url: str) -> bool:
    with psycopg.connect(owner_url) as connection:
        row = connection.execute("SELECT EXISTS (SELECT FROM eigyo.supply_point)").fetchone()
        return row == (True,)


def _collect_static_files(installation: Installation) -> None:
    """Collect when a static file or a package has changed since the last time."""
    stamp = installation.folder("static") / ".collected"
    wanted = _static_fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    installation.manage("beat", "collectstatic", "--no-input", "--clear", "--verbosity", 0)
    stamp.write_text(wanted)


def _static_fingerprint() -> str:
    digest = hashlib.sha256((CHECKOUT / "requirements.txt").read_bytes())
    for folder in sorted((CHECKOUT / "static", *CHECKOUT.glob("*/static"))):
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            details = path.stat()
            line = f"{path.relative_to(CHECKOUT)} {details.st_size} {details.st_mtime_ns}\n"
            digest.update(line.encode())
    return digest.hexdigest()


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port_asked_for(*, patience: float = 10) -> int:
    """Return the port to listen on; one that was just left by a killed run becomes free soon."""
    given = os.environ.get("EIGYO_PORT", "8000")
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise UnableToStart(f"EIGYO_PORT={given} はポート番号ではありません。")
    deadline = time.monotonic() + patience
    while not _is_free(int(given)):
        if time.monotonic() > deadline:
            raise UnableToStart(
                f"ポート {given} は使用中です。EIGYO_PORT=8080 make run のように別の番号を指定してください。"
            )
        time.sleep(0.1)
    return int(given)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _application_account() -> Account:
    """Choose another account than the database's, when the checkout and Python are open to it."""
    account = unprivileged_account(os.environ.get("EIGYO_APP_USER"), "www-data", "nobody")
    if account.can_run([sys.executable, "-c", "import django, config"], directory=CHECKOUT):
        return account
    print(
        "注意：プログラムの場所を一般ユーザーが開けないため、root で実行します。",
        file=sys.stderr,
    )
    return Account()


def main() -> int:
    """Run until we are asked to stop, or until a process dies."""
    stop_signals.listen()
    try:
        port = _free_port_asked_for()
        with running_services() as services:
            account = _application_account()
            installation = Installation(
                services=services,
                urls=services.login_urls(DATABASE),
                account=account,
                port=port,
                read_log=ReadLog(state=services.state, account=account, witness_port=free_port()),
            )
            try:
                prepare(installation)
                launch(installation)
                installation.manage("load", "try_out", "--address", installation.address)
                watch(installation)
            finally:
                installation.stop()
    except Interrupted:
        print("停止しました。", file=sys.stderr)
        return 0
    except (UnableToStart, psycopg.Error) as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
