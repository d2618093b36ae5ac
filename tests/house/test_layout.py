"""What a reader of the source may count on: short files, short functions, named reasons, no left-overs."""

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = settings.BASE_DIR
MADE_BY_COMMANDS = {"build", "htmlcov", "test-results", "secrets"}
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
ROOMS_FOR_NOTHING = {"utils", "helpers", "common", "signals", "misc", "lib"}


def files() -> Iterator[Path]:
    """Every file of the product, without what commands have made."""
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [
            name for name in inner if not name.startswith((".", "__")) and name not in MADE_BY_COMMANDS
        ]
        yield from (Path(folder, name).relative_to(ROOT) for name in names)


FILES = sorted(files())
SOURCES = [path for path in FILES if path.suffix == ".py"]
OURS = [path for path in SOURCES if "migrations" not in path.parts]


def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def lines(paths: list[Path], fault: str) -> list[str]:
    """Where in these files a fault stands."""
    return [
        f"{path}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(text(path).splitlines(), start=1)
        if re.search(fault, line)
    ]


def test_the_whole_product_is_read():
    apps = {
        "config",
        "eigyo",
        "terminals",
        "accesscontrol",
        "audit",
        "deploy",
        "templates",
        "static",
        "tests",
    }
    assert apps <= {path.parts[0] for path in FILES}
    assert len(OURS) > 100


def test_no_file_is_longer_than_one_can_hold_in_mind():
    long = {str(path): text(path).count("\n") for path in OURS}
    assert {name: length for name, length in long.items() if length > LONGEST_FILE} == {}


def test_no_function_is_longer_than_a_screen():
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path in OURS
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def test_no_module_is_a_room_for_anything():
    assert [str(path) for path in SOURCES if ROOMS_FOR_NOTHING & {path.stem, *path.parts[:-1]}] == []


def test_nothing_is_left_to_do_later():
    readable = [
        path for path in FILES if path.suffix in {".py", ".html", ".css", ".js", ".md", ".sh", ".toml"}
    ]
    assert lines(readable, r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b") == []


def test_every_silenced_check_is_named():
    assert lines(SOURCES, r"#\s*no" + r"qa(?!: [A-Z]+\d+)") == []
    assert lines(SOURCES, r"#\s*type: ig" + r"nore(?!\[[a-z-]+)") == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_a_list_of_packages_names_no_host(name):
    assert "://" not in text(Path(name))
    assert lines([Path(name)], r"^\s*-(i|f|-index-url|-extra-index-url|-find-links|-trusted-host)\b") == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_is_pinned_with_its_hashes(name):
    pinned = re.split(r"\n(?=\S)", text(Path(name)))
    wanted = [entry for entry in pinned if re.match(r"[a-z0-9]", entry)]
    assert wanted
    assert [entry for entry in wanted if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_no_lock_with_addresses_is_committed():
    ignored = text(Path(".gitignore")).splitlines()
    assert "/uv.lock" in ignored


def test_every_dependency_says_why_it_is_there():
    project = tomllib.loads(text(Path("pyproject.toml")))
    groups = [each for group in project["dependency-groups"].values() for each in group]
    wanted = [*project["project"]["dependencies"], *(each for each in groups if isinstance(each, str))]
    reasons = dict(re.findall(r'^    "([^"]+)",\s+#\s+(\S.*)$', text(Path("pyproject.toml")), re.MULTILINE))
    assert [name for name in wanted if name not in reasons] == []


def test_every_direct_dependency_is_in_the_list_that_is_installed():
    def plain(name: str) -> str:
        return re.split(r"[\[<>=~!]", name)[0].lower().replace("_", "-")

    project = tomllib.loads(text(Path("pyproject.toml")))
    installed = set(re.findall(r"^([a-z0-9.-]+)==", text(Path("requirements.txt")), re.MULTILINE))
    assert {plain(name) for name in project["project"]["dependencies"]} - installed == set()
