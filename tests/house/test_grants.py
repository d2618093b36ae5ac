"""The live catalogue against the policy matrix: who may read, write, run and become what."""

import importlib

import psycopg
import pytest
from django.db.migrations.loader import MigrationLoader

from accesscontrol import policy
from accesscontrol.clearance import Side
from deploy.roles import LOG_OWNER, LOGIN_ROLES, OWNER, ROLES
from eigyo import grants
from eigyo.grants import ROLES as SIDE_ROLES
from eigyo.grants import expected

SIDES = list(SIDE_ROLES)
PROCESSES = [role for role in LOGIN_ROLES.values() if role != OWNER]
OURS = ["app", "eigyo", "audit", "public"]

# System columns (ctid, xmin …) have attnum below zero and are asked about as well.
COLUMNS = """
SELECT relnamespace::regnamespace || '.' || relname, attname, privilege
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid,
     unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) privilege
WHERE relnamespace::regnamespace::text = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm', 'f')
  AND NOT attisdropped AND has_column_privilege(%s, pg_class.oid, attnum, privilege)
"""
TABLES = """
SELECT oid::regclass::text, privilege
FROM pg_class, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) privilege
WHERE relnamespace::regnamespace::text = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm', 'f')
  AND has_table_privilege(%s, oid, privilege)
"""
SEQUENCES = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace::regnamespace::text = ANY(%s)
  AND CASE relkind WHEN 'S' THEN has_sequence_privilege(%s, oid, 'USAGE, SELECT, UPDATE') END
"""
FUNCTIONS = """
SELECT oid::regprocedure::text FROM pg_proc
WHERE pronamespace::regnamespace::text = ANY(%s) AND has_function_privilege(%s, oid, 'EXECUTE')
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
"""
RUNS_AS_ITS_OWNER = """
SELECT role::text, array_agg(proname::text) FROM pg_proc, unnest(%s::text[]) role
WHERE prosecdef AND has_function_privilege(role, pg_proc.oid, 'EXECUTE') GROUP BY role
"""
MEMBERSHIPS = """
SELECT granted.rolname, holder.rolname, to_jsonb(given) ->> 'inherit_option', admin_option
FROM pg_auth_members given JOIN pg_roles granted ON granted.oid = roleid
  JOIN pg_roles holder ON holder.oid = member
