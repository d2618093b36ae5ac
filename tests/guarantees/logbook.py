"""The read log as its reader sees it, over one connection."""

import json
from dataclasses import dataclass
from typing import Any

import psycopg


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
