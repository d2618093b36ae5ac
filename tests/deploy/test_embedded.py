"""The embedded servers: they start, keep their data, survive being killed, and leave nothing."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from deploy.environment import LOGINS
from deploy.servers import free_port
from deploy.state import THROWAWAY_PREFIX, State
from tests.processes import FIRST_START, descendants, is_alive, kill, wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
PRINT_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"
# Tells its environment to a file and stays until it is stopped.
STAY = (
    "import json, os, pathlib, signal, sys; path = pathlib.Path(sys.argv[1]); "
    "path.with_suffix('.new').write_text(json.dumps(dict(os.environ))); "
    "path.with_suffix('.new').rename(path); signal.pause()"
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that a service account can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="eigyo-test-") as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


def clean_environment(**more: str) -> dict[str, str]:
    """Return an environment in which no server is named."""
    ours = ("DATABASE_URL", "REDIS_URL", "EIGYO_")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return inherited | more


def embedded(*arguments: object, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.embedded", *map(str, arguments)],
        cwd=CHECKOUT,
        env=clean_environment(**more),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_no_outgoing_connection_can_be_given_the_port_of_a_server() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert not {free_port() for _ in range(50)} & set(range(first, last + 1))


def environment_inside(*arguments: object, **more: str) -> dict[str, str]:
    """Return what a command sees that is run with the services."""
    finished = embedded(*arguments, "--", sys.executable, "-c", PRINT_ENVIRONMENT, **more)
    assert finished.returncode == 0, finished.stderr
    seen: dict[str, str] = json.loads(finished.stdout)
    return seen


class Running:
    """Services that stay up on a state folder until the test ends them."""

    def __init__(self, place: Path) -> None:
        told = place / "environment.json"
        told.unlink(missing_ok=True)
        command = [sys.executable, "-m", "deploy.embedded", "run", "--state", str(place / "state")]
        self.process = subprocess.Popen(
            [*command, "--", sys.executable, "-c", STAY, str(told)],
            cwd=CHECKOUT,
            env=clean_environment(),
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: told.exists() or self.process.poll() is not None, patience=FIRST_START)
        assert self.process.poll() is None
        environment: dict[str, Any] = json.loads(told.read_text())
        self.database_url = str(environment["DATABASE_URL"])
        self.redis_url = str(environment["REDIS_URL"])
        self.everything = descendants(self.process.pid)

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait(60)

    def write(self, value: str) -> None:
        with psycopg.connect(self.database_url) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
            connection.execute("INSERT INTO kept VALUES (%s)", [value])
        with redis.Redis.from_url(self.redis_url) as client:
            client.rpush("kept", value)

    def read(self) -> tuple[list[str], list[str]]:
        with psycopg.connect(self.database_url) as connection:
            rows = [value for (value,) in connection.execute("SELECT value FROM kept")]
        with redis.Redis.from_url(self.redis_url, decode_responses=True) as client:
            listed: Any = client.lrange("kept", 0, -1)
            return rows, list(listed)


class TestData:
    def test_stays_over_a_polite_stop(self, place: Path) -> None:
        with Running(place) as first:
            first.write("one")
        with Running(place) as second:
            assert second.read() == (["one"], ["one"])

    def test_is_recovered_after_everything_was_killed_at_once(self, place: Path) -> None:
        first = Running(place)
        first.write("one")
        for process in first.everything:
            kill(process)
        first.process.wait()
        with Running(place) as second:
            assert second.read() == (["one"], ["one"])
            second.write("two")
            assert second.read() == (["one", "two"], ["one", "two"])


class TestProcesses:
    def test_are_all_gone_after_a_polite_stop(self, place: Path) -> None:
        with Running(place) as running:
            pass
        assert [each for each in running.everything if is_alive(each)] == []

    def test_are_all_gone_when_only_the_supervisor_was_killed(self, place: Path) -> None:
        running = Running(place)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        wait_until(lambda: not any(is_alive(each) for each in running.everything))

    def test_show_no_password_to_other_accounts(self, place: Path) -> None:
        with Running(place) as running:
            lines = [
                Path(f"/proc/{each}/cmdline").read_text() for each in running.everything if is_alive(each)
            ]
        for url in (running.database_url, running.redis_url):
            password = url.partition("@")[0].rpartition(":")[2]
            assert len(password) == 64
            assert password not in "".join(lines)


class TestStateFolder:
    def test_refuses_a_second_supervisor(self, place: Path) -> None:
        with Running(place):
            second = embedded("run", "--state", place / "state", "--", "true")
        assert second.returncode == 1
        assert "すでに起動しています" in second.stderr

    def test_keeps_secrets_and_logs_from_other_accounts(self, place: Path) -> None:
        with Running(place):
            for name in ("secrets", "log", "postgresql", "valkey"):
                assert (place / "state" / name).stat().st_mode & 0o077 == 0
            for path in (place / "state" / "secrets").iterdir():
                assert path.stat().st_mode & 0o777 == 0o600

    def test_that_a_kill_left_behind_goes_and_one_that_another_is_making_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        left, made = (tmp_path / f"{THROWAWAY_PREFIX}{which}" for which in ("left", "made"))
        left.mkdir()
        made.mkdir()
        os.utime(left, (0, 0))
        State.temporary().release()
        assert list(tmp_path.iterdir()) == [made]

    def test_differs_between_checkouts(self, place: Path) -> None:
        environment_inside("run", EIGYO_STATE=str(place / "base"))
        (folder,) = (place / "base").iterdir()
        assert len(folder.name) == 10

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another account")
    def test_must_be_reachable_for_the_service_account(self, place: Path) -> None:
        place.chmod(0o700)
        refused = embedded("run", "--state", place / "state", "--", "true")
        assert refused.returncode == 1
        assert "EIGYO_STATE" in refused.stderr


class TestCommand:
    def test_hands_its_exit_status_on(self, place: Path) -> None:
        command = ("--", sys.executable, "-c", "raise SystemExit(7)")
        assert embedded("run", "--state", place / "state", *command).returncode == 7

    def test_ends_when_the_supervisor_is_asked_to_stop(self, place: Path) -> None:
        with Running(place) as running:
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(60) == 128 + signal.SIGTERM

    def test_in_a_test_run_finds_every_login_and_leaves_nothing_behind(self) -> None:
        seen = environment_inside("test")
        logins = {key for key in seen if key.startswith("EIGYO_DB_")}
        assert len(logins) == len(LOGINS)
        assert all(seen[key].endswith("/eigyo_test") for key in logins)
        assert not Path(seen["EIGYO_MAIL_DIR"]).parent.exists()


class TestOutsideServers:
    def test_are_used_when_they_are_named(self, place: Path) -> None:
        with Running(place) as outside:
            named = {"DATABASE_URL": outside.database_url, "REDIS_URL": outside.redis_url}
            seen = environment_inside("run", "--state", place / "other", **named)
            assert {key: seen[key] for key in named} == named
            assert not (place / "other" / "postgresql").exists()

    def test_that_hold_an_installation_are_not_used_for_tests(self, place: Path) -> None:
        with Running(place) as outside:
            with psycopg.connect(outside.database_url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE eigyo")
            refused = embedded("test", "--", "true", DATABASE_URL=outside.database_url)
        assert refused.returncode == 1
        assert "テストには使えません" in refused.stderr

    def test_that_do_not_answer_are_reported(self, place: Path) -> None:
        nowhere = "postgresql://nobody:nothing@127.0.0.1:1/nothing"
        refused = embedded("run", "--state", place / "state", "--", "true", DATABASE_URL=nowhere)
        assert refused.returncode == 1
        assert "DATABASE_URL" in refused.stderr
