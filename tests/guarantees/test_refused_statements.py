"""Real statements as each login role: what is refused here, PostgreSQL itself refuses.

So it holds for a forgotten filter, a bug, and SQL nobody has thought of.
"""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RaiseException

from deploy.roles import LOGIN_ROLES
from tests.guarantees.report import report
from tests.guarantees.statements import (
    ALONE,
    ENTRY,
    PROCESSES,
    against_hidden_values,
    against_the_log,
    for_everybody,
)
from tests.people import HIDDEN_FROM_RETAIL

OWN_WORK = {
    "eigyo_retail": "SELECT number, holder_name FROM contract_own JOIN supply_point USING (number)",
    "eigyo_nw": "SELECT number, holder_name FROM contract JOIN supply_point USING (number)",
    "eigyo_feed": "SELECT number, holder_name FROM contract JOIN supply_point USING (number)",
    "eigyo_audit": f"INSERT INTO entry (payload) VALUES ({ENTRY}) RETURNING id, logged_at",
    "eigyo_log": "SELECT payload FROM entry LIMIT 1",
    "eigyo_seal": "SELECT size FROM tree_state",
    "eigyo_retain": "SELECT payload FROM entry LIMIT 1",
    "eigyo_app": "SELECT point FROM audit.entry LIMIT 1",
}
MONTHS = {
    f"in {n} months": f"(date_trunc('month', now() AT TIME ZONE 'Asia/Tokyo') + interval '{n} months') AT TIME ZONE 'Asia/Tokyo'"
    for n in (1, 2, 3)
}
TIMES = {"now": "clock_timestamp()"} | MONTHS | {"before any partition": "timestamptz '2001-01-01'"}
CHANGES = (
    "UPDATE {0} SET payload = payload",
    "UPDATE {0} SET logged_at = logged_at + interval '1 month'",
    "DELETE FROM {0}",
    "DELETE FROM {0} RETURNING payload",
    "TRUNCATE {0}",
    "MERGE INTO {0} USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    "MERGE INTO {0} USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET payload = ''",
    """INSERT INTO {0} (id, logged_at, payload) OVERRIDING SYSTEM VALUE SELECT id, logged_at, payload
       FROM {0} ON CONFLICT (logged_at, id) DO UPDATE SET payload = ''""",
)


def run(connection: psycopg.Connection, statement: str) -> None:
    """Run a statement as if it had never been."""
    with connection.transaction(force_rollback=True), connection.cursor() as cursor:
        if statement.startswith("COPY"):
            with cursor.copy(statement) as copied:
                copied.read() if " TO STDOUT" in statement else copied.write(b"")
        else:
            cursor.execute(statement)


def refused(connection: psycopg.Connection, statement: str) -> str:
    """Run a statement that PostgreSQL must refuse for want of a privilege; return what it says."""
    with pytest.raises(InsufficientPrivilege) as refusal:
        run(connection, statement)
    return str(refusal.value)


def not_refused(connection: psycopg.Connection, statements) -> tuple[dict[str, str], int]:
    """The statements that were not refused for want of a privilege, with what came instead; and how many ran."""
    answers, tried = {}, 0
    for statement in statements:
        tried += 1
        try:
            run(connection, statement)
        except InsufficientPrivilege:
            continue
        except psycopg.Error as error:
            answers[statement] = f"{error.sqlstate} {error}"
        else:
            answers[statement] = "done"
    return answers, tried


def record(role: str, what: str, tried: int) -> None:
    report("Statements the database refused (42501)", "login", "what was tried", "statements").add(
        role, what, tried
    )


@pytest.fixture(scope="module")
def partitions(owner: psycopg.Connection) -> list[str]:
    """Every partition of the log, those of the coming months among them."""
    rows = owner.execute(
        "SELECT 'audit.' || relname FROM pg_class WHERE relispartition AND relkind = 'r'"
        " AND relnamespace::regnamespace::text = 'audit'"
    ).fetchall()
    assert len(rows) >= 5
    return [row[0] for row in rows]


@pytest.mark.parametrize("role", PROCESSES)
def test_no_process_makes_becomes_sets_or_reads_what_is_not_its_own(as_login, role):
    with as_login(role) as connection:
        answers, tried = not_refused(connection, for_everybody(role))
    assert answers == {}
    record(role, "make, become, set, files, catalogue", tried)


