"""Measure the read log: writing, size, sealing, verifying, searching, as it grows.

    make bench-log ARGS="--entries 1000000 10000000"

Prints one table for docs/benchmarks.md. Times are of this machine on this day; the ratios between
sizes are what counts. Entries are as the product makes them; the log begins empty (build/bench).
"""

import argparse
import multiprocessing
import os
import random
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from audit import log, operations, queries, verifier
from audit.choices import Action, Outcome, Purpose
from audit.chunks import CHUNK, copied
from audit.entry import Actor, Entry
from audit.note import LOG, Signer
from audit.shapes import ROW

PERSONS, TERMINALS, POINTS = 400, 300, 200_000
ENTRIES_A_DAY = 30_000_000 / 730
WRITERS, SAMPLES = 8, 200
COPIERS, BATCH, TEMPLATES = 2, 5_000, 20_000
PAGE_ROWS = 50
TICK, TICKS, PAUSE = 1.0, 30, 0.1


def main() -> None:
    """Grow the log to each size in turn and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=[100_000, 1_000_000])
    given = parser.parse_args()
    _write_trust(Path(tempfile.mkdtemp(prefix="eigyo-bench-log-")))
    call_command("migrate", database="owner", verbosity=0)
    begin = _begin(max(given.entries))
    print(f"| 記録 | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 1)}", flush=True)
    for entries in given.entries:
        print(f"| {entries:,} | {' | '.join(_measure(Size(entries, begin)))} |", flush=True)
    print(f"書き込み（8接続・1件ずつ・確定まで）：{_durable()} 件/秒")
    print(f"記録の確定から封印まで p50/p95（1秒ごとに封印、長いトランザクションを開いたまま）：{_lag()}")


COLUMNS = (
    "1件あたりバイト（索引込み）",
    "封印 件/秒",
    "検証と同じ行を読むだけ 件/秒",
    "検証 件/秒",
    "地点の履歴 p50/p95 ms",
    "職員の1日 p50/p95 ms",
    "端末の期間 p50/p95 ms",
    "目的で絞る p50/p95 ms",
)


@dataclass(frozen=True, slots=True)
class Size:
    """A log of so many entries, written at an even pace from `begin` on."""

    entries: int
    begin: datetime

    def moment(self, row: int) -> datetime:
        """Return when an entry was logged."""
        return self.begin + timedelta(days=row / ENTRIES_A_DAY)


def _begin(largest: int) -> datetime:
    """Return when the log begins: so long ago that its largest size ends now."""
    with _log_owner() as owner:
        (first,) = owner.execute("SELECT min(logged_at) FROM audit.entry").fetchone() or (None,)
    return first or datetime.now(UTC) - timedelta(days=largest / ENTRIES_A_DAY)


def _measure(size: Size) -> Iterator[str]:
    _grow(size)
    sealing = _rate(lambda: operations.seal_everything(at=datetime.now(UTC)))
    yield f"{_bytes() / size.entries:,.0f}"
    yield sealing
    operations.publish(at=datetime.now(UTC))
    yield _reading()
    yield _verification()
    with _log_owner() as owner:
        owner.execute("VACUUM ANALYZE audit.entry, audit.leaf")
    for each in (_point, _person_day, _terminal_period, _purpose):
        yield _percentiles(each, size)


def _reading() -> str:
    """Return how fast as many processes as verify read the same entries and check nothing: no verifier is faster."""
    with _log_owner() as owner:
        spans = owner.execute(
            f"SELECT min(logged_at), max(logged_at) FROM audit.leaf GROUP BY index / {CHUNK} ORDER BY 1"
        ).fetchall()
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_read, spans[:1] * 2 * (os.cpu_count() or 1)))
        return _rate(lambda: sum(pool.map(_read, spans)))


def _read(span: tuple[datetime, datetime]) -> int:
    entries: LiteralString = (
        f"SELECT {', '.join(ROW)} FROM audit.entry WHERE logged_at BETWEEN %(since)s AND %(until)s"
    )
    with psycopg.connect(os.environ["EIGYO_DB_LOG"], autocommit=True) as connection:
        given = dict(zip(("since", "until"), span, strict=True))
        return sum(len(rows) for rows in copied(connection, entries, given))


def _verification() -> str:
    """Return how fast the whole log is verified; the command would add an entry of today to a log grown out of the past."""

    def verify() -> int:
        verdict = verifier.verify(first=0, size=verifier.signed_size(), progress=lambda checked: None)
        if not verdict.is_fine:
            raise SystemExit(str(verdict.first_bad))
        return verdict.size

    return _rate(verify)


def _lag() -> str:
    """Return how long an entry waits for its leaf, the sealer ticking every second beside a long transaction."""
    written: dict[int, float] = {}
    sealed: dict[int, float] = {}
    done = threading.Event()

    def write() -> None:
        chance = random.Random(1)
        try:
            while not done.wait(PAUSE * 2 * chance.random()):
                (receipt,) = log.append([_entry(chance, datetime.now(UTC))])
                written[receipt.number] = time.monotonic()
        finally:
            connections["audit"].close()

    with _log_owner() as long, ThreadPoolExecutor(1) as pool, connections["log"].cursor() as cursor:
        long.execute("BEGIN")
        long.execute("SELECT pg_current_xact_id()")
        size = _count("SELECT size FROM audit.tree_state")
        writing, began = pool.submit(write), time.monotonic()
        for tick in range(TICKS):
            time.sleep(max(0.0, began + tick * TICK - time.monotonic()))
            size += operations.seal_everything(at=datetime.now(UTC))
            now = time.monotonic()
            cursor.execute("SELECT entry FROM leaf WHERE index >= %s", [size - len(written)])
            for (number,) in cursor.fetchall():
                sealed.setdefault(number, now)
        done.set()
        writing.result()
        long.execute("ROLLBACK")
    lags = [sealed[number] - moment for number, moment in written.items() if number in sealed]
    cuts = statistics.quantiles(lags, n=20)
    return f"{statistics.median(lags):.2f} / {cuts[18]:.2f} 秒（{len(lags)}件）"


def _durable() -> str:
    """Return how many single entries eight connections commit in a second, fsync on."""

    def write(number: int) -> int:
        written, end = 0, time.monotonic() + 5
        try:
            while time.monotonic() < end:
                log.append([_entry(random.Random(number), datetime.now(UTC))])
                written += 1
        finally:
            connections["audit"].close()
        return written

    with ThreadPoolExecutor(WRITERS) as pool:
        return f"{sum(pool.map(write, range(WRITERS))) / 5:,.0f}"


def _grow(size: Size) -> None:
    """Write entries until there are so many: by COPY, with the indexes built afterwards."""
    chance = random.Random(size.entries)
    present = _count("SELECT count(*) FROM audit.entry")
    with _log_owner() as owner:
        _make_past_months(owner, size.begin)
        indexes = owner.execute(
            "SELECT indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes WHERE schemaname = 'audit'"
            " AND tablename = 'entry' AND indexname NOT LIKE '%pkey'"
        ).fetchall()
        for name, _ in indexes:
            owner.execute(f"DROP INDEX audit.{name}")
        _copy_entries(chance, present, size)
        for _, definition in indexes:
            owner.execute(definition)


def _copy_entries(chance: random.Random, present: int, size: Size) -> None:
    """Copy batches through two connections; each has its transaction number before the next one, as the tree's order asks."""
    templates = [_template(chance) for _ in range(TEMPLATES)]
    with ThreadPoolExecutor(COPIERS) as pool, ExitStack() as stack:
        owners = [stack.enter_context(_log_owner()) for _ in range(COPIERS)]
        copies: list[Future[None]] = []
        for number, begun in enumerate(range(present, size.entries, BATCH)):
            if number >= COPIERS:
                copies[number - COPIERS].result()
            owner = owners[number % COPIERS]
            owner.execute("BEGIN")
            owner.execute("SELECT pg_current_xact_id()")
            moments = [size.moment(row) for row in range(begun, min(begun + BATCH, size.entries))]
            copies.append(pool.submit(_copy, owner, random.Random(begun), templates, moments))
        for copy in copies:
            copy.result()


