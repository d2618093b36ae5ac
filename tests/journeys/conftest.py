"""A real web process and a real browser; skipped, with a reason, where there is no Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Browser, expect, sync_playwright

from deploy.environment import HOLDINGS, LOGINS, variable
from tests.journeys.screen import Screen

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 20
START = 120


@pytest.fixture(scope="package")
def address(database) -> Iterator[str]:
    """The address of a web process that holds what a web process holds, on a free port of this machine."""
    withheld = {variable(login) for login in set(LOGINS) - set(HOLDINGS["web"])} | {
        "DJANGO_ALLOW_ASYNC_UNSAFE"
    }
    environment = {name: value for name, value in os.environ.items() if name not in withheld}
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.set_inheritable(True)
        command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"fd://{listening.fileno()}"]
        command += ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--no-control-socket"]
        command += ["--log-level", "warning"]
        process = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=environment, pass_fds=[listening.fileno()]
        )
        found = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            wait_for(found, process)
            yield found
        finally:
            process.terminate()
            process.wait(START)


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the web process answers."""
    deadline = time.monotonic() + START
    while True:
        assert process.poll() is None, "the web process ended"
        assert time.monotonic() < deadline, "the web process does not answer"
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=PATIENCE) as answer:
                assert answer.read() == b"ok"
                return
        except OSError:
            time.sleep(0.05)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all journeys; each of their windows is a device of its own."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (chromium, chromium-browser or google-chrome)")
    # Playwright keeps an event loop in this thread, and the ORM would take our calls for its own.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=PATIENCE * 1000)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def device(address: str, chromium: Browser, region) -> Iterator[Callable[..., Screen]]:
    """Open a new device: a browser window that shares nothing with the others."""
    opened = []

    def opens(**options) -> Screen:
        wanted = {"viewport": {"width": 1440, "height": 900}, **options}
        context = chromium.new_context(
            base_url=address, locale="ja-JP", timezone_id="Asia/Tokyo", reduced_motion="reduce", **wanted
        )
        context.set_default_timeout(PATIENCE * 1000)
        opened.append(context)
        return Screen.of(context, address)

    yield opens
    for context in opened:
        context.close()
