"""The read log on a PostgreSQL cluster of its own: two throw-away clusters, the product's settings, no other change."""

import json
from collections.abc import Iterator

import psycopg
import pytest

from tests.deploy.clusters import MIGRATE, Cluster, TwoClusters, two_clusters

RELATIONS = (
    "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname IN ('app', 'eigyo', 'audit') AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
)
# What the processes of one installation do with the log: append, seal, publish, search, and upkeep.
A_DAY = """
import json
import django
django.setup()
from datetime import timedelta
from django.utils import timezone
from accesscontrol.choices import Duty, OrganisationKind
from accesscontrol.models import Organisation
from tests.people import make_card
from audit import log, operations, publication, proofs, queries, review, verifications
from audit.choices import Action, Outcome
from audit.entry import Actor, Entry
operations.make_partitions(months_ahead=3)  # a month may have begun since the migration
at = timezone.now()
given = dict(actor=Actor(person="N-10001"), action=Action.OPEN, outcome=Outcome.ALLOWED, at=at, request="r")
(receipt,) = log.append([Entry(**given, point="0210000000000000000001", fields=("number",))])
sealed = operations.seal_everything(at=at)
operations.publish(at=at)
condition = queries.Condition(since=at - timedelta(hours=1), until=at + timedelta(hours=1))
nw = Organisation.objects.create(code="NW", name="試験電力ネットワーク", kind=OrganisationKind.NW)
make_card("1000000002", nw, "N-10002", "吉岡 慎一", "情報管理室", Duty.COMPLIANCE)
review.save_condition(name="今日", query="period=24h", by="N-10002", at=at)
run = verifications.begin(asked_by="N-10002", first=0, size=1, at=at)
print(json.dumps({
    "sealed": sealed,
    "found": len(queries.search(condition, cursor=None, rows=10).lines),
    "own": len(queries.own_readings("N-10001", since=at - timedelta(hours=1), rows=10)),
    "opened": queries.times_opened("N-10001", "0210000000000000000001", since=at - timedelta(hours=1)),
    "saved": [each.name for each in review.saved_conditions("N-10002")],
    "index": proofs.prove(receipt.number).index,
    "published": publication.published().size,
    "partitions": operations.make_partitions(months_ahead=3),
    "run": run,
}))
"""


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoClusters]:
    with two_clusters(tmp_path_factory.mktemp("log")) as both:
        both.runs("-c", MIGRATE)
        yield both


def relations(cluster: Cluster) -> set[str]:
    return {name for (name,) in cluster.asks(RELATIONS)}


def test_each_cluster_holds_its_own_tables_and_none_of_the_other(clusters: TwoClusters) -> None:
    registry, log = relations(clusters.registry), relations(clusters.log)
    assert {name for name in registry if name.startswith("audit.")} == set()
    assert {"app.accesscontrol_card", "eigyo.supply_point", "eigyo.contract"} <= registry
    assert {"audit.entry", "audit.leaf", "audit.export", "audit.hold"} <= log
    assert {name for name in log if not name.startswith("audit.")} == {
        "app.django_migrations",
        "app.audit_savedcondition",
    }


def test_a_day_of_the_log_runs_there(clusters: TwoClusters) -> None:
    seen = json.loads(clusters.runs("-c", A_DAY))
    assert seen == {
        "sealed": 1,
        "found": 1,
        "own": 1,
        "opened": 1,
        "saved": ["今日"],
        "index": 0,
        "published": 1,
        "partitions": 0,
        "run": 1,
    }
    assert clusters.log.asks("SELECT count(*) FROM audit.entry") == [(1,)]
    assert clusters.log.asks("SELECT fine FROM audit.health WHERE part = 'partitions'") == [(True,)]


def test_the_logs_cluster_admits_its_own_logins_only(clusters: TwoClusters) -> None:
    for login in ("NW", "RETAIL", "FEED"):
        url = clusters.environment[f"EIGYO_DB_{login}"]
        there = url.replace(f":{clusters.registry.port}/", f":{clusters.log.port}/")
        psycopg.connect(url).close()
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
            psycopg.connect(there)