def _copy(
    owner: psycopg.Connection, chance: random.Random, templates: list[str], moments: list[datetime]
) -> None:
    with owner.cursor() as cursor, cursor.copy("COPY audit.entry (payload, logged_at) FROM STDIN") as copy:
        for moment in moments:
            payload = chance.choice(templates).format(
                at=f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
                nonce=f"{chance.getrandbits(128):032x}",
                point=f"02{chance.randrange(POINTS):020}",
                request=f"{chance.getrandbits(64):016x}",
            )
            copy.write_row((payload, moment))
    owner.execute("COMMIT")


def _template(chance: random.Random) -> str:
    """Return an entry as the product writes it, with places for what differs from entry to entry."""
    text = _entry(chance, datetime.now(UTC)).payload().replace("{", "{{").replace("}", "}}")
    return re.sub(r'"(at|nonce|point|request)":"[^"]*"', r'"\1":"{\1}"', text)


def _make_past_months(owner: psycopg.Connection, begin: datetime) -> None:
    """Make the partitions that service since then would have made."""
    months = (datetime.now(UTC) - begin) // timedelta(days=28) + 1
    owner.execute(
        f"""
        DO $$ DECLARE month timestamp; part text; BEGIN
          FOR back IN 1..{months} LOOP
            month := date_trunc('month', clock_timestamp() AT TIME ZONE 'Asia/Tokyo') - make_interval(months => back);
            part := format('entry_%s', to_char(month, 'YYYY_MM'));
            IF to_regclass('audit.' || part) IS NULL THEN
              EXECUTE format('CREATE TABLE audit.%I PARTITION OF audit.entry FOR VALUES FROM (%L) TO (%L)', part,
                month AT TIME ZONE 'Asia/Tokyo', (month + interval '1 month') AT TIME ZONE 'Asia/Tokyo');
              PERFORM audit.seal_partition(('audit.' || part)::regclass);
            END IF;
          END LOOP;
        END $$
        """
    )


