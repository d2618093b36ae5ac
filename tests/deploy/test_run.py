"""`make run` as a whole, around a small stand-in for the product: what each process gets to know,
what happens when one dies, and that nothing stays behind.
"""

import json
import os
import re
import shutil
import signal
import tempfile
import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.supervised import Run, logins
from tests.processes import FIRST_START, descendants, is_alive, kill, wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
READY = "command try_out"
PROCESSES = {"postgres", "valkey", "worker", "sealer", "witness", "beat", "web"}
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
        SECRET_KEY = os.environ.get("EIGYO_SECRET_KEY", "the witness has none")
        ALLOWED_HOSTS = os.environ.get("EIGYO_ALLOWED_HOSTS", "").split(",")
        CELERY_BROKER_URL = os.environ.get("EIGYO_REDIS_URL")
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
    "witness": """
        from wsgiref.simple_server import make_server
        host, port = words[1].split(":")
        def answer(environ, start_response):
            start_response("200 OK", [])
            return [b"ok"]
        make_server(host, int(port), answer).serve_forever()
        """,
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
        (path / "audit").mkdir()
        for module in ("__init__.py", "note.py"):
            shutil.copy(CHECKOUT / "audit" / module, path / "audit")
        files = {file: textwrap.dedent(text) for file, text in STAND_IN.items()}
        for command, text in COMMANDS.items():
            body = textwrap.indent(textwrap.dedent(text), " " * 8)
            files[f"stand_in/management/commands/{command}.py"] = COMMAND + body
        for file, text in files.items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (path / file).write_text(text)
        yield path


@pytest.fixture(scope="class")
def first(checkout: Path) -> Iterator[Run]:
    """The first start of an installation."""
    run = Run(checkout).wait_until_ready(READY)
    yield run
    assert run.stop() == 0


class TestFirstStart:
    def test_prepares_the_installation_in_order(self, first: Run) -> None:
        lines = [line.split()[1] for line in first.text.splitlines() if line.startswith("command")]
        assert lines == ["migrate", "make_region", "import_supply_points", "try_out"]
        assert f"command try_out --address http://127.0.0.1:{first.port}" in first.text

    def test_answers_on_loopback(self, first: Run) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{first.port}/healthz") as answer:
            assert answer.read() == b"ok"

    def test_gives_each_process_only_its_own_logins(self, first: Run) -> None:
        held = {name: logins(first.environment(name)) for name in PROCESSES - {"postgres", "valkey"}}
        assert held == {
            "web": {"DEFAULT", "NW", "RETAIL", "AUDIT", "LOG"},
            "worker": {"DEFAULT", "FEED", "AUDIT", "LOG"},
            "sealer": {"SEAL"},
            "witness": set(),
            "beat": set(),
        }

    @pytest.mark.parametrize(
        ("variable", "holder"), [("EIGYO_LOG_KEYS", "sealer"), ("EIGYO_WITNESS_KEY", "witness")]
    )
    def test_gives_each_signing_key_to_one_process(self, first: Run, variable: str, holder: str) -> None:
        key = first.environment(holder)[variable]
        knowing = {name for name in first.children() if key in first.environment(name).values()}
        assert knowing == {holder}
        assert len(key) == 64

    def test_tells_the_witness_nothing_of_the_log_s_side(self, first: Run) -> None:
        theirs = {name for name in first.environment("witness") if re.search("KEY|SECRET|REDIS|_DB_", name)}
        assert theirs == {"EIGYO_WITNESS_KEY"}

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
        run = Run(checkout).wait_until_ready(READY)
        children = run.children()
        assert set(children) == PROCESSES
        assert run.stop(signal.SIGTERM) == 0
        assert [name for name, process in children.items() if is_alive(process)] == []

    @pytest.mark.parametrize("moment", ["command migrate", "command import_supply_points", "command try_out"])
    def test_may_be_asked_for_while_things_are_still_starting(self, checkout: Path, moment: str) -> None:
        shutil.rmtree(checkout / "state", ignore_errors=True)
        run = Run(checkout)
        wait_until(lambda: moment in run.text, patience=FIRST_START)
        children = run.children()
        assert run.stop(signal.SIGTERM) == 0
        assert [name for name, process in children.items() if is_alive(process)] == []

    @pytest.mark.parametrize("name", ["beat", "postgres", "sealer", "witness"])
    def test_of_one_process_ends_all_and_is_explained(self, checkout: Path, name: str) -> None:
        run = Run(checkout).wait_until_ready(READY)
        children = run.children()
        os.kill(children[name], signal.SIGKILL)
        assert run.process.wait(60) == 1
        assert f"{name} が終了しました" in run.text.lower().replace("postgresql", "postgres")
        assert [each for each, process in children.items() if is_alive(process)] == []

    def test_of_everything_at_once_does_not_hinder_the_next_start(self, checkout: Path) -> None:
        run = Run(checkout).wait_until_ready(READY)
        children = run.children()
        for process in (run.process.pid, *children.values()):
            kill(process)
        run.process.wait()
        again = Run(checkout, port=run.port).wait_until_ready(READY)
        assert "make_region" not in again.text
        assert again.stop() == 0

    def test_of_the_supervisor_alone_takes_everything_with_it(self, checkout: Path) -> None:
        run = Run(checkout).wait_until_ready(READY)
        everything = descendants(run.process.pid)
        run.process.kill()
        run.process.wait()
        wait_until(lambda: not any(is_alive(process) for process in everything))
