"""How long an answer takes says nothing about hidden rows.

In `make test`: the same work is done, statement for statement and block for block, whether twenty
thousand hidden contracts match or none. In `make prove` also the clock: a permutation test over
interleaved requests at a million points, with a planted delay that it must find.
"""

import json
import random
import statistics
import time
from contextlib import contextmanager

import pytest
from django.db import connections

from eigyo import queries
from tests.guarantees.report import PROVING, extent, report

POINTS, HIDDEN = extent(20_000, 1_000_000), extent(2_000, 20_000)
PAIRS, SHUFFLES, LEVEL = 2_000, 2_000, 0.001
# What is asked: with hidden matches, and without any. The points of the two towns alternate, so that what everybody
# may see lies alike; only one town has contracts, all of them hidden.
ASKED = {
    "電話番号": ("kind=phone&q=022900", "kind=phone&q=022800"),
    "契約名義・前方": ("kind=name&match=prefix&q=秘匿", "kind=name&match=prefix&q=秘蔵"),
    "契約名義・部分": ("kind=name&match=infix&q=匿甲野", "kind=name&match=infix&q=蔵乙野"),
    "住所": ("kind=address&match=infix&q=青葉区甲町", "kind=address&match=infix&q=青葉区乙町"),
    "件数（自社分）": (
        "kind=address&own=on&q=宮城県仙台市青葉区甲",
        "kind=address&own=on&q=宮城県仙台市青葉区乙",
    ),
}
FILL = f"""
CREATE TEMPORARY TABLE filling AS
SELECT '02' || lpad(i::text, 20, '0') AS number, i,
  CASE WHEN i > 2 * {HIDDEN} THEN 'C' WHEN i % 2 = 1 THEN 'A' ELSE 'B' END AS part
FROM generate_series(1, {POINTS}) i;
SELECT eigyo.begin_first_load();
INSERT INTO eigyo.supply_point (number, postal_code, address, address_key, own)
SELECT number, '9800811', t, t, part = 'C' AND i % 3 <> 0 FROM (
  SELECT *, '宮城県仙台市青葉区' || CASE part WHEN 'A' THEN '甲' WHEN 'B' THEN '乙' ELSE '丙' END || '町' || i AS t
  FROM filling) x;
INSERT INTO eigyo.contract (number, own, holder_name, holder_kana, name_key, kana_key, phone, phone_key,
  voltage_class, contract_capacity_unit, load_capacity_unit, breaker_capacity_unit)
SELECT number, part = 'C' AND i % 3 <> 0, n, '', n, '', p, p, 'low', '', '', '' FROM (
  SELECT *, CASE part WHEN 'A' THEN '秘匿甲野' ELSE '公開丙野' END || i AS n,
    CASE part WHEN 'A' THEN '022900' ELSE '022700' END || lpad((i % 10000)::text, 4, '0') AS p
  FROM filling WHERE part <> 'B') x;
SELECT eigyo.finish_first_load();
SELECT eigyo.build_search_indexes(1), eigyo.build_search_indexes(2);
"""


@pytest.fixture
def clerk(region, owner, clean_region_after):
    """A retail clerk in a region where a whole town belongs to other retailers."""
    owner.execute("DELETE FROM eigyo.contract")
    owner.execute("DELETE FROM eigyo.supply_point")
    owner.execute("DROP TABLE IF EXISTS filling")
    for statement in FILL.strip().removesuffix(";").split(";\n"):
        owner.execute(statement)
    owner.execute("VACUUM ANALYZE eigyo.supply_point, eigyo.contract")  # now, not between two measurements
    retail_clerk = region.retail_clerk()
    asks(retail_clerk, "q=0210")  # the first request of a connection asks the catalogue as well
    return retail_clerk


@pytest.fixture
def clean_region_after(owner):
    """Take the many points away again, faster than row by row."""
    yield
    owner.execute("TRUNCATE eigyo.contract, eigyo.supply_point")


