"""How long the proofs run, and the tables that `make prove` prints."""

import os
from dataclasses import dataclass, field

PROVING = os.environ.get("EIGYO_PROVE") == "1"


def extent(short: int, long: int) -> int:
    """Return how many examples, samples or faults: `short` in `make test`, `long` in `make prove`."""
    return long if PROVING else short


@dataclass
class Report:
    """What one guarantee was tried with; a table of text."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """Add a row, a cell for each column."""
        if len(cells) != len(self.columns):
            raise ValueError(f"{self.title}: {len(cells)} cells for {len(self.columns)} columns")
        self.rows.append(tuple(map(str, cells)))


REPORTS: dict[str, Report] = {}


def report(title: str, *columns: str) -> Report:
    """Return the table of this title, begun when it is not there yet."""
    return REPORTS.setdefault(title, Report(title, columns))
