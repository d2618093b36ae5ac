"""取り込み: bring a file of supply points into force, all or nothing.

Check every row, COPY as the `feed` role, apply in one transaction. The file is the whole
area: a point it no longer names keeps number and address, loses its contract and is not own
(unknown = not own).
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

from django.conf import settings
from django.db import IntegrityError, connections, transaction

from audit.textfile import RowError, Unreadable, detect_encoding
from eigyo import exchange, staging
from eigyo.models import ImportRun

ALIAS = "feed"
Progress = Callable[[int], object]

_POINT = tuple(name for name in staging.POINT if name != "number")
_CONTRACT = tuple(name for name in staging.CONTRACT if name not in ("number", "own"))


class ImportRefused(Exception):
    """Nothing was changed; the message says why and what to do."""


class Target(NamedTuple):
    """The tables into which the rows of a file are copied."""

    points: str
    contracts: str


@dataclass
class Report:
    """What the check of a file found."""

    rows: int = 0
    errors: list[RowError] = field(default_factory=list)
    private_use: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def bad_rows(self) -> int:
        """Return how many rows have an error."""
        return len({error.line for error in self.errors})


def import_file(
    path: Path, *, skip_bad: bool, accept_shrink: bool, at: datetime, progress: Progress
) -> tuple[ImportRun, Report]:
    """Stage, check and apply a file; return the stored run and everything the check found.

    Raises ImportRefused (after storing the run) for an unreadable, empty or shrunken file, and
    when rows are bad and `skip_bad` is not given; the report is its second argument then.
    """
    run = ImportRun(started_at=at, file_name=path.name, sha256=_sha256(path))
    report = Report()
    try:
        with path.open("rb") as stream, transaction.atomic(using=ALIAS):
            run.encoding = _encoding(stream)
            with connections[ALIAS].cursor() as cursor:
                cursor.execute("SET LOCAL work_mem = '256MB'")
                present = _count(cursor, "SELECT count(*) FROM supply_point")
                target = _prepare(cursor, present)
                text = TextIOWrapper(stream, encoding=run.encoding, newline="")
                _stage(cursor.cursor, text, target, report, progress)
                if present or not _fits_its_keys(cursor, report):
                    _drop_repeats(cursor, text, target, report)
                _take_note(run, report)
                _brake(report, present, skip_bad=skip_bad, accept_shrink=accept_shrink)
                if present:
                    run.added, run.changed, run.vacated = _apply(cursor, complete=not report.errors)
                else:
                    cursor.execute("SELECT eigyo.finish_first_load()")
                    run.added = report.rows - report.bad_rows
        _build_search_indexes()
        run.applied, run.outcome = True, "反映しました"
    except (Unreadable, ImportRefused) as error:
        run.outcome = str(error)[:200]
        _take_note(run, report)
        run.save()
        raise ImportRefused(str(error), report) from error
    run.save()
    return run, report


def finish(run: ImportRun, *, at: datetime) -> None:
    """Note when a run ended."""
    run.finished_at = at
    run.save(update_fields=["finished_at"])


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _encoding(stream: BinaryIO) -> str:
    found = detect_encoding(stream)
    stream.seek(0)
    return found


def _take_note(run: ImportRun, report: Report) -> None:
    run.rows, run.bad_rows = report.rows, report.bad_rows
    run.private_use = len(report.private_use)


def _prepare(cursor: Any, present: int) -> Target:
    """Return where the rows go: beside what is in force, or on a first load straight into its place.

    A first load fills the empty tables without keys and search indexes; a refusal rolls all of it back.
    """
    if not present:
        cursor.execute("SELECT eigyo.begin_first_load()")
        return Target("supply_point", "contract")
    target = Target("staged_point", "staged_contract")
    for staged, table in zip(target, ("supply_point", "contract"), strict=True):
        cursor.execute(f"CREATE TEMPORARY TABLE {staged} (LIKE {table}) ON COMMIT DROP")
    return target


def _stage(cursor: Any, text: TextIO, target: Target, report: Report, progress: Progress) -> None:
    """Copy the good rows; keep every error and every 外字."""
    for chunk in staging.staged(text):
        for table, columns, rows in (
            (target.points, staging.POINT, chunk.points),
            (target.contracts, staging.CONTRACT, chunk.contracts),
        ):
            with cursor.copy(_COPY.format(table, ", ".join(columns), staging.NULL)) as copy:
                copy.write(rows)
        report.rows += chunk.rows
        report.errors += chunk.errors
        report.private_use += chunk.private_use
        progress(chunk.rows)


def _fits_its_keys(cursor: Any, report: Report) -> bool:
    """Add the keys after a first load without errors; they tell that no number stands twice."""
    if report.errors:
        return False
    try:
        with transaction.atomic(using=ALIAS):
            cursor.execute("SELECT eigyo.finish_first_load()")
    except IntegrityError:
        return False
    return True


def _drop_repeats(cursor: Any, text: TextIO, target: Target, report: Report) -> None:
    """Report each line whose number stands on another line as well, and drop what was copied of it.

    The tables do not hold lines; the file is read again in the rare case that it has repeats.
    """
    cursor.execute(f"SELECT number FROM {target.points} GROUP BY number HAVING count(*) > 1")
    repeated = {number for (number,) in cursor.fetchall()}
    if not repeated:
        return
    text.seek(0)
    found = [
        (row.number, line)
        for line, row in exchange.read_lines(text)
        if isinstance(row, exchange.ExchangeRow) and row.number in repeated
    ]
    message = "同じ番号の行がほかにもあります。1行だけにしてください。"
    report.errors.extend(
        RowError(line, "供給地点特定番号", number, message) for number, line in sorted(found)
    )
    for table in target:
        cursor.execute(f"DELETE FROM {table} WHERE number = ANY(%s)", [list(repeated)])


def _brake(report: Report, present: int, *, skip_bad: bool, accept_shrink: bool) -> None:
    """Refuse a file that is bad, empty or suspiciously small."""
    if report.errors and not skip_bad:
        raise ImportRefused(
            f"{report.bad_rows:,}行に誤りがあるため、何も反映していません。誤りを直すか、--skip-bad を付けてください。"
        )
    good = report.rows - report.bad_rows
    if good <= 0:
        raise ImportRefused("取り込める行がありません。ファイルを確かめてください。何も変えていません。")
    if not accept_shrink and good < present * (1 - settings.IMPORT_SHRINK_LIMIT):
        raise ImportRefused(
            f"いまの{present:,}地点に対して{good:,}行しかありません。途中で切れたファイルでないか確かめてください。"
            "減ったことが正しいときは --accept-shrink を付けてください。何も変えていません。"
        )


def _apply(cursor: Any, *, complete: bool) -> tuple[int, int, int]:
    """Bring the stage into force; return points added, rows changed and contracts ended.

    A point the file does not name is not own (unknown = not own). Its contract ends too, unless rows
    were skipped: then absence proves nothing, and the contract is kept for NW.
    """
    cursor.execute("ANALYZE staged_point, staged_contract")
    added = _changed(cursor, _insert_points())
    changed = _changed(cursor, _update_points())
    ended = _changed(cursor, _END_CONTRACTS + (_OF_NAMED_POINTS if not complete else ""))
    if not complete:
        cursor.execute(_DISOWN_CONTRACTS)
    changed += _changed(cursor, _DISOWN)
    started = _changed(cursor, _insert_contracts())
    changed += _changed(cursor, _update_contracts())
    return added, changed + max(started - added, 0), ended


def _build_search_indexes() -> None:
    """Have the owner build what a first load dropped, in two parts side by side."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_have_built, (1, 2)))