def asks(clerk, query):
    answer = clerk.gets(f"/points/?{query}")
    assert answer.status_code == 200
    return answer


def work(clerk, query):
    """Return every statement of a request on the retail side with its rows and the blocks it touched."""
    statements = []

    def keep(execute, sql, params, many, context):
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connections["retail"].execute_wrapper(keep):
        asks(clerk, query)
    with connections["retail"].cursor() as cursor:
        return [(sql, params, *_touched(cursor, sql, params)) for sql, params in statements]


def _touched(cursor, sql, params):
    for _ in range(2):
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", params)
    plan = cursor.fetchone()[0]
    plan = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return plan["Actual Rows"], plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def test_hidden_matches_cost_the_retail_side_not_one_block(clerk, owner):
    table = report("時間：読んだブロック（小売側）", "検索", "文", "ブロック", "隠れた一致")
    with_matches = {kind: work(clerk, hidden) for kind, (hidden, _) in ASKED.items()}
    taken = owner.execute("DELETE FROM eigyo.contract WHERE NOT own").rowcount
    assert taken >= HIDDEN
    for kind, (hidden, _) in ASKED.items():
        without = work(clerk, hidden)
        assert without == with_matches[kind], kind
        assert without, kind
        table.add(kind, len(without), sum(touched for *_, touched in without), f"{HIDDEN:,}")


def times_of(clerk, queries_asked):
    """Return the logged times of each query, asked in random order so that drift meets both alike."""
    chance, times = random.Random(5), ([], [])
    for turn in range(PAIRS + 20):
        for which in chance.sample((0, 1), 2):
            began = time.perf_counter()
            asks(clerk, queries_asked[which])
            if turn >= 20:
                times[which].append(time.perf_counter() - began)
    return times


def chance_of(one, other):
    """Return how often shuffled pairs differ as much as these: small means that the two differ."""
    differences = [first - second for first, second in zip(one, other, strict=True)]
    limit = statistics.quantiles([abs(each) for each in differences], n=20)[18]
    clipped = [max(-limit, min(limit, each)) for each in differences]
    seen, draw = abs(sum(clipped)), random.Random(7)
    as_far = sum(
        abs(sum(each if draw.random() < 0.5 else -each for each in clipped)) >= seen for _ in range(SHUFFLES)
    )
    return (as_far + 1) / (SHUFFLES + 1)


@contextmanager
def a_slower_side_for(term):
    """Plant a leak: a page that takes two milliseconds longer for one term."""
    honest = queries.page

    def page(side, search, **kwargs):
        found = honest(side, search, **kwargs)
        if term in search.text:
            answered = time.perf_counter()
            while time.perf_counter() - answered < 0.002:
                pass
        return found

    queries.page = page
    try:
        yield
    finally:
        queries.page = honest


if PROVING:

    def test_the_clock_does_not_tell_hidden_matches_from_none(clerk):
        table = report(
            f"時間：{POINTS:,}地点、各{PAIRS:,}回", "検索", "一致あり ms", "一致なし ms", "比", "偶然の確率"
        )
        found = {}
        for kind, asked in ASKED.items():
            one, other = times_of(clerk, asked)
            found[kind] = chance_of(one, other)
            middle = statistics.median(one) * 1000, statistics.median(other) * 1000
            table.add(
                kind,
                *(f"{each:.2f}" for each in middle),
                f"{middle[0] / middle[1]:.3f}",
                f"{found[kind]:.4f}",
            )
        assert [kind for kind, chance in found.items() if chance < LEVEL] == []

    def test_a_planted_delay_is_found(clerk):
        with a_slower_side_for("秘匿"):
            one, other = times_of(clerk, ASKED["契約名義・前方"])
        chance = chance_of(one, other)
        report("時間：植えた遅れ", "検索", "偶然の確率").add("契約名義・前方", f"{chance:.4f}")
        assert chance < LEVEL
