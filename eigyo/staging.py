"""Turn the lines of an exchange file into COPY text, on every core.

Pure: no Django and no database. Most of an import's own work is checking and folding rows; lines are
independent (control characters are refused), so they are handed out in chunks.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import lru_cache
from io import StringIO
from itertools import chain, islice
from typing import NamedTuple, TextIO

from audit.textfile import RowError, split_rows
from eigyo import exchange
from eigyo.exchange_cells import VOLTAGE_CLASSES, thousandths
from eigyo.municipalities import municipality_code
from eigyo.search_keys import address_key, kana_key, name_key, phone_key

POINT = ("number", "postal_code", "municipality_code", "address", "address_key", "own")
CONTRACT = (
    "number", "holder_name", "holder_kana", "name_key", "kana_key", "phone", "phone_key",
    "voltage_class", "contract_capacity", "contract_capacity_unit", "load_capacity", "load_capacity_unit",
    "breaker_capacity", "breaker_capacity_unit", "own",
)  # fmt: skip
NULL = "\x7f"  # no cell holds it: the check refuses control characters
LINES = 20_000
_USUAL_HEADER = ",".join(exchange.HEADER)


class Staged(NamedTuple):
    """A chunk of a file: the good rows as COPY text, and everything that was found."""

    points: bytes
    contracts: bytes
    rows: int
    errors: list[RowError]
    private_use: list[tuple[int, str, str]]


def stage(header: str, text: str, first_line: int) -> Staged:
    """Check and fold the lines, of which the first stands on `first_line` of the file."""
    points: list[str] = []
    contracts: list[str] = []
    errors: list[RowError] = []
    private_use: list[tuple[int, str, str]] = []
    rows = 0
    for at, cells in _split(header, text):
        rows += 1
        clean = None if cells is None else exchange.clean_cells(cells)
        if clean is None:
            line = at + first_line - 2
            row = exchange.parse_row(cells, line)
            if isinstance(row, list):
                errors.extend(error._replace(line=line) for error in row)
                continue
            private_use.extend((line, column, code) for column, code in exchange.private_use(row))
            formatted = exchange.format_row(row)
            clean = (*formatted[:6], "\t".join(formatted[6:]))
        number, name, kana, postal_code, address, phone, rest = clean
        postal_code = postal_code.replace("-", "")
        code = municipality_code(postal_code) or NULL
        terms, own = _terms(rest)
        points.append(f"{number}\t{postal_code}\t{code}\t{address}\t{address_key(address)}\t{own}\n")
        if name:
            contracts.append(
                f"{number}\t{name}\t{kana}\t{name_key(name)}\t{kana_key(kana)}\t{phone}\t{phone_key(phone)}\t{terms}\t{own}\n"
            )
    return Staged(_copy_text(points), _copy_text(contracts), rows, errors, private_use)


def staged(text: TextIO) -> Iterator[Staged]:
    """Yield the chunks of a file in order. Raises HeaderError before the first."""
    header = text.readline()
    for _ in split_rows([header], exchange.HEADER):
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


def _chunks(text: TextIO) -> Iterator[tuple[int, str]]:
    line = 2
    while lines := list(islice(text, LINES)):
        yield line, "".join(lines)
        line += len(lines)


def _split(header: str, text: str) -> Iterable[tuple[int, Sequence[str] | None]]:
    """Yield line number and cells; text without quotes, in the usual order, needs no CSV reader."""
    lines = StringIO(text, newline="")
    if '"' in text or header.strip() != _USUAL_HEADER:
        return split_rows(chain([header], lines), exchange.HEADER)
    return ((at, line.rstrip("\r\n").split(",")) for at, line in enumerate(lines, 2) if line.strip("\r\n"))


@lru_cache(maxsize=65536)
def _terms(rest: str) -> tuple[str, str]:
    """Return voltage class and capacities as COPY text, and the own flag, from formatted cells."""
    voltage, contract, contract_unit, load, load_unit, breaker, breaker_unit, own = rest.split("\t")
    values = (
        thousandths(contract),
        contract_unit,
        thousandths(load),
        load_unit,
        thousandths(breaker),
        breaker_unit,
    )
    texts = (NULL if value is None else str(value) for value in values)
    return "\t".join((VOLTAGE_CLASSES.get(voltage, ""), *texts)), own


def _copy_text(lines: list[str]) -> bytes:
    return "".join(lines).replace("\\", "\\\\").encode()
