"""What can go wrong between deciding and showing; each fault ends when its block ends, and nobody lends a hand after."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import psycopg

from tests.guarantees.installation import Installation, resize
from tests.guarantees.wire import Wire
from tests.processes import kill, wait_until

PRODUCT = ("eigyo_app", "eigyo_nw", "eigyo_retail", "eigyo_audit", "eigyo_log")


@dataclass(frozen=True)
class Scene:
    """Where a fault strikes."""

    installation: Installation
    wire: Wire
    random: random.Random
    clerks: list[dict[str, str]]


def _kill_all(processes: list[int]) -> bool:
    """Kill these and say whether one was there: a blow into the air is no fault and is struck again."""
    return sum(map(kill, processes)) > 0


def _one_of(scene: Scene, processes: list[int]) -> list[int]:
    return [scene.random.choice(processes)] if processes else []


@contextmanager
def worker_killed(scene: Scene) -> Iterator[None]:
    wait_until(lambda: _kill_all(_one_of(scene, scene.installation.workers())))
    yield


@contextmanager
def workers_killed(scene: Scene) -> Iterator[None]:
    wait_until(lambda: _kill_all(scene.installation.workers()))
    yield


@contextmanager
def backend_killed(scene: Scene) -> Iterator[None]:
    """One backend dies: the server throws everybody out and recovers from its log."""
    with scene.installation.as_administrator() as administrator:

        def backends() -> list[int]:
            found = administrator.execute(
                "SELECT pid FROM pg_stat_activity WHERE usename = ANY(%s) ORDER BY pid", [list(PRODUCT)]
            )
            return [process for (process,) in found]

        wait_until(lambda: _kill_all(_one_of(scene, backends())))
    yield


@contextmanager
def database_killed(scene: Scene) -> Iterator[None]:
    scene.installation.kill_database()
    try:
        yield
    finally:
        scene.installation.restart_database()


@contextmanager
def network_cut(scene: Scene) -> Iterator[None]:
    scene.wire.cut()
    try:
        yield
    finally:
        scene.wire.mend()


@contextmanager
def network_stalled(scene: Scene) -> Iterator[None]:
    """Nothing comes through; at the end everything held back does, or the connections break."""
    scene.wire.hold()
    try:
        yield
    finally:
        if scene.random.random() < 0.5:
            scene.wire.cut()
            scene.wire.mend()
        scene.wire.release()


@contextmanager
def disk_full(scene: Scene) -> Iterator[None]:
    """The file system of the log shrinks to what it holds; where none can be mounted, the log says it is full."""
    disk = scene.installation.disk
    if disk is None:
        with _trigger(scene, "RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'"):
            yield
        return
    whole = os.statvfs(disk)
    while not resize(disk, _used(disk)):
        pass
    try:
        yield
    finally:
        resize(disk, whole.f_blocks * whole.f_frsize)


def _used(disk: os.PathLike) -> int:
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


@contextmanager
def log_locked(scene: Scene) -> Iterator[None]:
    with scene.installation.as_log_owner() as owner, owner.transaction():
        owner.execute("LOCK TABLE audit.entry IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def partition_missing(scene: Scene) -> Iterator[None]:
    with scene.installation.as_log_owner() as owner:
        parts = owner.execute(
            "SELECT inhrelid::regclass::text, pg_get_expr(relpartbound, pg_class.oid) FROM pg_inherits"
            " JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'audit.entry'::regclass"
        ).fetchall()
        with owner.transaction():
            for part, _ in parts:
                owner.execute(f"ALTER TABLE audit.entry DETACH PARTITION {part}")
        try:
            yield
        finally:
            with owner.transaction():
                for part, bounds in parts:
                    owner.execute(f"ALTER TABLE audit.entry ATTACH PARTITION {part} {bounds}")
                    owner.execute(f"ALTER TABLE {part} ENABLE ALWAYS TRIGGER no_change")


@contextmanager
def insert_revoked(scene: Scene) -> Iterator[None]:
    with scene.installation.as_log_owner() as owner:
        owner.execute("REVOKE INSERT (payload) ON audit.entry FROM eigyo_audit")
        try:
            yield
        finally:
            owner.execute("GRANT INSERT (payload) ON audit.entry TO eigyo_audit")


@contextmanager
def log_slow(scene: Scene) -> Iterator[None]:
    with _trigger(scene, "PERFORM pg_sleep(30); RETURN NULL"):
        yield


@contextmanager
def _trigger(scene: Scene, does: str) -> Iterator[psycopg.Connection]:
    """Let every insert into the log do something first."""
    with scene.installation.as_log_owner() as owner:
        owner.execute(
            "CREATE OR REPLACE FUNCTION audit.hinder() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {does}; END $$"
        )
        owner.execute(
            "CREATE TRIGGER hinder BEFORE INSERT ON audit.entry FOR EACH STATEMENT EXECUTE FUNCTION audit.hinder()"
        )
        try:
            yield owner
        finally:
            owner.execute("DROP TRIGGER hinder ON audit.entry")


@dataclass(frozen=True)
class Fault:
    """A kind of fault: how it strikes, for how many refusals it is held, whether it spares nobody, how often."""

    name: str
    strikes: Callable[[Scene], AbstractContextManager[object]]
    held_for: int = 0
    total: bool = False
    often: int = 21


FAULTS = (
    Fault("one web worker killed", worker_killed),
    Fault("all web workers killed", workers_killed, often=8),
    Fault("a database backend killed", backend_killed),
    Fault("the whole database killed", database_killed),
    Fault("network cut", network_cut, held_for=8, total=True),
    Fault("network stalled", network_stalled, held_for=2, total=True, often=8),
    Fault("disk full", disk_full, held_for=2),
    Fault("log locked", log_locked, held_for=4, total=True),
    Fault("log partition missing", partition_missing, held_for=8, total=True),
    Fault("INSERT revoked", insert_revoked, held_for=8, total=True),
    Fault("log slower than 2 s", log_slow, held_for=4, total=True),
)
