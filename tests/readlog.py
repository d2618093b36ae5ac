"""What came onto the read log during a test, read as the log's reader."""

import json
import os
from dataclasses import dataclass

import psycopg


@dataclass
class ReadLog:
    """The entries after a mark."""

    mark: int

    @classmethod
    def from_now(cls) -> "ReadLog":
        return cls(cls._rows("SELECT coalesce(max(id), 0) FROM entry")[0][0])

    @staticmethod
    def _rows(query, values=()):
        with psycopg.connect(os.environ["EIGYO_DB_LOG"]) as connection:
            return connection.execute(query, values).fetchall()

    def entries(self, **wanted):
        rows = self._rows("SELECT payload FROM entry WHERE id > %s ORDER BY id", [self.mark])
        found = [json.loads(row[0]) for row in rows]
        return [entry for entry in found if all(entry.get(k) == v for k, v in wanted.items())]

    def texts(self):
        return [row[0] for row in self._rows("SELECT payload FROM entry WHERE id > %s", [self.mark])]
