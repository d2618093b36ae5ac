"""Statements PostgreSQL must refuse with 42501, by what they try. Names are qualified, so that a
statement fails for want of a right and not for want of a table.
"""

from collections.abc import Iterable

from deploy.roles import LOG_OWNER, LOGIN_ROLES, OWNER, ROLES

ENTRY = """'{"action":"open","outcome":"allowed"}'"""
PROCESSES = tuple(role for role in LOGIN_ROLES.values() if role != OWNER)
SCHEMAS = ("app", "eigyo", "audit", "public")
PREDEFINED = (
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_execute_server_program",
    "pg_monitor",
    "pg_maintain",
)

MAKING = (
    "CREATE TABLE {0}.kept (value text)",
    "CREATE UNLOGGED TABLE {0}.kept AS SELECT 1",
    "CREATE VIEW {0}.kept AS SELECT 1",
    "CREATE MATERIALIZED VIEW {0}.kept AS SELECT 1",
    "CREATE SEQUENCE {0}.kept",
    "CREATE TYPE {0}.kept AS (value text)",
    "CREATE DOMAIN {0}.kept AS text",
    "CREATE FUNCTION {0}.leak() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION {0}.leak() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    "CREATE FUNCTION {0}.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
    "CREATE PROCEDURE {0}.leak() LANGUAGE sql AS 'SELECT 1'",
    "CREATE AGGREGATE {0}.leak (text) (SFUNC = textcat, STYPE = text)",
    "CREATE OPERATOR {0}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
    "CREATE COLLATION {0}.kept (LOCALE = 'C')",
    "CREATE TEXT SEARCH CONFIGURATION {0}.kept (COPY = simple)",
)
EVERYWHERE = (
    "CREATE SCHEMA kept",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION postgres_fdw",
    "CREATE PUBLICATION kept FOR ALL TABLES",
    "CREATE FOREIGN DATA WRAPPER kept",
    "CREATE EVENT TRIGGER kept ON ddl_command_start EXECUTE FUNCTION audit.deny()",
    "CREATE ACCESS METHOD kept TYPE TABLE HANDLER heap_tableam_handler",
    "DO $$ BEGIN NULL; END $$",
)
MOMENTARY = (
    "CREATE TEMP TABLE kept AS SELECT 1",
    "CREATE TEMP TABLE contract_own (number text)",
    "SELECT 1 AS one INTO TEMP kept",
    "CREATE TEMP VIEW supply_point AS SELECT 1",
    "CREATE TEMP SEQUENCE kept",
    "CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
    "CREATE TYPE pg_temp.kept AS (value text)",
)
BECOMING = (
    *(f"SET ROLE {role}" for role in PREDEFINED),
    *(f"GRANT {role} TO CURRENT_USER" for role in PREDEFINED),
    *(
        f"ALTER ROLE CURRENT_USER {power}"
        for power in ("SUPERUSER", "BYPASSRLS", "CREATEROLE", "CREATEDB", "REPLICATION")
    ),
    f"ALTER ROLE {OWNER} PASSWORD 'known'",
    f"ALTER ROLE {LOG_OWNER} LOGIN PASSWORD 'known'",
    f"GRANT {OWNER} TO CURRENT_USER",
    f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT ON TABLES TO PUBLIC",
    f"REASSIGN OWNED BY {OWNER} TO CURRENT_USER",
    "CREATE ROLE somebody",
)
SETTINGS = (
    "SET session_replication_role = replica",
    "SELECT set_config('session_replication_role', 'replica', false)",
    "SET allow_system_table_mods = on",
    "SET lo_compat_privileges = on",
    "SET ignore_checksum_failure = on",
    "SET log_statement = 'none'",
    "SET track_activities = off",
    "SET session_preload_libraries = 'auto_explain'",
    "SET dynamic_library_path = '/dev/shm'",
    "LOAD 'auto_explain'",
    "SELECT pg_reload_conf()",
)
FILES = (
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_read_binary_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT * FROM pg_ls_waldir()",
    "SELECT * FROM pg_ls_logdir()",
    "SELECT pg_stat_file('PG_VERSION')",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT * FROM pg_file_settings",
    "SELECT * FROM pg_config",
    "SELECT * FROM pg_backend_memory_contexts",
    "SELECT pg_current_logfile()",
    "SELECT pg_rotate_logfile()",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/dev/null'",
    "SELECT lo_creat(-1)",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'value')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT lo_export(1, '/dev/null')",
    "SELECT data FROM pg_largeobject",
)
ENGINE = (
    "SELECT rolpassword FROM pg_authid",
    "SELECT passwd FROM pg_shadow",
    "SELECT stavalues1 FROM pg_statistic",
    "SELECT * FROM pg_statistic_ext_data",
    "SELECT umoptions FROM pg_user_mapping",
    "SELECT subconninfo FROM pg_subscription",
    "UPDATE pg_class SET relacl = NULL",
    "UPDATE pg_attribute SET attacl = NULL",
    "DELETE FROM pg_trigger",
    "INSERT INTO pg_auth_members SELECT * FROM pg_auth_members",
    "SELECT pg_create_logical_replication_slot('kept', 'pgoutput')",
    "SELECT pg_logical_slot_peek_changes('kept', NULL, NULL)",
    "SELECT pg_create_restore_point('kept')",
    "SELECT pg_switch_wal()",
    "SELECT pg_backup_start('kept')",
    "SELECT pg_stat_reset()",
)
# Refused before a transaction would be noticed, so they run by themselves.
ALONE = (
    "ALTER SYSTEM SET session_replication_role = replica",
    "CREATE DATABASE kept",
    "CREATE TABLESPACE kept LOCATION '/dev/shm'",
    "REINDEX TABLE audit.entry",
)

