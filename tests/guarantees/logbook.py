"""The read log as its reader sees it, over one connection."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg

DISCLOSURES = ("list", "open", "print")


@dataclass
class Request:
    """What one request put on the log: its entries' numbers, and what they say was shown."""

    numbers: set[int] = field(default_factory=set)
    claims: Counter = field(default_factory=Counter)
    reads_the_log: bool = False

    @property
    def points(self) -> set[str]:
        return {point for _, point, _ in self.claims}

    def add(self, number: int, action: str, point: str | None, fields: list[str]) -> None:
        self.numbers.add(number)
        self.reads_the_log |= action == "read_log"
        if point and action in DISCLOSURES:
            self.claims[action, point, frozenset(fields)] += 1


@dataclass
class Logbook:
    """Entries as documents with their number, in the order of their numbers."""

    connection: psycopg.Connection

    @property
    def newest(self) -> int:
        """The number of the last entry."""
        return self.connection.execute("SELECT coalesce(max(id), 0) FROM entry").fetchone()[0]

    def after(self, mark: int) -> list[dict[str, Any]]:
        """Every entry after a mark."""
        rows = self.connection.execute("SELECT id, payload FROM entry WHERE id > %s ORDER BY id", [mark])
        return [{"id": number} | json.loads(payload) for number, payload in rows]

    def requests_of(self, person: str) -> list[Request]:
        """What a person's requests put on the log, in the order in which each began to."""
        rows = self.connection.execute(
            "SELECT request, id, action, point, fields FROM entry WHERE person = %s AND action <> 'sign_in' ORDER BY id",
            [person],
        )
        found: dict[str, Request] = {}
        for request, *entry, fields in rows:
            found.setdefault(request, Request()).add(*entry, json.loads(fields))
        return list(found.values())
