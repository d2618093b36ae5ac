"""A standby of the read log: officers' searches read on it, and the log moves onto it.

A registry, a log and its streaming standby on loopback, set up as docs/scale.md says, with the product's web process.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.deploy.clusters import DATABASE, Cluster, two_clusters
from tests.deploy.office import Office
from tests.people import OTHER_LOW, OWN_LOW
from tests.processes import wait_until

POINTS = "/audit/points/"
READS = "/audit/reads/"
TOKYO = ZoneInfo("Asia/Tokyo")
ENTRIES = "SELECT id, xact::text, logged_at, payload FROM audit.entry ORDER BY id"
LEAVES = "SELECT index, entry, encode(hash, 'hex') FROM audit.leaf ORDER BY index"
A_SECOND_LATER = "SELECT date_trunc('second', now()) > date_trunc('second', %s::timestamptz)"
NOT_FOUND = "条件に当てはまる記録はありません"
WRITES = [
    "INSERT INTO audit.entry (payload) VALUES ('{}')",
    "UPDATE audit.entry SET payload = payload",
    "DELETE FROM audit.entry",
    "TRUNCATE audit.entry",
    "UPDATE audit.health SET fine = true",
    "CREATE TABLE audit.note (line text)",
    "CREATE TEMP TABLE note (line text)",
]
# After the move: what went before is proven, handed over, and joins the checkpoint published before.
PROVES = """
import json, sys
from pathlib import Path
import django
django.setup()
from django.utils import timezone
import eigyo_verify
from audit import adoption, handover, proofs, publication
first, target, earlier = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
handover.hand_over(target, progress=lambda entries: None)
policy = eigyo_verify.Policy((target / "policy.txt").read_text())
index, payload = eigyo_verify.verify_proof(proofs.prove(first).text(), policy)
try:
    adoption.adopt(reason="移転", at=timezone.now())
except adoption.NothingToAdopt:
    print(json.dumps({
        "index": index,
        "leaves": eigyo_verify.verify_log(target, policy, [earlier])[0],
        "published": publication.published().size,
    }))
