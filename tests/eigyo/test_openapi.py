"""The OpenAPI 3.1 description is valid, speaks Japanese, and the API keeps to it under attack."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from accesscontrol.http import SESSION_COOKIE
from deploy.servers import free_port
from terminals.middleware import DEVICE_COOKIE

EXAMPLES = 25
JAPANESE = re.compile("[ぁ-ん一-龯]")


@pytest.fixture(scope="module")
def server(database):
    """The real web process on a free loopback port."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "config.wsgi",
        "--no-control-socket",
        "-b",
        f"127.0.0.1:{port}",
        "-k",
        "gthread",
        "--threads",
        "4",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}/healthz")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"{url} did not answer in {seconds} s")


def document(person) -> dict:
    return json.loads(person.gets("/api/v1/openapi.json", data={"format": "json"}).content)


def test_the_description_is_valid_openapi_3_1(region):
    described = document(region.nw_clerk())
    assert described["openapi"] == "3.1.0"
    validate(described)


def test_every_operation_and_field_is_described_in_japanese(region):
    described = document(region.nw_clerk())
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert JAPANESE.search(operation["summary"]), path
            for parameter in operation.get("parameters", []):
                assert JAPANESE.search(parameter["description"]), (path, parameter["name"])
    for name, schema in described["components"]["schemas"].items():
        for field, about in schema.get("properties", {}).items():
            words = json.dumps(about, ensure_ascii=False)
            assert JAPANESE.search(words) or "about:blank" in words or "HTTP" in words, (name, field)


@pytest.mark.parametrize(
    ("who", "terminal"), [("nw_clerk", "nw_terminal"), ("retail_clerk", "retail_terminal")]
)
def test_schemathesis_finds_no_failure(region, server, tmp_path, who, terminal):
    person = region.person(who).sits_at(getattr(region, terminal)).signs_in()
    cookies = person.client.cookies
    terminal_proof = f"Cookie: {DEVICE_COOKIE}={cookies[DEVICE_COOKIE].value}"
    token = f"Authorization: Bearer {cookies[SESSION_COOKIE].value}"
    (tmp_path / "openapi.json").write_text(json.dumps(document(person)), encoding="utf-8")
    tool = shutil.which(
        "schemathesis", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    assert tool
    run = subprocess.run(
        [
            tool,
            "run",
            str(tmp_path / "openapi.json"),
            "--url",
            server,
            "--header",
            terminal_proof,
            "--header",
            token,
            "--checks",
            "all",
            "--continue-on-failure",
            "--max-examples",
            str(EXAMPLES),
            "--workers",
            "1",
            "--generation-database",
            "none",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:]
