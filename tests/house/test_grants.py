"""The live catalogue against the policy matrix, and real statements as each login role.

What is refused here is refused by PostgreSQL itself: it holds for SQL nobody has thought of.
"""

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from accesscontrol.clearance import Side
from deploy.roles import LOG_OWNER, LOGIN_ROLES, OWNER, ROLES
from eigyo.grants import ROLES as SIDE_ROLES
from eigyo.grants import expected

SIDES = list(SIDE_ROLES)
PROCESSES = [role for role in LOGIN_ROLES.values() if role != OWNER]
OURS = ["app", "eigyo", "audit", "public"]
ENTRY = """'{"action":"open","outcome":"allowed"}'"""

COLUMN_PRIVILEGES = """
SELECT relation.oid::regclass::text, attname, privilege
FROM pg_class relation JOIN pg_attribute ON attrelid = relation.oid,
     unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) privilege
WHERE relnamespace::regnamespace::text = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm', 'f')
  AND NOT attisdropped AND has_column_privilege(%s, relation.oid, attnum, privilege)
"""
TABLE_PRIVILEGES = """
SELECT oid::regclass::text, privilege
FROM pg_class, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) privilege
WHERE relnamespace::regnamespace::text = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm', 'f')
  AND has_table_privilege(%s, oid, privilege)
"""
SEQUENCE_PRIVILEGES = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace::regnamespace::text = ANY(%s) AND relkind = 'S'
  AND has_sequence_privilege(%s, oid, 'USAGE, SELECT, UPDATE')
