"""Measure the reconciliation beside plain Python and diffsync, on the same two ledgers.

    make bench ARGS="--terminals 100000 --rounds 5"

The rounds are interleaved, so that all three see the same machine. Each method runs in a process of its
own, whose greatest memory is read at its end. Only the product's run does the whole job: fourteen kinds,
postings, sign-ins and stock-takes, life cycle, reactions; the others compare six columns by one key.
"""

import argparse
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connection, transaction

from bench.estate import build
from terminals.choices import Trigger
from terminals.models import Discrepancy, Run
from terminals.reconciliation import compare, operations
from terminals.reconciliation.rules import rules

COLUMNS = ("lu", "holder", "building", "floor", "room", "state")
_LEDGER = (
    "SELECT terminal_number, lu, holder_code, building_code, floor, room, state FROM terminals_ledgerline"
)
_ONLINE = """
SELECT t.number, r.lu, o.code, b.code, p.floor, p.name, t.status FROM terminals_terminal t
JOIN terminals_luregistration r ON r.terminal_id = t.id JOIN terminals_deployment d ON d.terminal_id = t.id
JOIN accesscontrol_organisation o ON o.id = d.holder_id JOIN terminals_place p ON p.id = d.place_id
JOIN terminals_building b ON b.id = p.building_id"""


def main() -> None:
    """Build the estate, then measure in interleaved rounds; or, called with --method, do one and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--terminals", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--method", choices=sorted(METHODS))
    given = parser.parse_args()
    if given.method:
        print(json.dumps(METHODS[given.method]() | {"memory": _memory()}))
        return
    call_command("migrate", database="owner", verbosity=0)
    with psycopg.connect(os.environ["EIGYO_DB_OWNER"], autocommit=True) as owner:
        estate = build(owner, given.terminals)
    print(
        f"端末 {estate.terminals:,}台、仕込んだ相違 {json.dumps(estate.planted, ensure_ascii=False)}",
        flush=True,
    )
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in METHODS}
    for _ in range(given.rounds):
        for name, found in rounds.items():
            found.append(_in_its_own_process(name))
    _print(rounds)


def _print(rounds: dict[str, list[dict[str, Any]]]) -> None:
    print(
        "| 方法 | 突き合わせ 秒（中央値、最小–最大） | 読み込みから全部 秒 | メモリ MB | 見つけた数 |\n|---|---|---|---|---|"
    )
    for name, found in rounds.items():
        compared, whole = ([each[what] for each in found] for what in ("compare", "whole"))
        print(
            f"| {name} | {statistics.median(compared):.2f}（{min(compared):.2f}–{max(compared):.2f}）"
            f" | {statistics.median(whole):.2f} | {max(each['memory'] for each in found):.0f} | {found[-1]['found']} |"
        )
    base = statistics.median(each["compare"] for each in rounds["product"])
    for name, found in rounds.items():
        ratios = [
            each["compare"] / mine["compare"] for each, mine in zip(found, rounds["product"], strict=True)
        ]
        print(f"{name}: {statistics.median(ratios):.1f} 倍（product の中央値 {base:.2f} 秒に対して）")


def _in_its_own_process(name: str) -> dict[str, Any]:
    answer = subprocess.run(  # noqa: S603 - this very program
        [sys.executable, "-m", "bench.reconciliation", "--method", name],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def _product() -> dict[str, Any]:
    """The run as the worker makes it; `compare` is its one statement, made once more on its own."""
    began = time.perf_counter()
    run = operations.reconcile(trigger=Trigger.NIGHTLY, by=None, at=datetime.now(UTC))
    whole = time.perf_counter() - began
    if run.message:
        raise SystemExit(run.message)
    with transaction.atomic():
        again = Run.objects.create(
            started_at=run.started_at, trigger=Trigger.NIGHTLY, ledger=run.ledger, rules=""
        )
        began = time.perf_counter()
        compare.compare(again, rules=rules(), at=datetime.now(UTC))
        compared = time.perf_counter() - began
        transaction.set_rollback(True)
    kinds = Counter(Discrepancy.objects.filter(closed_run__isnull=True).values_list("kind", flat=True))
    return {"compare": compared, "whole": whole, "found": dict(sorted(kinds.items()))}


def _plain() -> dict[str, Any]:
    """Two dictionaries and a loop."""
    began = time.perf_counter()
    ledger, online = _records(_LEDGER), _records(_ONLINE)
    loaded = time.perf_counter()
    only_ledger = sum(number not in online for number in ledger)
    only_online = sum(number not in ledger for number in online)
    differ = sum(number in online and online[number] != said for number, said in ledger.items())
    ended = time.perf_counter()
    found = {"differ": differ, "only_ledger": only_ledger, "only_online": only_online}
    return {"compare": ended - loaded, "whole": ended - began, "found": found}


def _diffsync() -> dict[str, Any]:
    """The library of the field (Nautobot's)."""
    import structlog  # noqa: PLC0415
    from diffsync import Adapter, DiffSyncModel  # noqa: PLC0415 - a bench-only dependency

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))

    class Terminal(DiffSyncModel):
        _modelname = "terminal"
        _identifiers = ("number",)
        _attributes = COLUMNS
        number: str
        lu: str
        holder: str
        building: str
        floor: str
        room: str
        state: str

    class Side(Adapter):
        terminal = Terminal
        top_level = ["terminal"]

    began = time.perf_counter()
    sides = []
    for statement in (_LEDGER, _ONLINE):
        side = Side()
        for number, said in _records(statement).items():
            side.add(Terminal.model_validate({"number": number} | dict(zip(COLUMNS, said, strict=True))))
        sides.append(side)
    loaded = time.perf_counter()
    summary = sides[1].diff_from(sides[0]).summary()
    ended = time.perf_counter()
    return {"compare": ended - loaded, "whole": ended - began, "found": summary}


def _records(statement: str) -> dict[str, tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return {number: tuple(said) for number, *said in cursor.fetchall()}


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


METHODS: dict[str, Callable[[], dict[str, Any]]] = {
    "product": _product,
    "plain Python": _plain,
    "diffsync": _diffsync,
}

if __name__ == "__main__":
    main()