# What the log must answer to each login, for the table and for every partition of it.
ON_THE_LOG = (
    "UPDATE {0} SET payload = '{{}}'",
    "DELETE FROM {0}",
    "TRUNCATE {0}",
    "MERGE INTO {0} t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    "MERGE INTO {0} t USING (SELECT 1) s ON true WHEN MATCHED THEN UPDATE SET payload = ''",
    "INSERT INTO {0} (payload) VALUES ({entry}) ON CONFLICT (logged_at, id) DO UPDATE SET payload = ''",
    "INSERT INTO {0} (payload, logged_at) VALUES ({entry}, '2020-01-01')",
    "INSERT INTO {0} (payload, id) OVERRIDING SYSTEM VALUE VALUES ({entry}, 1)",
    "INSERT INTO {0} (payload, xact) VALUES ({entry}, '1')",
    "COPY {0} (payload, logged_at) FROM STDIN",
    "SELECT payload FROM {0} FOR UPDATE",
    "LOCK TABLE {0} IN ACCESS EXCLUSIVE MODE",
    "DROP TABLE {0}",
    "ALTER TABLE {0} DISABLE TRIGGER ALL",
    "ALTER TABLE {0} DISABLE TRIGGER no_change",
    "ALTER TABLE {0} OWNER TO CURRENT_USER",
    "ALTER TABLE {0} ADD COLUMN kept text",
    "ALTER TABLE {0} ALTER COLUMN payload DROP NOT NULL",
    "ALTER TABLE {0} RENAME TO kept",
    "ALTER TABLE {0} SET SCHEMA public",
    "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY",
    "DROP TRIGGER no_change ON {0}",
    "CREATE TRIGGER kept BEFORE INSERT ON {0} FOR EACH ROW EXECUTE FUNCTION audit.deny()",
    "CREATE RULE kept AS ON INSERT TO {0} DO INSTEAD NOTHING",
    "CREATE POLICY kept ON {0} USING (false)",
    "CREATE INDEX kept ON {0} (payload)",
    "COMMENT ON TABLE {0} IS ''",
)
ON_A_PARTITION = (
    "ALTER TABLE audit.entry DETACH PARTITION {0}",
    "INSERT INTO {0} (payload) VALUES ({entry})",
    "SELECT payload FROM {0}",
)
BESIDE_THE_LOG = (
    "CREATE TABLE audit.entry_1999_01 PARTITION OF audit.entry FOR VALUES FROM ('1999-01-01') TO ('1999-02-01')",
    "ALTER FUNCTION audit.deny() RENAME TO kept",
    "DROP FUNCTION audit.deny()",
    "SELECT audit.seal_partition('audit.entry_default')",
    "SELECT setval('audit.entry_id_seq', 1)",
    "SELECT nextval('audit.entry_id_seq')",
    "ALTER SEQUENCE audit.entry_id_seq RESTART",
    "DROP SCHEMA audit CASCADE",
)

