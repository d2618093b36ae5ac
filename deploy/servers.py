"""The embedded servers: PostgreSQL and Valkey on loopback, on free ports, with passwords."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import SystemRandom

import psycopg
import redis

from deploy import binaries
from deploy.processes import Account, Child, UnableToStart, start, wait_until
from deploy.state import State

ADMINISTRATOR = "eigyo_admin"
BARE_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
# Error messages must not carry search words or key values into the log.
POSTGRESQL_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
# Commits stay synchronous, so that a test sees the order of events it would see in production.
THROWAWAY_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}
# Linux takes the ports of outgoing connections from 32768 on (net.ipv4.ip_local_port_range).
OUTSIDE_OUTGOING = range(20_000, 32_768)


def free_port() -> int:
    """Return a loopback port that is free and stays so until a server of ours listens on it.

    Ports the kernel chooses itself would not do: it may give the same one to any outgoing connection.
    """
    for port in SystemRandom().sample(OUTSIDE_OUTGOING, len(OUTSIDE_OUTGOING)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise UnableToStart(
        "空いているポートがありません。このコンピューターで動いているサーバーを確かめてください。"
    )


def start_postgresql(state: State, *, account: Account, port: int | None = None) -> tuple[Child, str]:
    """Start PostgreSQL on the state folder and return it with the administrator's URL.

    Without a port it takes one that is free.
    """
    folder = binaries.reachable_postgresql(account=account, store=_store(state))
    password = state.secret("postgresql")
    data = state.path / "postgresql"
    if not data.exists():
        _create_cluster(folder, data=data, password=password, state=state, account=account)
    _check_version(folder, data=data)
    _wait_for_leftovers(data)
    port = port or free_port()
    settings = POSTGRESQL_SETTINGS | (THROWAWAY_SETTINGS if state.throwaway else {})
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    child = start(
        "PostgreSQL",
        [folder / "postgres", "-D", data, "-p", port, *options],
        log=state.log("postgresql"),
        environment=BARE_ENVIRONMENT,
        account=account,
        stop_signal=signal.SIGINT,
    )
    url = f"postgresql://{ADMINISTRATOR}:{password}@127.0.0.1:{port}/postgres"
    _wait_or_stop(child, lambda: postgresql_answers(url))
    return child, url


def start_valkey(state: State, *, account: Account) -> tuple[Child, str]:
    """Start Valkey on the state folder and return it with its URL."""
    program = binaries.reachable_valkey(account=account, store=_store(state))
    password, port = state.secret("valkey"), free_port()
    data = state.folder("valkey", account=account)
    configuration = data / "valkey.conf"
    configuration.unlink(missing_ok=True)
    configuration.touch(mode=0o600)
    configuration.write_text(_valkey_configuration(data, port=port, password=password))
    account.owns(configuration)
    child = start(
        "Valkey",
        [program, configuration],
        log=state.log("valkey"),
        environment=BARE_ENVIRONMENT,
        account=account,
    )
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    _wait_or_stop(child, lambda: valkey_answers(url))
    return child, url


def postgresql_answers(url: str) -> bool:
    """Say whether a PostgreSQL accepts this login now."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def valkey_answers(url: str) -> bool:
    """Say whether a Valkey or Redis accepts this login and has loaded its data."""
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _create_cluster(folder: Path, *, data: Path, password: str, state: State, account: Account) -> None:
    """Run initdb beside the final place and rename, so that a half-made cluster is never used.

    The password goes through a pipe: never in the arguments, never on disk for other accounts.
    """
    shutil.rmtree(state.path / "postgresql.new", ignore_errors=True)
    unfinished = state.folder("postgresql.new", account=account)
    reading, writing = os.pipe()
    os.write(writing, password.encode() + b"\n")
    os.close(writing)
    if account.uid is not None and account.gid is not None:
        os.fchown(reading, account.uid, account.gid)
    command = [folder / "initdb", "-D", unfinished, "-U", ADMINISTRATOR, "-E", "UTF8"]
    command += ["-A", "scram-sha-256", f"--pwfile=/dev/fd/{reading}", "--locale=C.UTF-8"]
    command += ["--data-checksums", "--no-instructions"]
    if int(binaries.version(folder).split(".")[0]) >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if state.throwaway:
        command += ["--no-sync"]
    log = state.log("initdb")
    with log.open("wb") as output:
        finished = subprocess.run(
            [str(part) for part in command],
            cwd="/",
            env=BARE_ENVIRONMENT,
            pass_fds=[reading],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
        )
    os.close(reading)
    if finished.returncode:
        raise UnableToStart(f"データベースを作成できません。\n{log.read_text(errors='replace')}")
    unfinished.rename(data)


def _check_version(folder: Path, *, data: Path) -> None:
    found = (data / "PG_VERSION").read_text().strip()
    wanted = binaries.version(folder).split(".")[0]
    if found != wanted:
        raise UnableToStart(
            f"データは PostgreSQL {found}、プログラムは {wanted} です。"
            "古い版で pg_dump を取り、新しい版へ戻してから起動してください。"
        )


def _wait_for_leftovers(data: Path, *, patience: float = 30) -> None:
    """After a kill of everything, wait for the old server and its children to be gone.

    They hold the shared memory and the lock file. A live postmaster without a supervisor is asked
    to stop. A lock file whose process id now belongs to a stranger would stop PostgreSQL for ever.
    """
    lock, asked = data / "postmaster.pid", False
    deadline = time.monotonic() + patience
    while lock.exists() and time.monotonic() < deadline:
        working, main = _processes_in(data), _process_named_in(lock)
        if not working and (main is None or not Path(f"/proc/{main}").exists()):
            return
        if not working and main is not None and not _is_zombie(main):
            lock.unlink(missing_ok=True)
            return
        if main in working and not asked:
            os.kill(main, signal.SIGINT)
            asked = True
        time.sleep(0.05)


def _process_named_in(lock: Path) -> int | None:
    try:
        return int(lock.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _is_zombie(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _processes_in(folder: Path) -> set[int]:
    """Return the processes whose working directory is the folder."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder:
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def _valkey_configuration(data: Path, *, port: int, password: str) -> str:
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        "protected-mode yes",
        f"requirepass {password}",
        f'dir "{data}"',
        "appendonly yes",
        "appendfsync everysec",
        "save 60 1",
        "maxmemory 256mb",
        "maxmemory-policy noeviction",
        "daemonize no",
    ]
    return "\n".join(lines) + "\n"


def _wait_or_stop(child: Child, ready: Callable[[], bool]) -> None:
    try:
        wait_until(ready, child=child)
    except BaseException:
        child.stop()
        raise


def _store(state: State) -> Path:
    """Return where copied programs lie; any account may run them, nobody but us may change them."""
    folder = state.folder("bin")
    folder.chmod(0o755)
    return folder
