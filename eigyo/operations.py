"""取り込み: bring a file of supply points into force, all or nothing.

Stage by COPY as the `feed` role, check every row, apply in one transaction. The file is the whole
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
from typing import Any, BinaryIO

from django.conf import settings
from django.db import connections, transaction
from psycopg import sql

from eigyo import exchange, staging
from eigyo.models import ImportRun

ALIAS = "feed"
Progress = Callable[[int], object]

_STAGE = """
CREATE TEMPORARY TABLE staged (
  line integer NOT NULL, number text COLLATE "C", holder_name text, holder_kana text, postal_code text, address text,
  phone text, voltage_class text, contract_capacity integer, contract_capacity_unit text, load_capacity integer,
  load_capacity_unit text, breaker_capacity integer, breaker_capacity_unit text, own boolean,
  name_key text, kana_key text, phone_key text, address_key text, municipality_code text
) ON COMMIT PRESERVE ROWS
"""
_POINT = ("postal_code", "municipality_code", "address", "address_key", "own")
_CONTRACT = (
    "holder_name", "holder_kana", "name_key", "kana_key", "phone", "phone_key", "voltage_class",
    "contract_capacity", "contract_capacity_unit", "load_capacity", "load_capacity_unit",
    "breaker_capacity", "breaker_capacity_unit",
)  # fmt: skip


class ImportRefused(Exception):
    """Nothing was changed; the message says why and what to do."""


@dataclass
class Report:
    """What the check of a file found."""

    rows: int = 0
    errors: list[exchange.RowError] = field(default_factory=list)
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
    connection = connections[ALIAS]
    try:
        with path.open("rb") as stream, transaction.atomic(using=ALIAS):
            run.encoding = _encoding(stream)
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE IF EXISTS pg_temp.staged")
                cursor.execute(_STAGE)
                _stage(cursor.cursor, stream, run.encoding, report, progress)
                _find_repeats(cursor, report)
                _take_note(run, report)
                _brake(cursor, report, skip_bad=skip_bad, accept_shrink=accept_shrink)
                run.added, run.changed, run.vacated = _apply(cursor, complete=not report.errors)
        _build_search_indexes()
        run.applied, run.outcome = True, "反映しました"
    except (exchange.ExchangeError, ImportRefused) as error:
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
    found = exchange.detect_encoding(stream)
    stream.seek(0)
    return found


def _take_note(run: ImportRun, report: Report) -> None:
    run.rows, run.bad_rows = report.rows, report.bad_rows
    run.private_use = len(report.private_use)


def _stage(cursor: Any, stream: BinaryIO, encoding: str, report: Report, progress: Progress) -> None:
    """Copy the good rows; keep every error and every 外字."""
    target = sql.SQL("COPY staged ({}) FROM STDIN").format(
        sql.SQL(", ").join(map(sql.Identifier, staging.COLUMNS))
    )
    text = TextIOWrapper(stream, encoding=encoding, newline="")
    with cursor.copy(target) as copy:
        for chunk in staging.staged(text):
            copy.write(chunk.copy)
            report.rows += chunk.rows
            report.errors += chunk.errors
            report.private_use += chunk.private_use
            progress(chunk.rows)
    text.detach()


def _find_repeats(cursor: Any, report: Report) -> None:
    """Report each line whose number stands on another line as well, and drop it from the stage."""
    cursor.execute(
        "SELECT line, number FROM (SELECT line, number, count(*) OVER (PARTITION BY number) AS times FROM staged) t"
        " WHERE times > 1 ORDER BY number, line"
    )
    repeats = cursor.fetchall()
    report.errors.extend(
        exchange.RowError(
            line,
            "供給地点特定番号",
            number,
            "同じ番号の行がほかにもあります。1行だけにしてください。",
        )
        for line, number in repeats
    )
    if repeats:
        cursor.execute("DELETE FROM staged WHERE line = ANY(%s)", [[line for line, _ in repeats]])


def _brake(cursor: Any, report: Report, *, skip_bad: bool, accept_shrink: bool) -> None:
    """Refuse a file that is bad, empty or suspiciously small."""
    if report.errors and not skip_bad:
        raise ImportRefused(
            f"{report.bad_rows:,}行に誤りがあるため、何も反映していません。誤りを直すか、--skip-bad を付けてください。"
        )
    good = report.rows - report.bad_rows
    if good <= 0:
        raise ImportRefused("取り込める行がありません。ファイルを確かめてください。何も変えていません。")
    cursor.execute("SELECT count(*) FROM supply_point")
    present = int(cursor.fetchone()[0])
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
    cursor.execute("SELECT NOT EXISTS (SELECT FROM supply_point)")
    if cursor.fetchone()[0]:
        return _first_load(cursor), 0, 0
    cursor.execute("ANALYZE staged")
    added = _count(cursor, _insert_points())
    changed = _count(cursor, _update_points())
    ended = _count(cursor, _END_CONTRACTS)
    if complete:
        ended += _count(cursor, _END_MISSING)
    else:
        cursor.execute(_DISOWN_CONTRACTS)
    changed += _count(cursor, _DISOWN)
    started = _count(cursor, _insert_contracts())
    changed += _count(cursor, _update_contracts())
    return added, changed + max(started - added, 0), ended


def _first_load(cursor: Any) -> int:
    """Fill the empty tables without their search indexes; these are built after the commit."""
    cursor.execute("SELECT eigyo.begin_first_load()")
    added = _count(cursor, _insert_points())
    cursor.execute(_insert_contracts())
    cursor.execute("SELECT eigyo.finish_first_load()")
    return added


def _build_search_indexes() -> None:
    """Have the owner build what a first load dropped, points and contracts side by side."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_have_built, ("index_points", "index_contracts")))


