"""An auditor reads the archive with DuckDB, away from our servers: the queries of docs/scale.md, as they stand there."""

import re
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest
from django.utils import timezone

from audit import archive
from audit.entry import Actor
from tests.audit.conftest import JANUARY, opened, published
from tests.people import OTHER_LOW

SCALE = (Path(__file__).resolve().parents[2] / "docs" / "scale.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", SCALE, re.DOTALL)


@pytest.fixture
def files(years_ago, sealed_log, superuser, tmp_path):
    """The archive of January 2019: 佐藤 opened three points, one of them another company's, 木下 one."""
    sato, kinoshita = Actor(person="R-20001", side="retail"), Actor(person="C-30001", side="nw")
    opened(superuser, JANUARY, 2, actor=sato)
    opened(superuser, JANUARY, 1, actor=sato, point=OTHER_LOW, own=False)
    opened(superuser, JANUARY, 1, actor=kinoshita, point=OTHER_LOW)
    published(sealed_log)
    return archive.archive(JANUARY, by="N-10002", at=timezone.now()), tmp_path / "archive"


def answers(query: str, folder: Path) -> list[tuple]:
    with duckdb.connect() as connection:
        found = connection.sql(query.replace("archive/", f"{folder}/")).to_arrow_table()
        return [tuple(row.values()) for row in found.to_pylist()]


def test_who_read_a_point_and_how_often(files):
    _, folder = files
    wanted = next(query for query in QUERIES if "GROUP BY person" in query)
    found = answers(wanted.replace("0210000000000000000002", OTHER_LOW), folder)
    assert [(row[0], row[1]) for row in found] == [("C-30001", 1), ("R-20001", 1)]


def test_what_the_payload_alone_says(files):
    _, folder = files
    wanted = next(query for query in QUERIES if "json" in query)
    assert answers(wanted, folder) == [("R-20001", OTHER_LOW)]


def test_every_leaf_hash_is_computed_without_us(files):
    manifest, folder = files
    wanted = next(query for query in QUERIES if "sha256" in query)
    found = answers(wanted, folder)
    assert [index for index, _ in found] == list(range(manifest.count))
    (first,) = answers("SELECT payload FROM 'archive/read-log-*.parquet' WHERE index = 0", folder)
    assert found[0][1] == sha256(b"\0" + first[0].encode()).hexdigest()
    assert len(QUERIES) == 3
