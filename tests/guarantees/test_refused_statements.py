"""Real statements as each login role: what is refused here, PostgreSQL itself refuses.

So it holds for a forgotten filter, a bug, and SQL nobody has thought of.
"""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from deploy.roles import LOGIN_ROLES, OWNER

ENTRY = """'{"action":"open","outcome":"allowed"}'"""
REFUSED = {
    "everybody": [
        "SET ROLE eigyo_owner",
        "SET SESSION AUTHORIZATION eigyo_owner",
        "SELECT set_config('role', 'eigyo_owner', true)",
        "CREATE TABLE public.kept (value text)",
        "CREATE FUNCTION public.leak() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DO $$ BEGIN NULL; END $$",
        "SELECT lo_creat(-1)",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'value')",
        "SELECT pg_read_file('postgresql.conf')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/dev/null'",
        "SELECT rolpassword FROM pg_authid",
        "SELECT stavalues1 FROM pg_statistic",
        "SET session_replication_role = replica",
        "CREATE EXTENSION dblink",
    ],
    "eigyo_retail": [
        "SELECT holder_name FROM contract",
        "SELECT holder_name FROM contract_other",
        "SELECT count(*) FROM contract_other",
        "SELECT FROM contract_other",
        "SELECT ctid FROM contract_own",
        "SELECT xmin FROM contract_own",
        "SELECT tableoid FROM contract_own",
        "SELECT contract_own FROM contract_own",
        "SELECT own FROM contract_own",
        "SELECT ctid FROM supply_point",
        "SELECT municipality_code FROM supply_point",
        "COPY contract TO STDOUT",
        "COPY contract_other TO STDOUT",
        "COPY contract_own TO STDOUT",
        "COPY (SELECT holder_name FROM contract) TO STDOUT",
        "EXPLAIN SELECT holder_name FROM contract_other",
        "EXPLAIN ANALYZE SELECT phone FROM contract",
        "DECLARE hidden CURSOR FOR SELECT phone FROM contract_other",
        "LOCK TABLE contract_other IN ACCESS SHARE MODE",
        "SELECT number FROM supply_point FOR UPDATE",
        "SELECT number FROM supply_point WHERE number IN (SELECT number FROM contract_other)",
        "SET ROLE eigyo_nw",
        "SELECT set_config('role', 'eigyo_nw', true)",
        "CREATE TEMP TABLE kept AS SELECT 1",
        "CREATE VIEW mine AS SELECT holder_name FROM contract_own",
        "UPDATE supply_point SET own = true",
        "INSERT INTO contract_own (number) VALUES (1)",
        "DELETE FROM supply_point",
        "TRUNCATE contract_own",
        "SELECT payload FROM audit.entry",
        "SELECT pin_hash FROM app.accesscontrol_card",
    ],
    "eigyo_nw": [
        "SELECT own FROM contract",
        "SELECT xmin FROM contract",
        "SELECT holder_name FROM contract_own",
        "SELECT municipality_code FROM supply_point",
        "UPDATE contract SET holder_name = ''",
        "DELETE FROM supply_point",
        "TRUNCATE contract",
        "SET ROLE eigyo_retail",
        "CREATE TEMP TABLE kept AS SELECT 1",
        "SELECT payload FROM audit.entry",
        "SELECT pin_hash FROM app.accesscontrol_card",
    ],
    "eigyo_audit": [
        "SELECT payload FROM entry",
        "SELECT person FROM entry",
        "UPDATE entry SET payload = payload",
        "DELETE FROM entry",
        "TRUNCATE entry",
        f"INSERT INTO entry (payload, logged_at) VALUES ({ENTRY}, '2020-01-01')",
        f"INSERT INTO entry (payload, id) OVERRIDING SYSTEM VALUE VALUES ({ENTRY}, 1)",
        f"INSERT INTO entry (payload, xact) VALUES ({ENTRY}, '1')",
        f"INSERT INTO entry_default (payload) VALUES ({ENTRY})",
        "COPY entry (payload, logged_at) FROM STDIN",
        "ALTER TABLE entry DISABLE TRIGGER ALL",
        "SELECT make_partitions(0)",
        "SELECT nextval('entry_id_seq')",
        "SET ROLE eigyo_log",
        "SELECT number FROM eigyo.supply_point",
    ],
    "eigyo_log": [
        f"INSERT INTO entry (payload) VALUES ({ENTRY})",
        "UPDATE entry SET payload = payload",
        "DELETE FROM entry",
        "TRUNCATE entry",
        "SELECT number FROM eigyo.supply_point",
        "SELECT pin_hash FROM app.accesscontrol_card",
    ],
    "eigyo_app": [
        "SELECT payload FROM audit.entry",
        "SELECT card FROM audit.entry",
        "DELETE FROM auditlog_logentry",
        "UPDATE auditlog_logentry SET actor_id = NULL",
        "SELECT number FROM eigyo.supply_point",
        "SELECT holder_name FROM eigyo.contract_own",
    ],
}
OWN_WORK = {
    "eigyo_retail": "SELECT number, holder_name FROM contract_own JOIN supply_point USING (number)",
    "eigyo_nw": "SELECT number, holder_name FROM contract JOIN supply_point USING (number)",
    "eigyo_audit": f"INSERT INTO entry (payload) VALUES ({ENTRY}) RETURNING id, logged_at",
    "eigyo_log": "SELECT payload FROM entry LIMIT 1",
    "eigyo_app": "SELECT point FROM audit.entry LIMIT 1",
}
MONTHS = {f"in {n} months": f"clock_timestamp() + interval '{n} months'" for n in (1, 2, 3)}
TIMES = {"now": "clock_timestamp()"} | MONTHS | {"before any partition": "timestamptz '2001-01-01'"}