def _have_built(function: str) -> None:
    try:
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(f"SELECT eigyo.{function}()")
    finally:
        connections[ALIAS].close()


def _count(cursor: Any, statement: str) -> int:
    cursor.execute(statement)
    return int(cursor.rowcount)


_MISSING = "NOT EXISTS (SELECT FROM staged t WHERE t.number = {}.number)"
_END_CONTRACTS = (
    "DELETE FROM contract c USING staged t"
    " WHERE t.number = c.number AND (t.holder_name = '' OR t.own <> c.own)"
)
_END_MISSING = f"DELETE FROM contract c WHERE {_MISSING.format('c')}"
_DISOWN_CONTRACTS = f"UPDATE contract c SET own = false WHERE c.own AND {_MISSING.format('c')}"
_DISOWN = f"UPDATE supply_point s SET own = false WHERE s.own AND {_MISSING.format('s')}"


def _insert_points() -> str:
    columns = ", ".join(_POINT)
    return (
        f"INSERT INTO supply_point (number, {columns}) SELECT number, {columns} FROM staged t"
        " WHERE NOT EXISTS (SELECT FROM supply_point s WHERE s.number = t.number) ORDER BY number"
    )


def _update_points() -> str:
    return f"UPDATE supply_point s SET {_sets(_POINT)} FROM staged t WHERE t.number = s.number AND {_differ('s', _POINT)}"


def _insert_contracts() -> str:
    columns = ", ".join(_CONTRACT)
    return (
        f"INSERT INTO contract (number, own, {columns}) SELECT number, own, {columns} FROM staged t"
        " WHERE holder_name <> '' AND NOT EXISTS"
        " (SELECT FROM contract c WHERE c.number = t.number AND c.own = t.own) ORDER BY number"
    )


def _update_contracts() -> str:
    return (
        f"UPDATE contract c SET {_sets(_CONTRACT)} FROM staged t"
        f" WHERE c.number = t.number AND c.own = t.own AND {_differ('c', _CONTRACT)}"
    )


def _sets(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} = t.{name}" for name in names)


def _listed(table: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


def _differ(table: str, names: tuple[str, ...]) -> str:
    return f"({_listed(table, names)}) IS DISTINCT FROM ({_listed('t', names)})"
