"""The read log on a PostgreSQL cluster of its own: two throw-away clusters, the product's settings, no other change."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from audit.note import LOG, Signer
from deploy import roles
from deploy.embedded import running_services
from deploy.environment import LOGINS, variable

CHECKOUT = Path(__file__).resolve().parents[2]
ON_THE_LOG = ("AUDIT", "LOG", "SEAL", "RETAIN")
ORIGIN = "test.invalid/read-log"
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
from audit import log, operations, publication, proofs, queries, review, verifications
from audit.choices import Action, Outcome
from audit.entry import Actor, Entry
at = timezone.now()
given = dict(actor=Actor(person="N-10001"), action=Action.OPEN, outcome=Outcome.ALLOWED, at=at, request="r")
(receipt,) = log.append([Entry(**given, point="0210000000000000000001", fields=("number",))])
sealed = operations.seal_everything(at=at)
operations.publish(at=at)
condition = queries.Condition(since=at - timedelta(hours=1), until=at + timedelta(hours=1))
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


class TwoClusters:
    """The registry's cluster and the log's, with the environment that names both."""

    def __init__(self, registry: str, log: str, folder: Path) -> None:
        passwords = {login: secrets.token_hex(16) for login in LOGINS}
        main = roles.prepare(registry, passwords=passwords, database="eigyo")
        apart = roles.prepare(log, passwords=passwords, database="eigyo")
        self.registry = roles.login_url(registry, database="eigyo")
        self.log = roles.login_url(log, database="eigyo")
        seed = secrets.token_hex(32)
        (folder / "policy.txt").write_text(f"log {Signer.from_seed(ORIGIN, LOG, seed).key}\nquorum none\n")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("EIGYO_")}
        urls = {variable(login): (apart if login in ON_THE_LOG else main)[login] for login in LOGINS}
        self.environment = inherited | urls
        self.environment |= {
            "EIGYO_DB_LOG_APP": apart["DEFAULT"],
            "EIGYO_DB_LOG_OWNER": apart["OWNER"],
            "EIGYO_SECRET_KEY": "x" * 50,
            "EIGYO_QUERY_HASH_KEY": "x" * 50,
            "EIGYO_LOG_ORIGIN": ORIGIN,
            "EIGYO_LOG_KEYS": seed,
            "EIGYO_LOG_POLICY": str(folder / "policy.txt"),
            "EIGYO_LOG_FOLDER": str(folder / "log"),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }

    def runs(self, *command: str) -> str:
        finished = subprocess.run(
            [sys.executable, *command], cwd=CHECKOUT, env=self.environment, capture_output=True, text=True
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoClusters]:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.delenv("DATABASE_URL", raising=False)
        servers = [stack.enter_context(running_services(throwaway=True)).database_url for _ in range(2)]
        both = TwoClusters(*servers, tmp_path_factory.mktemp("log"))
        for owner in ("owner", "log_owner"):
            both.runs("manage.py", "migrate", "--database", owner, "--verbosity", "0")
        yield both


def relations(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute(RELATIONS)}


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
    with psycopg.connect(clusters.log) as connection:
        assert connection.execute("SELECT count(*) FROM audit.entry").fetchone() == (1,)
        assert connection.execute("SELECT fine FROM audit.health WHERE part = 'partitions'").fetchone() == (
            True,
        )