"""

# What people do meanwhile is logged: so many entries that the tree would be larger than the one that was published.
MORE = """
import sys
import django
django.setup()
from django.utils import timezone
from audit import log
from audit.choices import Action, Outcome
from audit.entry import Actor, Entry
entry = Entry(
    actor=Actor(person="N-10001"), action=Action.SIGN_IN, outcome=Outcome.ALLOWED, at=timezone.now(), request="r"
)
log.append([entry] * int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with two_clusters(tmp_path_factory.mktemp("log")) as clusters:
        standby = clusters.log.gives_a_standby()
        office = Office(clusters, standby)
        try:
            office.fills()
            reader = clusters.environment["EIGYO_DB_LOG"]
            clusters.environment["EIGYO_DB_LOG_REPLICA"] = at(reader, clusters.log, standby)
            yield office.opens()
        finally:
            office.closes()
            standby.goes()


def at(url: str, here: Cluster, there: Cluster) -> str:
    return url.replace(f":{here.port}/", f":{there.port}/")


def newest(log: Cluster, action: str) -> tuple[int, dict]:
    """Number and payload of the newest entry of a kind."""
    ((number, payload),) = log.asks(
        "SELECT id, payload FROM audit.entry WHERE action = %s ORDER BY id DESC LIMIT 1", [action]
    )
    return number, json.loads(payload)


def count(log: Cluster) -> int:
    return log.asks("SELECT count(*) FROM audit.entry")[0][0]


def told(answer) -> str:
    """How many readings a customer's sheet tells of."""
    return re.search(r"お知らせする件数\s*(\d+) 件", answer.text)[1]


class TestReading:
    def test_a_reading_is_found_on_the_standby_once_it_has_been_received(self, office: Office) -> None:
        assert office.clerk(f"/points/{OWN_LOW}/").status == 200
        office.standby.receives_all_of(office.log)
        found = office.officer(f"{READS}?period=24h&point={OWN_LOW}")
        assert "大西 誠" in found.text
        assert "記録1件閲覧された供給地点1地点職員1人端末1台" in re.sub(r"\s", "", found.text)
        assert "検索用の複製から表示しています" in found.text
        seen = office.officer(f"{POINTS}{OWN_LOW}/")
        assert "回答に載せる閲覧 1 件" in seen.text
        assert "検索用の複製から表示しています" in seen.text

    def test_the_officers_own_search_is_on_the_log_of_the_primary(self, office: Office) -> None:
        with office.standby.lags():
            assert office.officer(f"{READS}?period=24h&person=N-10001").status == 200
            _, search = newest(office.log, "read_log")
            assert (search["person"], search["query"]["person"]) == ("N-10002", "N-10001")

    def test_what_has_not_arrived_is_missing_and_the_page_says_up_to_when_it_speaks(
        self, office: Office
    ) -> None:
        search = f"{READS}?period=24h&point={OTHER_LOW}"
        with office.standby.lags():
            assert office.clerk(f"/points/{OTHER_LOW}/").status == 200
            ((arrived,),) = office.standby.asks("SELECT pg_last_xact_replay_timestamp()")
            wait_until(lambda: office.log.asks(A_SECOND_LATER, [arrived]) == [(True,)])
            missing = office.officer(search)
            assert NOT_FOUND in missing.text
            assert f"{arrived.astimezone(TOKYO):%m/%d %H:%M:%S} までの記録が届いています" in missing.text
            assert "回答に載せる閲覧 0 件" in office.officer(f"{POINTS}{OTHER_LOW}/").text
        office.standby.receives_all_of(office.log)
        assert "大西 誠" in office.officer(search).text
        assert "回答に載せる閲覧 1 件" in office.officer(f"{POINTS}{OTHER_LOW}/").text

    def test_what_leaves_the_house_and_what_is_withheld_does_not_wait_for_the_standby(
        self, office: Office
    ) -> None:
        sheet = f"{POINTS}{OTHER_LOW}/answer/"
        with office.standby.lags():
            before = int(told(office.officer(sheet)))
            assert office.clerk(f"/points/{OTHER_LOW}/").status == 200
            number, _ = newest(office.log, "open")
            assert office.officer(f"{READS}{number}/").status == 200
            assert int(told(office.officer(sheet))) == before + 1
            said = office.officer_says(
                "/audit/withholdings/new/", kind="point", subject=OTHER_LOW, last="2099-12-31", reason="捜査"
            )
            assert said.status == 302
            assert told(office.officer(sheet)) == "0"
            assert OTHER_LOW in office.officer("/audit/withholdings/").body
            assert "保留中の閲覧" in office.officer(f"{POINTS}{OTHER_LOW}/").text

    def test_a_standby_that_lags_neither_alarms_nor_vouches(self, office: Office) -> None:
        arrived = office.standby.asks(LEAVES)
        with office.standby.lags():
            turn = office.seals()
            assert turn["fine"]
            head = office.officer(READS).page.first("a", "proof")
            assert "改ざんなし" in head.text
            assert f"{turn['published']}件" in head.text
            state = office.officer("/audit/integrity/").text
            assert f"封印した記録{turn['published']}件" in re.sub(r"\s", "", state)
            assert office.standby.asks(LEAVES) == arrived != office.log.asks(LEAVES)


class TestWriting:
    @pytest.mark.parametrize("statement", WRITES)
    def test_the_standby_takes_nothing_from_the_searches_login_nor_from_its_administrator(
        self, office: Office, statement: str
    ) -> None:
        replica = office.clusters.environment["EIGYO_DB_LOG_REPLICA"]
        administrator = office.standby.url.replace("/postgres", f"/{DATABASE}")
        for url in (replica, administrator):
            with (
                psycopg.connect(url) as connection,
                pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
            ):
                connection.execute(statement)

    def test_nobody_makes_a_transaction_there_one_that_writes(self, office: Office) -> None:
        with (
            psycopg.connect(office.clusters.environment["EIGYO_DB_LOG_REPLICA"]) as connection,
            pytest.raises(psycopg.errors.FeatureNotSupported, match="during recovery"),
        ):
            connection.execute("SET TRANSACTION READ WRITE")


def test_without_the_standby_look_ups_go_on_and_the_search_says_that_it_is_away(office: Office) -> None:
    office.standby.stops()
    before = count(office.log)
    for url in (f"{READS}?period=24h", f"{POINTS}{OWN_LOW}/"):
        away = office.officer(url)
        assert away.status == 503
        assert "いまは閲覧記録をさがせません" in away.text
        assert "閲覧の記録は続いています" in away.text
        assert "大西" not in away.body
    assert office.clerk(f"/points/{OWN_LOW}/").status == 200
    assert count(office.log) == before + 3
    for url in ("/audit/integrity/", "/audit/withholdings/", "/audit/exports/", f"{POINTS}{OWN_LOW}/answer/"):
        assert office.officer(url).status == 200
    office.standby.starts()
    office.standby.receives_all_of(office.log)
    assert "大西 誠" in office.officer(f"{READS}?period=24h&point={OWN_LOW}").text


@dataclass
class Moved:
    """The log after its move, what the old primary held, and a standby that was left behind."""

    office: Office
    system: int
    entries: list[tuple]
    leaves: list[tuple]
    published: int
    earlier: str
    left_behind: Cluster


@pytest.fixture(scope="module")
def moved(office: Office) -> Iterator[Moved]:
    """Promote the standby as the page says; a copy of it had not received the last that was published."""
    office.standby.stops()
    left_behind = office.standby.is_copied()
    office.standby.starts()
    office.clerk(f"/points/{OWN_LOW}/")
    published = office.seals()["published"]
    earlier = office.clusters.folder / "earlier"
    earlier.write_bytes((office.clusters.folder / "log" / "checkpoint").read_bytes())
    office.clerk(f"/points/{OWN_LOW}/")
    office.closes()
    old = office.log
    ((system,),) = old.asks("SELECT system_identifier FROM pg_control_system()")
    entries, leaves = old.asks(ENTRIES), old.asks(LEAVES)
    old.stops()
    office.standby.is_promoted()
    office.clusters.log_moves_to(office.standby)
    office.opens()
    try:
        yield Moved(office, system, entries, leaves, published, str(earlier), left_behind)
    finally:
        left_behind.goes()


class TestMoving:
    def test_nothing_is_lost_on_the_way(self, moved: Moved) -> None:
        log = moved.office.log
        assert log.asks("SELECT system_identifier FROM pg_control_system()") == [(moved.system,)]
        assert log.asks(ENTRIES)[: len(moved.entries)] == moved.entries
        assert log.asks(LEAVES)[: len(moved.leaves)] == moved.leaves
        assert len(moved.entries) > len(moved.leaves) == moved.published

    def test_look_ups_and_searches_go_on_there(self, moved: Moved) -> None:
        before = count(moved.office.log)
        assert moved.office.clerk(f"/points/{OWN_LOW}/").status == 200
        assert count(moved.office.log) == before + 1
        found = moved.office.officer(f"{READS}?period=24h&point={OWN_LOW}")
        assert "大西 誠" in found.text
        assert "複製" not in found.text

    def test_the_same_tree_grows_and_what_went_before_is_proven_in_it(
        self, moved: Moved, tmp_path: Path
    ) -> None:
        there = count(moved.office.log)
        turn = moved.office.seals()
        assert turn == {"refused": "", "fine": True, "published": there}
        assert there > moved.published
        leaves = moved.office.log.asks(LEAVES)
        assert [index for index, _, _ in leaves] == list(range(there))
        assert len({entry for _, entry, _ in leaves}) == there
        first = leaves[0][1]
        proven = moved.office.clusters.runs(
            "-c", PROVES, str(first), str(tmp_path / "auditor"), moved.earlier
        )
        assert json.loads(proven) == {"index": 0, "leaves": there, "published": there}


def test_a_standby_that_was_left_behind_is_not_sealed_and_says_what_to_do(moved: Moved) -> None:
    behind = moved.left_behind.starts()
    behind.is_promoted()
    checkpoint = moved.office.clusters.folder / "log" / "checkpoint"
    published, leaves = checkpoint.read_bytes(), behind.asks(LEAVES)
    assert len(leaves) < moved.published
    moved.office.clusters.log_moves_to(behind)
    before = count(behind)
    moved.office.clusters.runs("-c", MORE, str(moved.published))
    assert count(behind) == before + moved.published
    turn = moved.office.seals()
    assert "遅れた待機系への切り替え" in turn["refused"]
    assert "公表済みの時点より新しいデータに戻してください" in turn["refused"]
    assert (behind.asks(LEAVES), checkpoint.read_bytes()) == (leaves, published)
    assert behind.asks("SELECT fine, message FROM audit.health WHERE part = 'sealing'") == [
        (False, turn["refused"])
    ]