# Ways to a value of a relation that a login may not read. `{column}` is one of its columns.
READING = (
    "SELECT {column} FROM {0}",
    "TABLE {0}",
    "SELECT FROM {0}",
    "SELECT count(*) FROM {0}",
    "SELECT ctid FROM {0}",
    "SELECT xmin FROM {0}",
    "SELECT tableoid FROM {0}",
    "SELECT held FROM {0} held",
    "SELECT to_jsonb(held) FROM {0} held",
    "SELECT {column} FROM {0} TABLESAMPLE SYSTEM (1)",
    "SELECT {column} FROM {0} WHERE ctid = '(0,1)'",
    "SELECT {column} FROM {0} FOR SHARE",
    "SELECT (SELECT {column} FROM {0} LIMIT 1)",
    "SELECT 1 WHERE EXISTS (SELECT FROM {0} WHERE {column}::text > chr(0x4e00))",
    "SELECT CASE WHEN random() < 0 THEN (SELECT max({column}::text) FROM {0}) END",
    "SELECT 1 UNION ALL SELECT 1 FROM {0}",
    "WITH held AS MATERIALIZED (SELECT {column} FROM {0}) SELECT * FROM held",
    "WITH held AS MATERIALIZED (DELETE FROM {0} RETURNING *) SELECT 1",
    "COPY {0} TO STDOUT",
    "COPY {0} ({column}) TO STDOUT",
    "COPY (SELECT {column} FROM {0}) TO STDOUT",
    "COPY {0} ({column}) TO PROGRAM 'true'",
    "COPY {0} TO '/dev/null'",
    "COPY {0} FROM STDIN",
    "COPY {0} FROM PROGRAM 'true'",
    "COPY {0} FROM '/dev/null'",
    "EXPLAIN SELECT {column} FROM {0}",
    "EXPLAIN ANALYZE SELECT {column} FROM {0}",
    "EXPLAIN (ANALYZE, VERBOSE, BUFFERS) SELECT count(*) FROM {0}",
    "EXPLAIN (GENERIC_PLAN) SELECT {column} FROM {0} WHERE {column}::text = $1",
    "DEALLOCATE ALL; PREPARE held AS SELECT {column} FROM {0}; EXECUTE held",
    "DECLARE held CURSOR FOR SELECT {column} FROM {0}",
    "LOCK TABLE {0} IN ACCESS SHARE MODE",
    "SELECT * FROM ts_stat('SELECT to_tsvector({column}::text) FROM {0}')",
    "SELECT currtid2('{0}', '(0,1)')",
    "CREATE STATISTICS {schema}.kept ON {column}, number FROM {0}",
    "CREATE INDEX ON {0} ({column})",
    "ALTER TABLE {0} OWNER TO CURRENT_USER",
    "GRANT SELECT ON {0} TO PUBLIC",
    "CREATE RULE kept AS ON SELECT TO {0} DO INSTEAD SELECT 1",
    "UPDATE {0} SET {column} = {column} RETURNING {column}",
    "DELETE FROM {0} RETURNING {column}",
    "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT DO NOTHING RETURNING {column}",
    "MERGE INTO {0} USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    "TRUNCATE {0}",
)

