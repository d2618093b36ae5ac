"""Create the login roles, the database and what each role may reach; safe to run again and again.

    DATABASE_URL=… EIGYO_DB_DEFAULT=… (and the other eight) python -m deploy.roles

The administrator may be a superuser, or a role that may create roles and databases. Table grants
are not made here: migrations generate them from the policy matrix.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote, unquote, urlsplit

import psycopg
from psycopg import sql

from deploy.environment import LOGINS, variable
from deploy.processes import UnableToStart

OWNER = "eigyo_owner"
LOG_OWNER = "eigyo_log_owner"
LOGIN_ROLES = {
    "DEFAULT": "eigyo_app",
    "NW": "eigyo_nw",
    "RETAIL": "eigyo_retail",
    "FEED": "eigyo_feed",
    "AUDIT": "eigyo_audit",
    "LOG": "eigyo_log",
    "SEAL": "eigyo_seal",
    "RETAIN": "eigyo_retain",
    "OWNER": OWNER,
}
ROLES = (*LOGIN_ROLES.values(), LOG_OWNER)
SCHEMA_OWNERS = {"app": OWNER, "eigyo": OWNER, "audit": LOG_OWNER}
SCHEMA_USERS = {
    "app": ("eigyo_app",),
    "eigyo": ("eigyo_nw", "eigyo_retail", "eigyo_feed"),
    "audit": ("eigyo_audit", "eigyo_log", "eigyo_seal", "eigyo_retain", "eigyo_app"),
    "public": ROLES,
}
FIRST_IN_PATH = {
    OWNER: "app",
    "eigyo_app": "app",
    "eigyo_nw": "eigyo",
    "eigyo_retail": "eigyo",
    "eigyo_feed": "eigyo",
    "eigyo_audit": "audit",
    "eigyo_log": "audit",
    "eigyo_seal": "audit",
    "eigyo_retain": "audit",
}
EXTENSIONS = ("pg_trgm", "btree_gist")
ADVISORY_LOCK = 0x65696779
OLDEST_SUPPORTED, FIRST_WITH_SET_OPTION, FIRST_WITH_BUILTIN_LOCALE = 150000, 160000, 170000


@dataclass(frozen=True)
class Administrator:
    """An open connection that may create roles and databases."""

    connection: psycopg.Connection

    @property
    def server_version(self) -> int:
        """Return the version as the server numbers it: 180006 is 18.6."""
        return self.connection.info.server_version

    @property
    def is_superuser(self) -> bool:
        """Say whether this administrator may do anything."""
        return self.finds("SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper")

    def run(self, statement: LiteralString, **names: str) -> None:
        """Execute a statement whose {placeholders} are quoted as identifiers."""
        quoted = {key: sql.Identifier(name) for key, name in names.items()}
        self.connection.execute(sql.SQL(statement).format(**quoted))

    def finds(self, question: LiteralString, *values: object) -> bool:
        """Say whether a query returns a row."""
        return self.connection.execute(question, values).fetchone() is not None


def prepare(
    administrator_url: str, *, passwords: Mapping[str, str], database: str = "eigyo"
) -> dict[str, str]:
    """Bring roles, database, schemas and privileges to the wanted state; return the login URLs."""
    with (
        _connect(administrator_url) as administrator,
        _alone(administrator),
    ):
        for role in ROLES:
            _ensure_role(administrator, role)
        _ensure_log_owner_needs_set_role(administrator)
        with _acting_for_the_owners(administrator):
            _ensure_database(administrator, database)
            with _connect(login_url(administrator_url, database=database)) as inside:
                _ensure_schemas(inside)
                _ensure_schema_privileges(inside)
                _ensure_default_privileges(inside)
                _ensure_language_privileges(inside)
                _ensure_no_large_objects(inside)
            _ensure_search_paths(administrator, database)
        _refuse_unexpected_powers(administrator)
        for login, role in LOGIN_ROLES.items():
            _set_password(administrator, role, passwords[login])
    return {
        login: login_url(administrator_url, database=database, role=role, password=passwords[login])
        for login, role in LOGIN_ROLES.items()
    }


def login_url(url: str, *, database: str, role: str | None = None, password: str | None = None) -> str:
    """Return the URL with another database, and another login when one is given."""
    parts = urlsplit(url)
    login, _, address = parts.netloc.rpartition("@")
    if role is not None:
        login = f"{quote(role, safe='')}:{quote(password or '', safe='')}"
    return parts._replace(netloc=f"{login}@{address}", path=f"/{quote(database)}").geturl()


@contextmanager
def _connect(url: str) -> Iterator[Administrator]:
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        administrator = Administrator(connection)
        if administrator.server_version < OLDEST_SUPPORTED:
            raise UnableToStart("PostgreSQL 15 以上が必要です。")
        yield administrator


@contextmanager
def _alone(administrator: Administrator) -> Iterator[None]:
    """Hold off a second bootstrap of the same server."""
    administrator.connection.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    yield
    administrator.connection.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def _ensure_role(administrator: Administrator, role: str) -> None:
    if not administrator.finds("SELECT FROM pg_roles WHERE rolname = %s", role):
        administrator.run("CREATE ROLE {role}", role=role)
    if role == LOG_OWNER:
        administrator.run("ALTER ROLE {role} NOLOGIN", role=role)
    else:
        administrator.run("ALTER ROLE {role} LOGIN NOINHERIT", role=role)


def _ensure_log_owner_needs_set_role(administrator: Administrator) -> None:
    """Let migrations act for the log by an explicit SET ROLE, and by nothing less."""
    if administrator.server_version >= FIRST_WITH_SET_OPTION:
        administrator.run(
            "GRANT {log_owner} TO {owner} WITH ADMIN FALSE, INHERIT FALSE, SET TRUE",
            log_owner=LOG_OWNER,
            owner=OWNER,
        )
    else:
        administrator.run("GRANT {log_owner} TO {owner}", log_owner=LOG_OWNER, owner=OWNER)


@contextmanager
def _acting_for_the_owners(administrator: Administrator) -> Iterator[None]:
    """Lend both owners to an administrator who is no superuser, and take them back."""
    if administrator.is_superuser:
        yield
        return
    for role in (OWNER, LOG_OWNER):
        if administrator.server_version >= FIRST_WITH_SET_OPTION:
            administrator.run("GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE", role=role)
        else:
            administrator.run("GRANT {role} TO CURRENT_USER", role=role)
    try:
        yield
    finally:
        for role in (OWNER, LOG_OWNER):
            administrator.run("REVOKE {role} FROM CURRENT_USER", role=role)


def _ensure_database(administrator: Administrator, database: str) -> None:
    if not administrator.finds("SELECT FROM pg_database WHERE datname = %s", database):
        if administrator.server_version >= FIRST_WITH_BUILTIN_LOCALE:
            administrator.run(
                "CREATE DATABASE {database} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8' "
                "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C.UTF-8'",
                database=database,
                owner=OWNER,
            )
        else:
            administrator.run(
                "CREATE DATABASE {database} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8' "
                "LOCALE_PROVIDER libc LOCALE 'C.UTF-8'",
                database=database,
                owner=OWNER,
            )
    administrator.run("REVOKE ALL ON DATABASE {database} FROM PUBLIC", database=database)
    for role in LOGIN_ROLES.values():
        administrator.run("GRANT CONNECT ON DATABASE {database} TO {role}", database=database, role=role)
    administrator.run(
        "GRANT TEMPORARY ON DATABASE {database} TO {role}", database=database, role="eigyo_feed"
    )


def _ensure_schemas(inside: Administrator) -> None:
    for schema, owner in SCHEMA_OWNERS.items():
        inside.run("CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}", schema=schema, owner=owner)
        inside.run("ALTER SCHEMA {schema} OWNER TO {owner}", schema=schema, owner=owner)
    for extension in EXTENSIONS:
        inside.run("CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA public", extension=extension)


def _ensure_schema_privileges(inside: Administrator) -> None:
    for schema, roles in SCHEMA_USERS.items():
        inside.run("REVOKE ALL ON SCHEMA {schema} FROM PUBLIC", schema=schema)
        for role in roles:
            inside.run("GRANT USAGE ON SCHEMA {schema} TO {role}", schema=schema, role=role)


def _ensure_default_privileges(inside: Administrator) -> None:
    for owner in (OWNER, LOG_OWNER):
        inside.run(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
            owner=owner,
        )
    inside.run(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA app "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO eigyo_app",
        owner=OWNER,
    )
    inside.run(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA app "
        "GRANT USAGE, SELECT ON SEQUENCES TO eigyo_app",
        owner=OWNER,
    )


def _ensure_language_privileges(inside: Administrator) -> None:
    """Keep procedural code to the two owners; a managed server may not let us."""
    if inside.is_superuser:
        inside.run("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
        for owner in (OWNER, LOG_OWNER):
            inside.run("GRANT USAGE ON LANGUAGE plpgsql TO {owner}", owner=owner)
    open_to_public = inside.finds(
        "SELECT FROM pg_language, aclexplode(coalesce(lanacl, acldefault('l', lanowner))) "
        "WHERE lanname = 'plpgsql' AND grantee = 0"
    )
    if open_to_public:
        print(
            "注意：plpgsql の利用を PUBLIC から取り消せませんでした。スーパーユーザーで次を実行して"
            "ください：REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC; "
            f"GRANT USAGE ON LANGUAGE plpgsql TO {OWNER}, {LOG_OWNER};",
            file=sys.stderr,
        )


def _ensure_no_large_objects(inside: Administrator) -> None:
    """Close a store beside the tables, which one side could fill and open to the other."""
    if inside.is_superuser:
        inside.run(
            "REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC"
        )


def _ensure_search_paths(administrator: Administrator, database: str) -> None:
    for role, schema in FIRST_IN_PATH.items():
        administrator.run(
            "ALTER ROLE {role} IN DATABASE {database} SET search_path TO {schema}, public",
            role=role,
            database=database,
            schema=schema,
        )


def _refuse_unexpected_powers(administrator: Administrator) -> None:
    """Stop when somebody gave a role an attribute or a membership that walks around the grants.

    Those who may create roles stand above the grants anyway; the server itself lists them as
    members of the roles they made.
    """
    powerful = administrator.connection.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND "
        "(rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)",
        [list(ROLES)],
    ).fetchall()
    memberships = administrator.connection.execute(
        "SELECT granted.rolname || ' → ' || holder.rolname FROM pg_auth_members "
        "JOIN pg_roles AS granted ON granted.oid = roleid "
        "JOIN pg_roles AS holder ON holder.oid = member "
        "WHERE (granted.rolname = ANY(%(roles)s) OR holder.rolname = ANY(%(roles)s)) "
        "AND (granted.rolname, holder.rolname) <> (%(log_owner)s, %(owner)s) "
        "AND NOT holder.rolsuper AND NOT holder.rolcreaterole",
        {"roles": list(ROLES), "log_owner": LOG_OWNER, "owner": OWNER},
    ).fetchall()
    found = [name for (name,) in (*powerful, *memberships)]
    if found:
        raise UnableToStart("想定外の権限があります。取り消してから再実行してください：" + "、".join(found))


def _set_password(administrator: Administrator, role: str, password: str) -> None:
    """Set a password as a SCRAM verifier made here, so that no server log can hold the password."""
    verifier = administrator.connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    administrator.connection.execute(
        sql.SQL("ALTER ROLE {role} PASSWORD {verifier}").format(
            role=sql.Identifier(role), verifier=sql.Literal(verifier)
        )
    )


def _given(name: str) -> str:
    """Return a setting from the environment, or from the file that NAME_FILE points at."""
    value = os.environ.get(name)
    if value is None and (path := os.environ.get(f"{name}_FILE")):
        value = Path(path).read_text().strip()
    if not value:
        raise UnableToStart(f"{name} または {name}_FILE を設定してください。")
    return value


def _given_logins() -> tuple[dict[str, str], str]:
    """Return the passwords and the database that the nine login URLs agree on."""
    urls = {login: urlsplit(_given(variable(login))) for login in LOGINS}
    for login, url in urls.items():
        if url.username != LOGIN_ROLES[login] or not url.password:
            raise UnableToStart(
                f"{variable(login)} には {LOGIN_ROLES[login]} の URL をパスワードとともに書いてください。"
            )
    databases = {unquote(url.path.lstrip("/")) for url in urls.values()}
    if len(databases) != 1:
        raise UnableToStart("EIGYO_DB_* は同じデータベースを指してください。")
    return {login: unquote(url.password or "") for login, url in urls.items()}, databases.pop()


def main() -> int:
    """Bootstrap a production server from its administrator's URL and the nine login URLs."""
    try:
        passwords, database = _given_logins()
        prepare(_given("DATABASE_URL"), passwords=passwords, database=database)
    except (UnableToStart, psycopg.Error) as problem:
        print(f"データベースを準備できません：{problem}", file=sys.stderr)
        return 1
    print("ロール、データベース、スキーマ、権限を確認しました。")
    return 0


if __name__ == "__main__":
    sys.exit(main())
