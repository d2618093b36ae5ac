"""`make run` as a whole, around a small stand-in for the product: what each process gets to know,
what happens when one dies, and that nothing stays behind.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
READY = "try_out"
STAND_IN = {
    "config/__init__.py": "from config.celery import app as celery_app",
    "config/celery.py": """
        import os
        from celery import Celery
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        app = Celery("stand-in")
        app.config_from_object("django.conf:settings", namespace="CELERY")
        """,
    "config/wsgi.py": """
        from django.core.wsgi import get_wsgi_application
        application = get_wsgi_application()
        """,
    "config/settings.py": """
        import os
        from pathlib import Path
        SECRET_KEY = os.environ["EIGYO_SECRET_KEY"]
        ALLOWED_HOSTS = os.environ["EIGYO_ALLOWED_HOSTS"].split(",")
        CELERY_BROKER_URL = os.environ["EIGYO_REDIS_URL"]
        INSTALLED_APPS = ["stand_in", "django.contrib.staticfiles"]
        ROOT_URLCONF = "config.urls"
        STATIC_URL = "/static/"
        STATIC_ROOT = os.environ["EIGYO_STATIC_ROOT"]
        STATICFILES_DIRS = [Path(__file__).parent.parent / "static"]
        """,
    "config/urls.py": """
        import os
        from django.http import HttpResponse, JsonResponse
        from django.urls import path
        urlpatterns = [
            path("healthz", lambda request: HttpResponse("ok")),
            path("environment", lambda request: JsonResponse(dict(os.environ))),
        ]
        """,
    "static/site.css": "body { color: black }",
    "stand_in/__init__.py": "",
    "stand_in/management/__init__.py": "",
    "stand_in/management/commands/__init__.py": "",
}
COMMANDS = {
    "migrate": """
        with psycopg.connect(os.environ["EIGYO_DB_OWNER"]) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS eigyo.supply_point (number text)")
            connection.execute("GRANT INSERT ON eigyo.supply_point TO eigyo_feed")
        """,
    "make_region": "pathlib.Path(words[0]).write_text('region')",
    "import_supply_points": """
        with psycopg.connect(os.environ["EIGYO_DB_FEED"]) as connection:
            text = pathlib.Path(words[0]).read_text()
            connection.execute("INSERT INTO eigyo.supply_point VALUES (%s)", [text])
        """,
    "try_out": "",
}
COMMAND = """
import os, pathlib, psycopg
from django.core.management import BaseCommand
class Command(BaseCommand):
    autodetector = __import__(
        "django.db.migrations.autodetector", fromlist=["x"]
    ).MigrationAutodetector
    def run_from_argv(self, argv):
        name, words = argv[1], argv[2:]
        print("command", *argv[1:], flush=True)
"""


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A checkout with the real deploy/ around the stand-in."""
    with tempfile.TemporaryDirectory(prefix="eigyo-test-") as name:
        path = Path(name)
        path.chmod(0o755)
        shutil.copytree(CHECKOUT / "deploy", path / "deploy", ignore=shutil.ignore_patterns("secrets"))
        shutil.copy(CHECKOUT / "requirements.txt", path)
        shutil.copy(CHECKOUT / "manage.py", path)
        files = {file: textwrap.dedent(text) for file, text in STAND_IN.items()}
        for command, text in COMMANDS.items():
            body = textwrap.indent(textwrap.dedent(text), " " * 8)
            files[f"stand_in/management/commands/{command}.py"] = COMMAND + body
        for file, text in files.items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (path / file).write_text(text)
        yield path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], *, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "not within the time allowed"
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(process: int) -> list[int]:
    """Return a process and everything below it."""
    found = [process]
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == process:
            found += descendants(int(entry.parent.name))
    return found


