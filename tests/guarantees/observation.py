"""What a viewer could observe of one answer, and what operators could: everything, compared whole.

Nothing is scrubbed. The clock stands still, and the source of randomness starts from the same seed
in both worlds, so that request numbers, nonces and tokens are equal unless the answers differ.
"""

import logging
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

import time_machine
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.test import Client

from tests.guarantees.twins import NOW

Statement = tuple[str, str, str, bool, object]


@dataclass(frozen=True)
class Observation:
    """One answer: what was sent, the statements behind it, and the lines the process logged."""

    status: tuple[int, str]
    headers: tuple[tuple[str, str], ...]
    body: bytes
    statements: tuple[Statement, ...]
    lines: tuple[str, ...]

    def differs(self, other: "Observation") -> tuple[str, ...]:
        """Return the channels in which two observations differ."""
        names = (field.name for field in fields(self))
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))


CHANNELS = tuple(field.name for field in fields(Observation))


def observe(client: Client, *, seed: int, method: str, path: str, **request) -> Observation:
    """Make one request and return everything about its answer."""
    with pinned(seed), statements() as trace, lines() as logged:
        response = client.generic(method, path, **request)
        body = b"".join(response) if response.streaming else response.content
    cookies = [("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values()]
    return Observation(
        status=(response.status_code, response.reason_phrase),
        headers=(*response.headers.items(), *cookies),
        body=body,
        statements=tuple(trace),
        lines=tuple(logged),
    )


@contextmanager
def pinned(seed: int) -> Iterator[None]:
    """Hold the clock, seed every source of randomness, and forget what an earlier request cached."""
    source = random.Random(seed)
    before = os.urandom
    ContentType.objects.clear_cache()
    try:
        os.urandom = random._urandom = source.randbytes
        with time_machine.travel(NOW, tick=False):
            yield
    finally:
        os.urandom = random._urandom = before


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """Record alias, text, parameters and row count (or the error) of every statement."""
    trace: list[Statement] = []

    def recorder(alias):
        def record(execute, text, parameters, many, context):
            try:
                result = execute(text, parameters, many, context)
            except Exception as error:
                trace.append((alias, text, repr(parameters), many, type(error).__name__))
                raise
            trace.append((alias, text, repr(parameters), many, context["cursor"].rowcount))
            return result

        return record

    wrappers = {alias: recorder(alias) for alias in connections.databases}
    for alias, wrapper in wrappers.items():
        connections[alias].execute_wrappers.append(wrapper)
    try:
        yield trace
    finally:
        for alias, wrapper in wrappers.items():
            connections[alias].execute_wrappers.remove(wrapper)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.logged: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.logged.append(f"{record.name} {record.levelname} {record.msg!r} {record.args!r}")


@contextmanager
def lines() -> Iterator[list[str]]:
    """Record what the process would write to its own log."""
    handler = _Lines()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler.logged
    finally:
        root.removeHandler(handler)
