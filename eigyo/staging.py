"""Turn the lines of an exchange file into COPY text, on every core.

Pure: no Django and no database. Most of an import's own work is checking and folding rows; lines are
independent (control characters are refused), so they are handed out in chunks.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from typing import Any, NamedTuple, TextIO

from eigyo import exchange
from eigyo.municipalities import municipality_code

COLUMNS = ("line", *exchange.STAGED_COLUMNS, "municipality_code")
LINES = 20_000
_NULL = "\x00"


class Staged(NamedTuple):
    """A chunk of a file: the good rows as COPY text, and everything that was found."""

    copy: str
    rows: int
    errors: list[exchange.RowError]
    private_use: list[tuple[int, str, str]]


def stage(header: str, lines: list[str], first_line: int) -> Staged:
    """Check and fold the lines, of which the first stands on `first_line` of the file."""
    copied: list[str] = []
    errors: list[exchange.RowError] = []
    private_use: list[tuple[int, str, str]] = []
    rows = 0
    for at, row in exchange.read_lines([header, *lines]):
        rows += 1
        line = at + first_line - 2
        if isinstance(row, list):
            errors.extend(error._replace(line=line) for error in row)
            continue
        private_use.extend((line, column, code) for column, code in exchange.private_use(row))
        code = municipality_code(row.postal_code.replace("-", ""))
        copied.append(_copy_line((line, *exchange.copy_values(row), code)))
    return Staged("".join(copied), rows, errors, private_use)


def staged(text: TextIO) -> Iterator[Staged]:
    """Yield the chunks of a file in order. Raises HeaderError before the first."""
    header = text.readline()
    for _ in exchange.read_lines([header]):
        pass
    chunks = _chunks(text)
    first = list(islice(chunks, 2))
    everything = chain(first, chunks)
    if len(first) < 2 or multiprocessing.current_process().daemon:
        yield from (stage(header, lines, line) for line, lines in everything)
        return
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        hand_out: Callable[..., Future[Staged]] = pool.submit
        waiting: deque[Future[Staged]] = deque()
        for line, lines in everything:
            waiting.append(hand_out(stage, header, lines, line))
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _chunks(text: TextIO) -> Iterator[tuple[int, list[str]]]:
    line = 2
    while lines := list(islice(text, LINES)):
        yield line, lines
        line += len(lines)


def _copy_line(values: tuple[Any, ...]) -> str:
    """Return a row in COPY's text form. Control characters cannot occur: the check refuses them."""
    line = "\t".join([v if type(v) is str else _NULL if v is None else str(v) for v in values])
    if "\\" in line:
        line = line.replace("\\", "\\\\")
    return line.replace(_NULL, "\\N") + "\n"