def _entry(chance: random.Random, at: datetime) -> Entry:
    person, terminal = chance.randrange(PERSONS), chance.randrange(TERMINALS)
    own = chance.random() < 0.65
    return Entry(
        actor=Actor(
            person=f"RT-{person:04}",
            person_name="佐藤　花子",
            company="試験電力",
            department="営業部　営業一課",
            side="retail",
            card=f"{2_000_000_000 + person}",
            card_kind="personal",
            terminal=f"RT-{terminal:04}",
            terminal_class="retail",
            lu=f"LU{terminal:06}",
            place="B-01 3F 営業所",
            zone="retail",
            purpose=chance.choice(list(Purpose)).value,
            policy="2024-01",
            claims=("terminal_class:retail", "card_kind:personal", "place:retail", "posting:retail"),
        ),
        action=chance.choice((Action.LIST, Action.LIST, Action.OPEN)),
        outcome=Outcome.ALLOWED if own else Outcome.MASKED,
        at=at,
        request=f"{chance.getrandbits(64):016x}",
        point=f"02{chance.randrange(POINTS):020}",
        own=own,
        fields=("number", "address", "holder_name", "phone") if own else ("number", "address"),
        masked=() if own else ("holder_name", "phone"),
    )


def _bytes() -> int:
    """Return what the log takes on disk: entries, their indexes, leaves."""
    return _count(
        "SELECT sum(pg_total_relation_size(relid)) + pg_total_relation_size('audit.leaf')"
        " FROM pg_partition_tree('audit.entry')"
    )


def _count(query: LiteralString) -> int:
    with _log_owner() as owner:
        found = owner.execute(query).fetchone()
    return int(found[0]) if found else 0


@contextmanager
def _log_owner() -> Iterator[psycopg.Connection]:
    with psycopg.connect(os.environ["EIGYO_DB_OWNER"], autocommit=True) as owner:
        owner.execute("SET ROLE eigyo_log_owner")
        yield owner


def _rate(work: Callable[[], int]) -> str:
    began = time.perf_counter()
    done = work()
    return f"{done / (time.perf_counter() - began):,.0f}"


def _percentiles(query: Callable[[random.Random, Size], object], size: Size) -> str:
    chance, times = random.Random(1), []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        query(chance, size)
        times.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(times, n=20)
    return f"{statistics.median(times):.1f} / {cuts[18]:.1f}"


def _search(chance: random.Random, size: Size, days: int, **wanted: Any) -> queries.Page:
    until = size.moment(chance.randrange(size.entries))
    condition = queries.Condition(since=until - timedelta(days=days), until=until, **wanted)
    return queries.search(condition, cursor=None, rows=PAGE_ROWS)


def _point(chance: random.Random, size: Size) -> queries.Page:
    return _search(chance, size, 730, point=f"02{chance.randrange(POINTS):020}")


def _person_day(chance: random.Random, size: Size) -> queries.Page:
    return _search(chance, size, 1, person=f"RT-{chance.randrange(PERSONS):04}")


def _terminal_period(chance: random.Random, size: Size) -> queries.Page:
    return _search(chance, size, 30, terminal=f"RT-{chance.randrange(TERMINALS):04}")


def _purpose(chance: random.Random, size: Size) -> queries.Page:
    return _search(chance, size, 30, purpose="night_duty")


def _write_trust(folder: Path) -> None:
    """Give the log a key, and a policy that asks for no witness."""
    seed = "5e" * 32
    key = Signer.from_seed(settings.READ_LOG_ORIGIN, LOG, seed).key
    (folder / "policy.txt").write_text(f"log {key}\nquorum none\n")
    settings.READ_LOG_KEYS = [seed]
    settings.READ_LOG_FOLDER = os.environ["EIGYO_LOG_FOLDER"] = str(folder)
    settings.READ_LOG_POLICY = os.environ["EIGYO_LOG_POLICY"] = str(folder / "policy.txt")
    os.environ["EIGYO_LOG_KEYS"] = seed


if __name__ == "__main__":
    main()