"""
FUNCTIONS = """
SELECT pg_proc.oid::regprocedure::text FROM pg_proc
WHERE pronamespace::regnamespace::text = ANY(%s) AND has_function_privilege(%s, pg_proc.oid, 'EXECUTE')
"""
EXTENSIONS_OWN = " AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')"


@pytest.fixture
def ask(owner: psycopg.Connection):
    """Ask the catalogue as the owner of the tables."""
    return lambda question, *values: owner.execute(question, list(values)).fetchall()


@pytest.fixture(scope="module")
def logins(database) -> Iterator[dict[str, psycopg.Connection]]:
    """A connection of every login role, as the settings make it."""
    opened = {role: psycopg.connect(os.environ[f"EIGYO_DB_{name}"]) for name, role in LOGIN_ROLES.items()}
    yield opened
    for connection in opened.values():
        connection.close()


def refused(connection: psycopg.Connection, statement: str) -> str:
    """Run a statement that PostgreSQL must refuse for want of a privilege; return what it says."""
    with pytest.raises(InsufficientPrivilege) as refusal, connection.transaction(force_rollback=True):
        cursor = connection.cursor()
        if statement.startswith("COPY"):
            with cursor.copy(statement) as copied:
                copied.read()
        else:
            cursor.execute(statement)
    assert refusal.value.sqlstate == "42501"
    return str(refusal.value)


class TestSides:
    @pytest.mark.parametrize("side", SIDES)
    def test_read_exactly_the_columns_of_the_matrix(self, ask, side):
        wanted = {
            (f"eigyo.{relation}", column, "SELECT")
            for relation, columns in expected(side).items()
            for column in columns
        }
        assert wanted
        found = {(name.replace('"', ""), *rest) for name, *rest in self._columns(ask, side)}
        assert {(name if "." in name else f"eigyo.{name}", *rest) for name, *rest in found} == wanted

    @staticmethod
    def _columns(ask, side):
        return ask(COLUMN_PRIVILEGES, OURS, SIDE_ROLES[side])

    @pytest.mark.parametrize("side", SIDES)
    def test_hold_no_privilege_on_a_whole_table_or_sequence(self, ask, side):
        assert ask(TABLE_PRIVILEGES, OURS, SIDE_ROLES[side]) == []
        assert ask(SEQUENCE_PRIVILEGES, OURS, SIDE_ROLES[side]) == []

    @pytest.mark.parametrize("side", SIDES)
    def test_reach_no_schema_but_their_own(self, ask, side):
        reached = ask(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)"
            " AND has_schema_privilege(%s, oid, 'USAGE') ORDER BY 1",
            OURS,
            SIDE_ROLES[side],
        )
        assert reached == [("eigyo",), ("public",)]

    @pytest.mark.parametrize("side", SIDES)
    def test_call_no_function_of_ours(self, ask, side):
        assert ask(FUNCTIONS + EXTENSIONS_OWN, OURS, SIDE_ROLES[side]) == []

    def test_differ_only_in_the_relation_their_rule_names(self):
        assert expected(Side.NW).keys() == {"supply_point", "contract"}
        assert expected(Side.RETAIL).keys() == {"supply_point", "contract_own"}

    @pytest.mark.parametrize("side", SIDES)
    @pytest.mark.parametrize("relation", ["supply_point", "contract"])
    def test_do_not_see_a_column_added_later(self, owner, side, relation):
        with owner.transaction(force_rollback=True):
            owner.execute(f"ALTER TABLE eigyo.{relation} ADD COLUMN retailer_name text")
            for table in (
                ("contract", "contract_own", "contract_other") if relation == "contract" else (relation,)
            ):
                seen = owner.execute(
                    "SELECT has_column_privilege(%s, %s, 'retailer_name', 'SELECT')",
                    [SIDE_ROLES[side], f"eigyo.{table}"],
                )
                assert seen.fetchone() == (False,), table

    @pytest.mark.parametrize("side", SIDES)
    def test_do_not_see_a_table_added_later(self, owner, side):
        with owner.transaction(force_rollback=True):
            owner.execute("CREATE TABLE eigyo.wheeling_contract (retailer_name text)")
            seen = owner.execute(
                "SELECT has_any_column_privilege(%s, 'eigyo.wheeling_contract', 'SELECT')", [SIDE_ROLES[side]]
            )
            assert seen.fetchone() == (False,)


class TestRoles:
    def test_are_members_of_none_but_the_log_owner_of_the_owner_by_saying_so(self, ask):
        found = ask(
            "SELECT granted.rolname, holder.rolname, to_jsonb(given) ->> 'inherit_option',"
            " given.admin_option::text"
            " FROM pg_auth_members given JOIN pg_roles granted ON granted.oid = roleid"
            " JOIN pg_roles holder ON holder.oid = member"
            " WHERE granted.rolname = ANY(%(ours)s) OR holder.rolname = ANY(%(ours)s)".replace(
                "%(ours)s", "'{" + ",".join(ROLES) + "}'"
            )
        )
        assert found == [(LOG_OWNER, OWNER, "false", "false")]

    def test_have_no_power_beside_the_grants(self, ask):
        powerful = ask(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND"
            " (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolinherit"
            " AND rolname <> %s)",
            list(ROLES),
            LOG_OWNER,
        )
        assert powerful == []

    def test_run_no_function_with_the_rights_of_its_owner(self, ask):
        for role in ("eigyo_nw", "eigyo_retail", "eigyo_log", "eigyo_audit"):
            assert (
                ask(
                    "SELECT oid::regprocedure::text FROM pg_proc"
                    " WHERE prosecdef AND has_function_privilege(%s, oid, 'EXECUTE')",
                    role,
                )
                == []
            )

    def test_are_given_the_few_functions_that_run_as_their_owner_one_by_one(self, ask):
        given = ask(
            "SELECT oid::regprocedure::text, array_agg(role ORDER BY role)"
            " FROM pg_proc, unnest(%s::text[]) role"
            " WHERE prosecdef AND has_function_privilege(role, oid, 'EXECUTE') GROUP BY 1 ORDER BY 1",
            PROCESSES,
        )
        assert {name.split("(")[0].split(".")[-1]: roles for name, roles in given} == {
            "create_search_indexes": ["eigyo_feed"],
            "drop_search_indexes": ["eigyo_feed"],
            "make_partitions": ["eigyo_app"],
        }

    @pytest.mark.parametrize("role", [role for role in PROCESSES if role != "eigyo_feed"])
    def test_may_make_nothing_in_the_database(self, ask, role):
        (rights,) = ask(
            "SELECT has_database_privilege(%s, current_database(), 'TEMP'),"
            " has_database_privilege(%s, current_database(), 'CREATE'),"
            " bool_or(has_schema_privilege(%s, oid, 'CREATE')) FROM pg_namespace",
            *[role] * 3,
        )
        assert rights == (False, False, False)

    @pytest.mark.parametrize("role", ["eigyo_app", "eigyo_audit", "eigyo_log"])
    def test_of_the_house_hold_nothing_of_a_customer(self, ask, role):
        assert ask(COLUMN_PRIVILEGES, ["eigyo"], role) == []
        assert ask(TABLE_PRIVILEGES, ["eigyo"], role) == []


ANYBODY = [
    "SET ROLE eigyo_owner",
    "SET SESSION AUTHORIZATION eigyo_feed",
    "SELECT set_config('role', 'eigyo_feed', true)",
    "CREATE TEMP TABLE kept AS SELECT 1",
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
    "ALTER SYSTEM SET log_statement = 'all'",
]
RETAIL = [
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
    "PREPARE hidden AS SELECT phone FROM contract_other",
    "LOCK TABLE contract_other IN ACCESS SHARE MODE",
    "SELECT number FROM supply_point FOR UPDATE",
    "SELECT number FROM supply_point WHERE id IN (SELECT supply_point_id FROM contract_other)",
    "SET ROLE eigyo_nw",
    "SELECT set_config('role', 'eigyo_nw', true)",
    "UPDATE supply_point SET own = true",
    "INSERT INTO contract_own (supply_point_id) VALUES (1)",
    "DELETE FROM supply_point",
    "TRUNCATE contract_own",
    "ANALYZE contract_other",
    "CREATE VIEW mine AS SELECT holder_name FROM contract_own",
    "SELECT payload FROM audit.entry",
    "SELECT pin_hash FROM app.accesscontrol_card",
]
NW = [
    "SELECT own FROM contract",
    "SELECT xmin FROM contract",
    "SELECT holder_name FROM contract_own",
    "SELECT municipality_code FROM supply_point",
    "UPDATE contract SET holder_name = ''",
    "DELETE FROM supply_point",
    "TRUNCATE contract",
    "SET ROLE eigyo_retail",
    "SELECT payload FROM audit.entry",
    "SELECT pin_hash FROM app.accesscontrol_card",
]
AUDIT = [
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
]
LOG = [
    f"INSERT INTO entry (payload) VALUES ({ENTRY})",
    "UPDATE entry SET payload = payload",
    "DELETE FROM entry",
    "TRUNCATE entry",
    "SELECT number FROM eigyo.supply_point",
    "SELECT pin_hash FROM app.accesscontrol_card",
]
APP = [
    "SELECT payload FROM audit.entry",
    "SELECT card FROM audit.entry",
    "DELETE FROM auditlog_logentry",
    "UPDATE auditlog_logentry SET actor_id = NULL",
    "SELECT number FROM eigyo.supply_point",
    "SELECT holder_name FROM eigyo.contract_own",
]


class TestStatements:
    @pytest.mark.parametrize("statement", ANYBODY)
    def test_no_login_may_run(self, logins, statement):
        for role in PROCESSES:
            if not (role == "eigyo_feed" and ("TEMP" in statement or "eigyo_feed" in statement)):
                refused(logins[role], statement)

    @pytest.mark.parametrize("statement", RETAIL)
    def test_the_retailer_may_not_run(self, logins, statement):
        refused(logins["eigyo_retail"], statement)

    @pytest.mark.parametrize("statement", NW)
    def test_the_network_company_may_not_run(self, logins, statement):
        refused(logins["eigyo_nw"], statement)

    @pytest.mark.parametrize("statement", AUDIT)
    def test_the_writer_of_the_log_may_not_run(self, logins, statement):
        refused(logins["eigyo_audit"], statement)

    @pytest.mark.parametrize("statement", LOG)
    def test_the_reader_of_the_log_may_not_run(self, logins, statement):
        refused(logins["eigyo_log"], statement)

    @pytest.mark.parametrize("statement", APP)
    def test_the_application_may_not_run(self, logins, statement):
        refused(logins["eigyo_app"], statement)

    @pytest.mark.parametrize(
        ("role", "statement"),
        [
            (
                "eigyo_retail",
                "SELECT number, holder_name FROM contract_own JOIN supply_point ON id = supply_point_id",
            ),
            (
                "eigyo_nw",
                "SELECT number, holder_name FROM contract JOIN supply_point ON id = supply_point_id",
            ),
            ("eigyo_audit", f"INSERT INTO entry (payload) VALUES ({ENTRY}) RETURNING id, logged_at"),
            ("eigyo_log", "SELECT payload FROM entry LIMIT 1"),
            ("eigyo_app", "SELECT point FROM audit.entry LIMIT 1"),
        ],
    )
    def test_each_login_may_do_its_own_work(self, logins, role, statement):
        with logins[role].transaction(force_rollback=True):
            assert logins[role].execute(statement).fetchall() is not None

    def test_the_planners_statistics_show_a_side_no_more_than_its_columns(self, region, owner, logins):
        owner.execute("ANALYZE eigyo.contract, eigyo.supply_point")
        for side, role in SIDE_ROLES.items():
            with logins[role].transaction(force_rollback=True):
                rows = logins[role].execute(
                    "SELECT tablename, attname FROM pg_stats WHERE schemaname = 'eigyo'"
                )
                seen = set(rows.fetchall())
            assert seen
            assert seen <= {
                (table, column) for table, columns in expected(side).items() for column in columns
            }


class TestOwnerOfTheLog:
    WHERES = (
        "clock_timestamp()",
        *(f"clock_timestamp() + interval '{n} months'" for n in (1, 2, 3)),
        "'2001-01-01'",
    )

    @pytest.mark.parametrize("change", ["UPDATE {} SET payload = payload", "DELETE FROM {}", "TRUNCATE {}"])
    @pytest.mark.parametrize("when", WHERES)
    def test_cannot_take_an_entry_back_in_any_partition(self, log_owner, change, when):
        with log_owner.transaction(force_rollback=True):
            written = log_owner.execute(
                f"INSERT INTO audit.entry (payload, logged_at) VALUES ({ENTRY}, {when})"
                " RETURNING tableoid::regclass::text"
            )
            (partition,) = written.fetchone()
            for table in (partition, "audit.entry"):
                assert "append-only" in refused(log_owner, change.format(table))

    def test_has_a_partition_for_each_of_the_next_months(self, log_owner):
        places = []
        with log_owner.transaction(force_rollback=True):
            for when in self.WHERES:
                written = log_owner.execute(
                    f"INSERT INTO audit.entry (payload, logged_at) VALUES ({ENTRY}, {when})"
                    " RETURNING tableoid::regclass::text"
                )
                places.append(written.fetchone()[0])
        assert len(set(places)) == len(self.WHERES)
        assert places[-1].endswith("entry_default")

    def test_finds_every_guard_on_in_every_partition_whatever_the_session_says(self, log_owner):
        unguarded = log_owner.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit.entry'::regclass"
            " AND (SELECT array_agg(tgname::text ORDER BY tgname) FROM pg_trigger"
            "      WHERE tgrelid = inhrelid AND tgenabled = 'A') IS DISTINCT FROM '{no_change,no_truncate}'"
        )
        assert unguarded.fetchall() == []