HIDDEN_COLUMNS = (
    "holder_name",
    "holder_kana",
    "name_key",
    "phone",
    "voltage_class",
    "contract_capacity",
    "own",
)
CONTRACTS = ("eigyo.contract", "eigyo.contract_own", "eigyo.contract_other")
READERS_OF_CONTRACTS = {"eigyo_nw", "eigyo_retail", "eigyo_feed"}
PLACES_OF_HIDDEN_VALUES = {
    "eigyo_retail": (("eigyo.contract", "eigyo.contract_other"), HIDDEN_COLUMNS),
    **{role: (CONTRACTS, ("holder_name", "phone")) for role in PROCESSES if role not in READERS_OF_CONTRACTS},
}

# What each login may not do although it reaches the relation for another reason.
OWN_LIMITS = {
    "eigyo_retail": (
        "SELECT ctid FROM eigyo.contract_own",
        "SELECT xmin FROM eigyo.contract_own",
        "SELECT tableoid FROM eigyo.contract_own",
        "SELECT contract_own FROM eigyo.contract_own",
        "SELECT own FROM eigyo.contract_own",
        "SELECT ctid FROM eigyo.supply_point",
        "SELECT municipality_code FROM eigyo.supply_point",
        "COPY eigyo.contract_own TO STDOUT",
        "SELECT number FROM eigyo.supply_point FOR UPDATE",
        "SELECT number FROM eigyo.supply_point WHERE number IN (SELECT number FROM eigyo.contract_other)",
        "SELECT own.holder_name FROM eigyo.contract_own own JOIN eigyo.contract USING (number)",
        "CREATE VIEW eigyo.mine AS SELECT holder_name FROM eigyo.contract_own",
        "UPDATE eigyo.supply_point SET own = true",
        "INSERT INTO eigyo.contract_own (number) VALUES (1)",
        "DELETE FROM eigyo.supply_point",
        "TRUNCATE eigyo.contract_own",
    ),
    "eigyo_nw": (
        "SELECT own FROM eigyo.contract",
        "SELECT xmin FROM eigyo.contract",
        "SELECT ctid FROM eigyo.contract",
        "SELECT tableoid FROM eigyo.contract",
        "SELECT contract FROM eigyo.contract",
        "COPY eigyo.contract TO STDOUT",
        "SELECT holder_name FROM eigyo.contract_own",
        "SELECT holder_name FROM eigyo.contract_other",
        "SELECT municipality_code FROM eigyo.supply_point",
        "SELECT number FROM eigyo.contract FOR UPDATE",
        "UPDATE eigyo.contract SET holder_name = ''",
        "DELETE FROM eigyo.supply_point",
        "TRUNCATE eigyo.contract",
    ),
    "eigyo_feed": (
        "TRUNCATE eigyo.contract",
        "ALTER TABLE eigyo.contract ADD COLUMN retailer_name text",
        "GRANT SELECT ON eigyo.contract_other TO eigyo_retail",
        "ALTER FUNCTION eigyo.begin_first_load() SECURITY INVOKER",
        "SELECT holder_name FROM eigyo.contract_other",
    ),
    "eigyo_audit": (
        *(
            f"SELECT {column} FROM audit.entry"
            for column in ("payload", "person", "point", "card", "xact", "ctid", "entry")
        ),
        f"INSERT INTO audit.entry (payload) VALUES ({ENTRY}) RETURNING payload",
        "SELECT audit.make_partitions(0)",
    ),
    "eigyo_log": (f"INSERT INTO audit.entry (payload) VALUES ({ENTRY})", "SELECT audit.make_partitions(0)"),
    "eigyo_seal": (
        f"INSERT INTO audit.entry (payload) VALUES ({ENTRY})",
        "UPDATE audit.leaf SET hash = hash",
        "DELETE FROM audit.leaf",
        "TRUNCATE audit.leaf",
        "UPDATE audit.tree_state SET cluster = 1",
        "DELETE FROM audit.tree_state",
        "INSERT INTO audit.tree_state (cluster, sealed) VALUES (1, '3:3:')",
        "UPDATE audit.checkpoint SET root = root",
        "UPDATE audit.checkpoint SET size = size",
        "DELETE FROM audit.checkpoint",
        "TRUNCATE audit.checkpoint",
        "DELETE FROM audit.health",
        "SELECT audit.make_partitions(0)",
    ),
    "eigyo_app": (
        *(
            f"SELECT {column} FROM audit.entry"
            for column in ("payload", "card", "terminal", "company", "xact", "ctid", "entry")
        ),
        f"INSERT INTO audit.entry (payload) VALUES ({ENTRY})",
        "DELETE FROM app.auditlog_logentry",
        "UPDATE app.auditlog_logentry SET actor_id = NULL",
        "TRUNCATE app.accesscontrol_worksession",
        "ALTER TABLE app.accesscontrol_card DROP COLUMN suspended_at",
    ),
}
ON_THE_TREE = (
    "INSERT INTO {0} SELECT * FROM {0}",
    "UPDATE {0} SET {column} = {column}",
    "DELETE FROM {0}",
    "TRUNCATE {0}",
    "DROP TABLE {0}",
    "ALTER TABLE {0} DISABLE TRIGGER ALL",
    "CREATE RULE kept AS ON INSERT TO {0} DO INSTEAD NOTHING",
    "LOCK TABLE {0} IN ACCESS EXCLUSIVE MODE",
)
TREE = {"audit.leaf": "hash", "audit.tree_state": "size", "audit.checkpoint": "root", "audit.health": "fine"}
READS_OF_THE_REGISTRY = (
    "SELECT pin_hash FROM app.accesscontrol_card",
    "DELETE FROM app.accesscontrol_worksession",
)