@pytest.mark.parametrize("role", PROCESSES)
def test_no_process_changes_the_server(as_login, role):
    with as_login(role) as connection:
        connection.autocommit = True
        for statement in ALONE:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)
    record(role, "the server itself", len(ALONE))


@pytest.mark.parametrize("role", PROCESSES)
def test_no_process_reaches_a_value_it_may_not_read(region, as_login, role):
    with as_login(role) as connection:
        answers, tried = not_refused(connection, against_hidden_values(role))
    assert answers == {}
    assert tried
    record(role, "values it may not read", tried)


@pytest.mark.parametrize("role", LOGIN_ROLES.values())
def test_no_login_not_even_the_owner_changes_the_log_or_a_partition_of_it(as_login, partitions, role):
    with as_login(role) as connection:
        answers, tried = not_refused(connection, against_the_log(role, partitions))
    assert answers == {}
    record(role, f"the log and its {len(partitions)} partitions", tried)


@pytest.mark.parametrize("role", PROCESSES)
def test_no_process_hands_on_what_it_was_given(as_login, role):
    rights = "SELECT array_agg(nspacl::text ORDER BY oid) FROM pg_namespace"
    columns = "SELECT array_agg(attacl::text ORDER BY attrelid, attnum) FROM pg_attribute"
    with as_login(role) as connection, connection.transaction(force_rollback=True):
        before = [connection.execute(each).fetchone() for each in (rights, columns)]
        (schema,) = connection.execute("SELECT current_schema").fetchone()
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO PUBLIC")
        assert [connection.execute(each).fetchone() for each in (rights, columns)] == before
        given = connection.execute(
            "SELECT table_schema, table_name, column_name, privilege_type"
            " FROM information_schema.column_privileges WHERE grantee = current_user AND table_schema = current_schema"
        ).fetchall()
        assert given
        for schema, table, column, privilege in given:
            connection.execute(f'GRANT {privilege} ("{column}") ON {schema}."{table}" TO PUBLIC')
        assert [connection.execute(each).fetchone() for each in (rights, columns)] == before


@pytest.mark.parametrize("role", OWN_WORK)
def test_each_login_may_do_its_own_work(region, as_login, role):
    with as_login(role) as connection, connection.transaction(force_rollback=True):
        assert connection.execute(OWN_WORK[role]).fetchall() is not None


class TestStatistics:
    """What the planner keeps of columns, shown to whoever may read the column and to nobody else."""

    ASKED = "SELECT schemaname, tablename, attname FROM pg_stats WHERE schemaname = ANY('{app,eigyo,audit}')"
    ALLOWED = (
        "SELECT relnamespace::regnamespace::text, relname, attname FROM pg_class JOIN pg_attribute"
        " ON attrelid = pg_class.oid WHERE relnamespace::regnamespace::text = ANY('{app,eigyo,audit}')"
        " AND has_schema_privilege(%(role)s, relnamespace, 'USAGE')"
        " AND has_column_privilege(%(role)s, pg_class.oid, attnum, 'SELECT')"
    )

    @pytest.mark.parametrize("role", PROCESSES)
    def test_of_columns_a_login_may_not_read_are_not_shown(self, region, owner, as_login, role):
        owner.execute("ANALYZE eigyo.contract, eigyo.contract_own, eigyo.contract_other, eigyo.supply_point")
        assert owner.execute(
            "SELECT FROM pg_stats WHERE tablename = 'contract_other' AND histogram_bounds IS NOT NULL"
        ).fetchall()
        allowed = set(owner.execute(self.ALLOWED, {"role": role}).fetchall())
        with as_login(role) as connection:
            seen = set(connection.execute(self.ASKED).fetchall())
            kept = connection.execute("SELECT pg_stats::text FROM pg_stats WHERE schemaname = 'eigyo'")
            texts = " ".join(row[0] for row in kept.fetchall())
        assert seen <= allowed
        if role not in {"eigyo_nw", "eigyo_feed"}:
            assert [hidden for hidden in HIDDEN_FROM_RETAIL if hidden in texts] == []

    def test_over_several_columns_do_not_exist(self, owner):
        assert owner.execute("SELECT FROM pg_statistic_ext").fetchall() == []


