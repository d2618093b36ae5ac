"""Measure the read log: writing, size, sealing, verifying, searching, as it grows.

    make bench-log ARGS="--entries 1000000 10000000"

Prints one table for docs/benchmarks.md. Times are of this machine on this day; the ratios between
sizes are what counts. Entries are as the product makes them, over two years of office hours.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from audit import log, operations, queries, verifier
from audit.choices import Action, Outcome, Purpose
from audit.entry import Actor, Entry
from audit.note import LOG, Signer

PERSONS, TERMINALS, POINTS = 400, 300, 200_000
WRITERS, SAMPLES, BATCH = 8, 200, 5_000
PAGE_ROWS = 50


def main() -> None:
    """Grow the log to each size in turn and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=[100_000, 1_000_000])
    given = parser.parse_args()
    _write_trust(Path(tempfile.mkdtemp(prefix="eigyo-bench-log-")))
    call_command("migrate", database="owner", verbosity=0)
    print(f"| 記録 | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 1)}", flush=True)
    print(f"| (空) | {_durable()} |{' |' * (len(COLUMNS) - 1)}", flush=True)
    for entries in given.entries:
        print(f"| {entries:,} | {' | '.join(_measure(entries))} |", flush=True)


COLUMNS = (
    "書き込み 件/秒（8接続・1件ずつ・確定まで）",
    "1件あたりバイト（索引込み）",
    "封印 件/秒",
    "検証 件/秒",
    "地点の履歴 p50/p95 ms",
    "職員の1日 p50/p95 ms",
    "端末の期間 p50/p95 ms",
    "目的で絞る p50/p95 ms",
)


def _measure(entries: int) -> Iterator[str]:
    _grow(entries)
    yield ""
    sealing = _rate(lambda: operations.seal_everything(at=datetime.now(UTC)))
    yield f"{_bytes() / entries:,.0f}"
    yield sealing
    operations.publish(at=datetime.now(UTC))
    yield _rate(
        lambda: verifier.verify(first=0, size=verifier.signed_size(), progress=lambda done: None).size
    )
    with _log_owner() as owner:
        owner.execute("VACUUM ANALYZE audit.entry, audit.leaf")
    for each in (_point, _person_day, _terminal_period, _purpose):
        yield _percentiles(each)


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


def _grow(entries: int) -> None:
    """Write entries until there are so many, as the log's writer would."""
    chance = random.Random(entries)
    present = _count("SELECT count(*) FROM audit.entry")
    with _log_owner() as owner:
        _make_past_months(owner)
        until = datetime.now(UTC)
        for begun in range(present, entries, BATCH):
            rows = min(BATCH, entries - begun)
            moments = [until - timedelta(days=730) * (1 - (begun + row) / entries) for row in range(rows)]
            payloads = [_entry(chance, moment).payload() for moment in moments]
            owner.execute(
                "INSERT INTO audit.entry (payload, logged_at) SELECT * FROM unnest(%s::text[], %s::timestamptz[])",
                [payloads, moments],
            )


def _make_past_months(owner: psycopg.Connection) -> None:
    """Make the partitions that two years of service would have made."""
    owner.execute(
        """
        DO $$ DECLARE month timestamp; part text; BEGIN
          FOR back IN 1..25 LOOP
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


def _percentiles(query: Callable[[random.Random], object]) -> str:
    chance, times = random.Random(1), []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        query(chance)
        times.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(times, n=20)
    return f"{statistics.median(times):.1f} / {cuts[18]:.1f}"


def _search(chance: random.Random, days: int, **wanted: Any) -> queries.Page:
    until = datetime.now(UTC) - timedelta(days=chance.randrange(600))
    condition = queries.Condition(since=until - timedelta(days=days), until=until, **wanted)
    return queries.search(condition, cursor=None, rows=PAGE_ROWS)


def _point(chance: random.Random) -> queries.Page:
    return _search(chance, 730, point=f"02{chance.randrange(POINTS):020}")


def _person_day(chance: random.Random) -> queries.Page:
    return _search(chance, 1, person=f"RT-{chance.randrange(PERSONS):04}")


def _terminal_period(chance: random.Random) -> queries.Page:
    return _search(chance, 30, terminal=f"RT-{chance.randrange(TERMINALS):04}")


def _purpose(chance: random.Random) -> queries.Page:
    return _search(chance, 30, purpose="night_duty")


def _write_trust(folder: Path) -> None:
    """Give the log a key, and a policy that asks for no witness."""
    seed = "5e" * 32
    key = Signer.from_seed(settings.READ_LOG_ORIGIN, LOG, seed).key
    (folder / "policy.txt").write_text(f"log {key}\nquorum none\n")
    settings.READ_LOG_KEYS = [seed]
    settings.READ_LOG_FOLDER = str(folder)
    settings.READ_LOG_POLICY = str(folder / "policy.txt")


if __name__ == "__main__":
    main()