def for_everybody(role: str) -> Iterable[str]:
    """What no process may do, whoever it is."""
    yield from (statement.format(schema) for schema in SCHEMAS for statement in MAKING)
    yield from (*EVERYWHERE, *BECOMING, *SETTINGS, *FILES, *ENGINE)
    if role != "eigyo_feed":
        yield from MOMENTARY
    if role != "eigyo_app":
        yield from READS_OF_THE_REGISTRY
    for other in ROLES:
        if other != role:
            yield f"SET ROLE {other}"
            yield f"SET LOCAL ROLE {other}"
            yield f"SET SESSION AUTHORIZATION {other}"
            yield f"SELECT set_config('role', '{other}', true)"
            yield f"SELECT set_config('session_authorization', '{other}', false)"


def against_hidden_values(role: str) -> Iterable[str]:
    """Every way to every place of a value this login may not read."""
    relations, columns = PLACES_OF_HIDDEN_VALUES.get(role, ((), ()))
    made = {
        each.format(relation, column=column, schema="eigyo")
        for relation in relations
        for column in columns
        for each in READING
    }
    yield from sorted(made)
    yield from OWN_LIMITS.get(role, ())


def against_the_log(role: str, partitions: Iterable[str]) -> Iterable[str]:
    """Every change of the log and of every partition of it, next month's included."""
    yield from (each.format("audit.entry", entry=ENTRY) for each in ON_THE_LOG)
    for partition in partitions:
        yield from (each.format(partition, entry=ENTRY) for each in ON_THE_LOG + ON_A_PARTITION)
    yield from BESIDE_THE_LOG
    if role != "eigyo_seal":
        for table, column in TREE.items():
            yield from (each.format(table, column=column) for each in ON_THE_TREE)
    if role != "eigyo_app":
        yield "SELECT audit.make_partitions(24)"