def _have_built(part: int) -> None:
    try:
        with connections[ALIAS].cursor() as cursor:
            cursor.execute("SELECT eigyo.build_search_indexes(%s)", [part])
    finally:
        connections[ALIAS].close()


def _count(cursor: Any, query: str) -> int:
    cursor.execute(query)
    return int(cursor.fetchone()[0])


def _changed(cursor: Any, statement: str) -> int:
    cursor.execute(statement)
    return int(cursor.rowcount)


_COPY = "COPY {} ({}) FROM STDIN (NULL '{}')"
_MISSING = "NOT EXISTS (SELECT FROM staged_point t WHERE t.number = {}.number)"
_END_CONTRACTS = (
    "DELETE FROM contract c WHERE NOT EXISTS"
    " (SELECT FROM staged_contract t WHERE t.number = c.number AND t.own = c.own)"
)
_OF_NAMED_POINTS = " AND EXISTS (SELECT FROM staged_point t WHERE t.number = c.number)"
_DISOWN_CONTRACTS = f"UPDATE contract c SET own = false WHERE c.own AND {_MISSING.format('c')}"
_DISOWN = f"UPDATE supply_point s SET own = false WHERE s.own AND {_MISSING.format('s')}"


def _insert_points() -> str:
    columns = ", ".join(_POINT)
    return (
        f"INSERT INTO supply_point (number, {columns}) SELECT number, {columns} FROM staged_point t"
        " WHERE NOT EXISTS (SELECT FROM supply_point s WHERE s.number = t.number) ORDER BY number"
    )


def _update_points() -> str:
    return (
        f"UPDATE supply_point s SET {_sets(_POINT)} FROM staged_point t"
        f" WHERE t.number = s.number AND {_differ('s', _POINT)}"
    )


def _insert_contracts() -> str:
    columns = ", ".join(_CONTRACT)
    return (
        f"INSERT INTO contract (number, own, {columns}) SELECT number, own, {columns} FROM staged_contract t"
        " WHERE NOT EXISTS (SELECT FROM contract c WHERE c.number = t.number AND c.own = t.own) ORDER BY number"
    )


def _update_contracts() -> str:
    return (
        f"UPDATE contract c SET {_sets(_CONTRACT)} FROM staged_contract t"
        f" WHERE c.number = t.number AND c.own = t.own AND {_differ('c', _CONTRACT)}"
    )


def _sets(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} = t.{name}" for name in names)


def _listed(table: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


def _differ(table: str, names: tuple[str, ...]) -> str:
    return f"({_listed(table, names)}) IS DISTINCT FROM ({_listed('t', names)})"