WHERE ARRAY[granted.rolname, holder.rolname]::text[] && %s
"""


@pytest.fixture
def ask(owner: psycopg.Connection):
    """Ask the catalogue as the owner of the tables."""
    return lambda question, *values: owner.execute(question, list(values)).fetchall()


@pytest.mark.parametrize("side", SIDES)
class TestSides:
    def test_read_exactly_the_columns_of_the_matrix_and_change_none(self, ask, side):
        wanted = {
            (f"eigyo.{relation}", column, "SELECT")
            for relation, columns in expected(side).items()
            for column in columns
        }
        assert set(ask(COLUMNS, OURS, SIDE_ROLES[side])) == wanted

    def test_hold_no_privilege_on_a_whole_table_or_sequence(self, ask, side):
        assert ask(TABLES, OURS, SIDE_ROLES[side]) == []
        assert ask(SEQUENCES, OURS, SIDE_ROLES[side]) == []

    def test_reach_no_schema_but_their_own(self, ask, side):
        reached = ask(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)"
            " AND has_schema_privilege(%s, oid, 'USAGE') ORDER BY 1",
            OURS,
            SIDE_ROLES[side],
        )
        assert reached == [("eigyo",), ("public",)]

    def test_call_no_function_of_ours(self, ask, side):
        assert ask(FUNCTIONS, OURS, SIDE_ROLES[side]) == []

    @pytest.mark.parametrize("relation", ["supply_point", "contract"])
    def test_do_not_see_a_column_added_later(self, owner, ask, side, relation):
        before = set(ask(COLUMNS, OURS, SIDE_ROLES[side]))
        with owner.transaction(force_rollback=True):
            owner.execute(f"ALTER TABLE eigyo.{relation} ADD COLUMN retailer_name text")
            assert ask("SELECT count(*) FROM pg_attribute WHERE attname = 'retailer_name'") > [(0,)]
            assert set(ask(COLUMNS, OURS, SIDE_ROLES[side])) == before

    def test_do_not_see_a_table_added_later(self, owner, ask, side):
        before = set(ask(COLUMNS, OURS, SIDE_ROLES[side]))
        with owner.transaction(force_rollback=True):
            owner.execute("CREATE TABLE eigyo.wheeling_contract (retailer_name text)")
            assert set(ask(COLUMNS, OURS, SIDE_ROLES[side])) == before


def readable(ask, side: Side) -> dict[str, frozenset[str]]:
    """The columns of schema eigyo a side may read, as the live catalogue has them."""
    found: dict[str, set[str]] = {}
    for relation, column, privilege in ask(COLUMNS, ["eigyo"], SIDE_ROLES[side]):
        assert privilege == "SELECT"
        found.setdefault(relation.removeprefix("eigyo."), set()).add(column)
    return {relation: frozenset(columns) for relation, columns in found.items()}


class TestMatrix:
    """The statements made from the matrix are what the databases hold, also those that exist already."""

    def test_a_change_comes_with_a_migration_that_grants_it(self):
        names = sorted(name for app, name in MigrationLoader(None).disk_migrations if app == "eigyo")
        modules = [importlib.import_module(f"eigyo.migrations.{name}") for name in names]
        granted = [module.GRANTED for module in modules if hasattr(module, "GRANTED")]
        assert granted[-1] == grants.fingerprint()

    def test_a_change_is_noticed(self, monkeypatch):
        before = grants.fingerprint()
        monkeypatch.setitem(policy.MATRIX[policy.Item.PHONE], Side.RETAIL, policy.Rule.ALL)
        assert grants.fingerprint() != before

    def test_its_statements_repair_whatever_the_catalogue_holds(self, owner, ask):
        with owner.transaction(force_rollback=True):
            for role in SIDE_ROLES.values():
                owner.execute(f"GRANT ALL ON eigyo.contract_other, eigyo.supply_point TO {role}")
                owner.execute(f"REVOKE SELECT (address) ON eigyo.supply_point FROM {role}")
            owner.execute("GRANT SELECT (phone) ON eigyo.contract TO eigyo_retail")
            assert ask(TABLES, ["eigyo"], "eigyo_retail")
            for statement in grants.statements():
                owner.execute(statement)
            assert {side: readable(ask, side) for side in SIDES} == {side: expected(side) for side in SIDES}

    def test_opens_a_new_column_when_it_names_it_and_not_before(self, owner, ask, monkeypatch):
        with owner.transaction(force_rollback=True):
            owner.execute("ALTER TABLE eigyo.contract ADD COLUMN tariff text")
            assert {side: readable(ask, side) for side in SIDES} == {side: expected(side) for side in SIDES}
            monkeypatch.setitem(policy.FIELDS, "tariff", policy.Item.CAPACITY)
            monkeypatch.setitem(grants.CONTRACT_COLUMNS, "tariff", ("tariff",))
            for statement in grants.statements():
                owner.execute(statement)
            sees = {
                (side, relation)
                for side in SIDES
                for relation, columns in readable(ask, side).items()
                if "tariff" in columns
            }
            assert sees == {(Side.NW, "contract"), (Side.RETAIL, "contract_own")}


def test_the_two_sides_differ_in_the_relation_their_rule_names():
    assert expected(Side.NW).keys() == {"supply_point", "contract"}
    assert expected(Side.RETAIL).keys() == {"supply_point", "contract_own"}


def test_no_role_is_member_of_another_but_the_owner_of_the_logs_owner(ask):
    assert ask(MEMBERSHIPS, list(ROLES)) == [(LOG_OWNER, OWNER, "false", False)]


def test_no_role_has_a_power_beside_its_grants(ask):
    powerful = ask(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND (rolsuper OR rolbypassrls"
        " OR rolcreaterole OR rolcreatedb OR rolreplication OR (rolcanlogin AND rolinherit))",
        list(ROLES),
    )
    assert powerful == []


def test_functions_that_run_as_their_owner_are_for_the_import_and_the_months_of_the_log(ask):
    given = dict(ask(RUNS_AS_ITS_OWNER, PROCESSES))
    assert given.keys() == {"eigyo_feed", "eigyo_app", "eigyo_retain"}
    assert set(given["eigyo_app"]) == {"make_partitions", "check_months"}
    assert given["eigyo_retain"] == ["drop_month"]


@pytest.mark.parametrize("role", [role for role in PROCESSES if role != "eigyo_feed"])
def test_a_process_makes_nothing_in_the_database_not_even_for_a_moment(ask, role):
    rights = ask(
        "SELECT has_database_privilege(%s, current_database(), 'TEMP'),"
        " has_database_privilege(%s, current_database(), 'CREATE'),"
        " bool_or(has_schema_privilege(%s, oid, 'CREATE')) FROM pg_namespace",
        *[role] * 3,
    )
    assert rights == [(False, False, False)]


@pytest.mark.parametrize("role", ["eigyo_app", "eigyo_audit", "eigyo_log"])
def test_the_house_itself_reads_nothing_of_a_customer(ask, role):
    assert ask(COLUMNS, ["eigyo"], role) == []
    assert ask(TABLES, ["eigyo"], role) == []


def test_the_planners_statistics_show_a_side_no_more_than_its_columns(region, owner, as_login):
    owner.execute("ANALYZE eigyo.contract, eigyo.supply_point")
    for side, role in SIDE_ROLES.items():
        allowed = {(table, column) for table, columns in expected(side).items() for column in columns}
        with as_login(role) as connection:
            seen = connection.execute("SELECT tablename, attname FROM pg_stats WHERE schemaname = 'eigyo'")
            assert set() < set(seen.fetchall()) <= allowed