class Run:
    """One `python -m deploy.run` in the stand-in checkout."""

    def __init__(self, checkout: Path, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.output = checkout / "output.txt"
        ours = ("DATABASE_URL", "REDIS_URL", "EIGYO_", "DJANGO_")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        own = {
            "EIGYO_STATE": str(checkout / "state"),
            "EIGYO_PORT": str(self.port),
            "UNRELATED_PASSWORD": "x",
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.run"],
                cwd=checkout,
                env=inherited | own,
                stdout=output,
                stderr=output,
            )

    def wait_until_ready(self) -> "Run":
        wait_until(lambda: f"command {READY}" in self.text or self.process.poll() is not None)
        wait_until(lambda: "command" not in self.children())
        assert self.process.poll() is None, self.text
        return self

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    @property
    def text(self) -> str:
        return self.output.read_text()

    def children(self) -> dict[str, int]:
        """Return the process ids of our children by what they are."""
        found = {}
        signs = {"postgres": "postgres", "valkey": "valkey-server", "worker": "\0worker\0"}
        signs |= {"beat": "\0beat\0", "web": "gunicorn"}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                line = (entry / "cmdline").read_text()
            except OSError:
                continue
            if parent == self.process.pid:
                names = [name for name, sign in signs.items() if sign in line]
                found[names[0] if names else "command"] = int(entry.name)
        return found

    def environment(self, child: str) -> dict[str, str]:
        text = Path(f"/proc/{self.children()[child]}/environ").read_text()
        return dict(line.split("=", 1) for line in text.split("\0") if "=" in line)


@pytest.fixture(scope="class")
def first(checkout: Path) -> Iterator[Run]:
    """The first start of an installation."""
    run = Run(checkout).wait_until_ready()
    yield run
    assert run.stop() == 0


def logins(environment: dict[str, str]) -> set[str]:
    prefix = "EIGYO_DB_"
    return {key.removeprefix(prefix) for key in environment if key.startswith(prefix)}


class TestFirstStart:
    def test_prepares_the_installation_in_order(self, first: Run) -> None:
        lines = [line.split()[1] for line in first.text.splitlines() if line.startswith("command")]
        assert lines == ["migrate", "make_region", "import_supply_points", "try_out"]
        assert f"command try_out --address http://127.0.0.1:{first.port}" in first.text

    def test_answers_on_loopback(self, first: Run) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{first.port}/healthz") as answer:
            assert answer.read() == b"ok"

    def test_gives_each_process_only_its_own_logins(self, first: Run) -> None:
        held = {name: logins(first.environment(name)) for name in ("web", "worker", "beat")}
        assert held == {
            "web": {"DEFAULT", "NW", "RETAIL", "AUDIT", "LOG"},
            "worker": {"DEFAULT", "FEED", "AUDIT", "LOG"},
            "beat": set(),
        }

    def test_gives_no_process_what_our_own_environment_holds(self, first: Run) -> None:
        for name in first.children():
            assert not {"UNRELATED_PASSWORD", "DATABASE_URL"} & set(first.environment(name))

    def test_gives_the_web_process_a_working_environment(self, first: Run) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{first.port}/environment") as answer:
            seen = json.load(answer)
        assert len(seen["EIGYO_SECRET_KEY"]) == 64
        assert seen["EIGYO_SECRET_KEY"] != seen["EIGYO_QUERY_HASH_KEY"]

    def test_refuses_a_second_start_on_the_same_port(self, checkout: Path, first: Run) -> None:
        text = first.text
        second = Run(checkout, port=first.port)
        assert second.process.wait(60) == 1
        assert f"ポート {first.port} は使用中です" in second.text
        first.output.write_text(text)


class TestEnd:
    def test_by_a_signal_stops_everything(self, checkout: Path) -> None:
        run = Run(checkout).wait_until_ready()
        children = run.children()
        assert set(children) == {"postgres", "valkey", "worker", "beat", "web"}
        assert run.stop(signal.SIGTERM) == 0
        assert [name for name, process in children.items() if is_alive(process)] == []

    @pytest.mark.parametrize("moment", ["command migrate", "command import_supply_points", "command try_out"])
    def test_may_be_asked_for_while_things_are_still_starting(self, checkout: Path, moment: str) -> None:
        shutil.rmtree(checkout / "state", ignore_errors=True)
        run = Run(checkout)
        wait_until(lambda: moment in run.text)
        children = run.children()
        assert run.stop(signal.SIGTERM) == 0
        assert [name for name, process in children.items() if is_alive(process)] == []

    @pytest.mark.parametrize("name", ["beat", "postgres"])
    def test_of_one_process_ends_all_and_is_explained(self, checkout: Path, name: str) -> None:
        run = Run(checkout).wait_until_ready()
        children = run.children()
        os.kill(children[name], signal.SIGKILL)
        assert run.process.wait(60) == 1
        assert f"{name} が終了しました" in run.text.lower().replace("postgresql", "postgres")
        assert [each for each, process in children.items() if is_alive(process)] == []

    def test_of_everything_at_once_does_not_hinder_the_next_start(self, checkout: Path) -> None:
        run = Run(checkout).wait_until_ready()
        children = run.children()
        for process in (run.process.pid, *children.values()):
            os.kill(process, signal.SIGKILL)
        run.process.wait()
        began = time.monotonic()
        again = Run(checkout, port=run.port).wait_until_ready()
        assert time.monotonic() - began < 15
        assert "make_region" not in again.text
        assert again.stop() == 0

    def test_of_the_supervisor_alone_takes_everything_with_it(self, checkout: Path) -> None:
        run = Run(checkout).wait_until_ready()
        everything = descendants(run.process.pid)
        run.process.kill()
        run.process.wait()
        wait_until(lambda: not any(is_alive(process) for process in everything))