class TestSessionsOfOthers:
    @pytest.fixture
    def busy(self, as_login):
        """A connection of the network company whose last statement names a hidden customer."""
        with as_login("eigyo_nw") as connection:
            connection.execute("SELECT '秘密　太郎'")
            yield connection.info.backend_pid

    @pytest.mark.parametrize("role", sorted(set(PROCESSES) - {"eigyo_nw"}))
    def test_show_no_statement_and_cannot_be_ended(self, as_login, busy, role):
        with as_login(role) as connection:
            (row,) = connection.execute(
                "SELECT query, state, client_addr FROM pg_stat_activity WHERE pid = %s", [busy]
            ).fetchall()
            assert row == ("<insufficient privilege>", None, None)
            shown = connection.execute("SELECT pg_stat_get_activity(NULL)::text").fetchall()
            assert not [line for (line,) in shown if "秘密" in line]
            for ending in ("pg_cancel_backend", "pg_terminate_backend", "pg_log_backend_memory_contexts"):
                refused(connection, f"SELECT {ending}({busy})")

    def test_show_their_statement_to_the_same_login(self, as_login, busy):
        with as_login("eigyo_nw") as connection:
            asked = connection.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [busy])
            assert asked.fetchall() == [("SELECT '秘密　太郎'",)]

    def test_get_no_message_because_nothing_here_sends_one(self, owner):
        ours = "pronamespace::regnamespace::text = ANY('{app,eigyo,audit}')"
        assert owner.execute(f"SELECT FROM pg_proc WHERE {ours}").fetchall()
        assert (
            owner.execute(f"SELECT proname FROM pg_proc WHERE {ours} AND prosrc ~* 'notify'").fetchall() == []
        )


class TestTemporaryObjectsOfTheImport:
    """The one login that may make them cannot make a function of the owner look at them."""

    SHADOWS = (
        "CREATE TEMP TABLE supply_point (number text, own boolean)",
        "CREATE TEMP TABLE contract (number text, own boolean)",
        "CREATE FUNCTION pg_temp.to_regclass(text) RETURNS regclass LANGUAGE sql AS 'SELECT NULL::regclass'",
    )

    def test_do_not_shadow_the_tables_of_functions_that_run_as_their_owner(self, region, as_login):
        with as_login("eigyo_feed") as connection:
            for shadow in self.SHADOWS:
                connection.execute(shadow)
            connection.execute("SET search_path = pg_temp, eigyo, public")
            assert connection.execute("SELECT FROM supply_point").fetchall() == []
            with pytest.raises(RaiseException, match="only while there is no supply point"):
                connection.execute("SELECT eigyo.begin_first_load()")
            connection.rollback()

    def test_have_no_open_door_in_any_function_that_runs_as_its_owner(self, owner):
        found = owner.execute(
            "SELECT proname, proconfig FROM pg_proc"
            " WHERE prosecdef AND pronamespace::regnamespace::text = ANY('{app,eigyo,audit,public}')"
        ).fetchall()
        assert found
        for name, config in found:
            (path,) = [each for each in config if each.startswith("search_path=")]
            assert path.endswith("pg_temp"), name


def written(log_owner: psycopg.Connection, when: str) -> str:
    """Write an entry as the log's owner, at a time nobody else could choose; return its partition."""
    row = log_owner.execute(
        f"INSERT INTO audit.entry (payload, logged_at) VALUES ({ENTRY}, {TIMES[when]})"
        " RETURNING tableoid::regclass::text"
    ).fetchone()
    return row[0]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("when", TIMES)
def test_even_the_logs_owner_takes_nothing_back_in_any_partition(log_owner, change, when):
    with log_owner.transaction(force_rollback=True):
        for table in (written(log_owner, when), "audit.entry"):
            assert "append-only" in refused(log_owner, change.format(table))


def test_each_of_the_next_months_has_its_partition_ready(log_owner):
    with log_owner.transaction(force_rollback=True):
        log_owner.execute("SELECT audit.make_partitions(3)")  # a month may have begun since the tests did
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