def run(connection: psycopg.Connection, statement: str) -> None:
    """Run a statement as if it had never been."""
    with connection.transaction(force_rollback=True), connection.cursor() as cursor:
        if statement.startswith("COPY"):
            with cursor.copy(statement) as copied:
                copied.read()
        else:
            cursor.execute(statement)


def refused(connection: psycopg.Connection, statement: str) -> str:
    """Run a statement that PostgreSQL must refuse for want of a privilege; return what it says."""
    with pytest.raises(InsufficientPrivilege) as refusal:
        run(connection, statement)
    assert refusal.value.sqlstate == "42501"
    return str(refusal.value)


@pytest.mark.parametrize("statement", REFUSED["everybody"])
def test_no_process_may_run(as_login, statement):
    for role in LOGIN_ROLES.values():
        if role != OWNER:
            with as_login(role) as connection:
                refused(connection, statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [(role, each) for role, statements in REFUSED.items() if role != "everybody" for each in statements],
)
def test_this_login_may_not_run(as_login, role, statement):
    with as_login(role) as connection:
        refused(connection, statement)


@pytest.mark.parametrize("role", OWN_WORK)
def test_each_login_may_do_its_own_work(region, as_login, role):
    with as_login(role) as connection, connection.transaction(force_rollback=True):
        assert connection.execute(OWN_WORK[role]).fetchall() is not None


def written(log_owner: psycopg.Connection, when: str) -> str:
    """Write an entry as the log's owner, at a time nobody else could choose; return its partition."""
    row = log_owner.execute(
        f"INSERT INTO audit.entry (payload, logged_at) VALUES ({ENTRY}, {TIMES[when]})"
        " RETURNING tableoid::regclass::text"
    ).fetchone()
    return row[0]


@pytest.mark.parametrize("change", ["UPDATE {} SET payload = payload", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("when", TIMES)
def test_even_the_logs_owner_takes_nothing_back_in_any_partition(log_owner, change, when):
    with log_owner.transaction(force_rollback=True):
        for table in (written(log_owner, when), "audit.entry"):
            assert "append-only" in refused(log_owner, change.format(table))


def test_each_of_the_next_months_has_its_partition_ready(log_owner):
    with log_owner.transaction(force_rollback=True):
        partitions = [written(log_owner, when) for when in TIMES]
    assert len(set(partitions)) == len(TIMES)
    assert [name.endswith("_default") for name in partitions] == [False] * 4 + [True]


def test_every_partition_keeps_its_guards_whatever_a_session_sets(log_owner):
    unguarded = log_owner.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit.entry'::regclass"
        " AND (SELECT array_agg(tgname::text ORDER BY tgname) FROM pg_trigger"
        "      WHERE tgrelid = inhrelid AND tgenabled = 'A') IS DISTINCT FROM '{no_change,no_truncate}'"
    )
    assert unguarded.fetchall() == []
