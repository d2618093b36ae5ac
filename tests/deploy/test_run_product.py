"""`make run` with the product itself: what people do is sealed, witnessed and published, start after start."""

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import psycopg
import pytest
import redis

from audit import tree
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.note import LOG, WITNESS
from audit.tiles import Tiles
from audit.trust import Policy
from tests.deploy.supervised import CHECKOUT, Run
from tests.processes import is_alive, wait_until

READY = "試す組み合わせの例"


class Product(Run):
    """One `make run`, its first terminal and card, and its read log."""

    def signs_in(self, pair: int = 0) -> None:
        """Enrol as a printed terminal and use the printed card of its line; the log has it."""
        browser = build_opener(HTTPCookieProcessor(CookieJar()))
        home = f"http://127.0.0.1:{self.port}"
        code = re.findall(r"code=(\S+)", self.text)[pair]
        card, pin = re.findall(r"^ +(\d{10})  (\d{6})", self.text, re.MULTILINE)[pair]
        for page, given in (("/terminal/", {"code": code}), ("/start/", {"card": card, "pin": pin})):
            with browser.open(home + page) as answer:
                token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', answer.read().decode())[1]
            form = urlencode({**given, "csrfmiddlewaretoken": token}).encode()
            browser.open(home + page, form).close()

    @property
    def folder(self) -> Path:
        return Path(self.environment("sealer")["EIGYO_LOG_FOLDER"])

    @property
    def policy(self) -> Policy:
        return Policy.parse(Path(self.environment("sealer")["EIGYO_LOG_POLICY"]).read_text())

    def entries(self) -> int:
        with psycopg.connect(self.environment("web")["EIGYO_DB_LOG"]) as connection:
            return connection.execute("SELECT count(*) FROM entry").fetchone()[0]

    def published(self) -> Checkpoint | None:
        """The checkpoint in the folder; it opens under the policy and its witness has signed."""
        path = self.folder / "checkpoint"
        if not path.exists():
            return None
        checkpoint, opened = open_checkpoint(path.read_text(), self.policy.keys)
        assert self.policy.is_met(opened)
        assert {key.kind for key in opened.signed} == {LOG, WITNESS}
        return checkpoint

    def publishes_everything(self) -> Checkpoint:
        wait_until(lambda: (self.published() or Checkpoint("", -1, b"")).size == self.entries())
        return self.published()

    def log_lines(self, name: str) -> list[str]:
        return next((self.place / "state").glob(f"*/log/{name}.log")).read_text().splitlines()


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder for the state that a service account can pass through."""
    with tempfile.TemporaryDirectory(prefix="eigyo-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def first(place: Path) -> Iterator[Product]:
    """The first start, with somebody signed in and their entry published."""
    run = Product(CHECKOUT, place=place)
    try:
        run.wait_until_ready(READY).signs_in()
        run.publishes_everything()
        yield run
    finally:
        if run.process.poll() is None:
            run.stop()


def test_a_sign_in_is_sealed_cosigned_and_published(first: Product) -> None:
    published = first.published()
    assert published.size == first.entries() > 0
    assert tree.root(Tiles(first.folder, published.size).node, published.size) == published.root


def test_ticks_that_nobody_could_take_are_dropped_and_none_leaves_a_line(first: Product) -> None:
    """The sealer stands still until the ticks of several seconds wait; then it takes only fresh ones."""
    sealer = first.children()["sealer"]
    waiting = redis.from_url(first.environment("sealer")["EIGYO_REDIS_URL"])
    lines = {name: first.log_lines(name) for name in ("sealer", "beat")}
    os.kill(sealer, signal.SIGSTOP)
    try:
        wait_until(lambda: waiting.llen("seal") > 7)
    finally:
        os.kill(sealer, signal.SIGCONT)
    wait_until(lambda: waiting.llen("seal") == 0)
    first.signs_in(pair=1)
    first.publishes_everything()
    assert {name: first.log_lines(name) for name in lines} == lines


def test_the_end_of_the_sealer_ends_all_and_the_next_start_goes_on_with_the_same_tree(
    first: Product,
) -> None:
    before, witness_before = first.published(), first.policy.witnesses
    old_tiles = Tiles(shutil.copytree(first.folder, first.place / "copy"), before.size)
    children = first.children()
    os.kill(children["sealer"], signal.SIGKILL)
    assert first.process.wait(60) == 1
    assert "sealer が終了しました" in first.text
    assert [name for name, process in children.items() if is_alive(process)] == []

    again = Product(CHECKOUT, place=first.place)
    try:
        again.wait_until_ready(READY)
        again.signs_in()
        after = again.publishes_everything()
        assert after.size > before.size
        assert after.origin == before.origin
        tiles = Tiles(again.folder, after.size)
        proof = tree.consistency_proof(tiles.node, before.size, after.size)
        assert tree.continues(proof, old=before.size, old_root=before.root, size=after.size, root=after.root)
        assert tree.root(old_tiles.node, before.size) == tree.root(tiles.node, before.size)
        assert [each.key for each in again.policy.witnesses] == [each.key for each in witness_before]
        assert [each.url for each in again.policy.witnesses] != [each.url for each in witness_before]
    finally:
        again.stop()
