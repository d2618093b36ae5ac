"""Sealed entries with the leaves they are, page by page, and as Parquet."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, NamedTuple, Self

import pyarrow as pa
from django.db import connections
from django.db.models import QuerySet
from django.utils import timezone

from audit.leaves import COLUMNS
from audit.models import LogEntry

PAGE = 50_000
BATCH = 5_000
SCHEMA = pa.schema(
    [
        ("index", pa.int64()),
        ("entry", pa.int64()),
        ("logged_at", pa.timestamp("us", tz="UTC")),
        ("payload", pa.string()),
        *((name, pa.string()) for name in COLUMNS),
    ]
)
SELECTED = ", ".join(("l.index", "e.id", "e.logged_at", "e.payload", *(f"e.{name}" for name in COLUMNS)))
_LEAVES = f"""
SELECT {SELECTED} FROM leaf l JOIN entry e ON e.logged_at = l.logged_at AND e.id = l.entry
WHERE l.index >= %(first)s AND l.index < %(end)s AND l.logged_at >= %(begins)s AND l.logged_at < %(ends)s
ORDER BY l.index
"""
_EXTENT = """
SELECT min(index), max(index), count(*), (SELECT count(*) FROM entry WHERE logged_at >= %(begins)s AND logged_at < %(ends)s)
FROM leaf WHERE logged_at >= %(begins)s AND logged_at < %(ends)s
"""


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A Tokyo month, as the partitions are cut."""

    first: date

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 2021-04. Raises ValueError."""
        return cls(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date())

    @property
    def begins(self) -> datetime:
        """Return its first moment."""
        return datetime(self.first.year, self.first.month, 1, tzinfo=timezone.get_default_timezone())

    @property
    def ends(self) -> datetime:
        """Return the first moment of the next month."""
        year, month = divmod(self.first.year * 12 + self.first.month, 12)
        return datetime(year, month + 1, 1, tzinfo=timezone.get_default_timezone())

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


class Row(NamedTuple):
    """A sealed entry: its leaf, its number, its time, its exact text, what it is searched by."""

    leaf: int
    entry: int
    logged_at: datetime
    payload: str
    columns: tuple[str | None, ...]

    @classmethod
    def of(cls, found: Sequence[Any]) -> Self:
        """Make a row of what SELECTED gives."""
        index, number, logged_at, payload, *columns = found
        return cls(index, number, logged_at, payload, tuple(columns))


class Unsealed(Exception):
    """An entry is not sealed yet, or not as far as the checkpoint goes."""


class Extent(NamedTuple):
    """The leaves a month begins and ends with (None without any), and how many leaves and entries it has."""

    first: int | None
    last: int | None
    leaves: int
    entries: int


def extent(month: Month, *, alias: str) -> Extent:
    """Return how far a month reaches in the tree; its leaves need not follow each other without a gap."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_EXTENT, {"begins": month.begins, "ends": month.ends})
        return Extent(*cursor.fetchone())


def is_dropped(month: Month, *, alias: str) -> bool:
    """Tell whether the entries of a month have left the database after their time."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM dropped_month WHERE month = %s)", [month.first])
        return bool(cursor.fetchone()[0])


def of_month(month: Month, reach: Extent, *, alias: str) -> Iterator[list[Row]]:
    """Yield the sealed entries of a month in leaf order, a page at a time."""
    if reach.first is None or reach.last is None:
        return
    for first in range(reach.first, reach.last + 1, PAGE):
        within: dict[str, int | datetime] = {
            "first": first,
            "end": first + PAGE,
            "begins": month.begins,
            "ends": month.ends,
        }
        with connections[alias].cursor() as cursor:
            cursor.execute(_LEAVES, within)
            yield [Row.of(found) for found in cursor.fetchall()]


def hashes_of_month(month: Month, first: int, end: int, *, alias: str) -> dict[int, tuple[int, bytes]]:
    """Return entry number and leaf hash of the month's leaves from `first` to before `end`."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT index, entry, hash FROM leaf WHERE index >= %s AND index < %s"
            " AND logged_at >= %s AND logged_at < %s",
            [first, end, month.begins, month.ends],
        )
        return {index: (entry, bytes(digest)) for index, entry, digest in cursor.fetchall()}


def sealed(entries: QuerySet[LogEntry], *, size: int, alias: str) -> Iterator[Row]:
    """Yield entries by time with their leaves in the tree of `size`. Raises Unsealed."""
    selected = entries.order_by("logged_at", "id").values_list("id", "logged_at", "payload", *COLUMNS)
    for batch in batches(selected.iterator(chunk_size=BATCH)):
        with connections[alias].cursor() as cursor:
            numbers = [found[0] for found in batch]
            cursor.execute(
                "SELECT entry, index FROM leaf WHERE entry = ANY(%s) AND index < %s", [numbers, size]
            )
            leaf = dict(cursor.fetchall())
        if len(leaf) != len(batch):
            raise Unsealed
        yield from (Row.of((leaf[found[0]], *found)) for found in batch)


def batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield rows in lists of BATCH."""
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def table(rows: Sequence[Row]) -> pa.Table:
    """Return rows as a table of SCHEMA."""
    columns: list[list[Any]] = [[row[place] for row in rows] for place in range(4)]
    columns += [[row.columns[place] for row in rows] for place in range(len(COLUMNS))]
    return pa.Table.from_arrays(
        [pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA
    )


def rows_of(batch: pa.RecordBatch) -> Iterator[Row]:
    """Yield the rows of a batch of SCHEMA."""
    yield from map(Row.of, zip(*(column.to_pylist() for column in batch.columns), strict=True))
