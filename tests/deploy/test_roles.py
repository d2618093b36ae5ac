"""The roles a bootstrap leaves behind, asked of a real server: who reaches what, and who cannot."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from deploy import roles
from deploy.embedded import running_services
from deploy.environment import HOLDINGS, LOGINS
from deploy.processes import UnableToStart

PASSWORDS = {login: f"{login}: p@ss/word% 'quoted' 鍵" for login in LOGINS}
REACHES = {
    "eigyo_owner": {"app", "eigyo", "public"},
    "eigyo_app": {"app", "audit", "public"},
    "eigyo_nw": {"eigyo", "public"},
    "eigyo_retail": {"eigyo", "public"},
    "eigyo_feed": {"eigyo", "public"},
    "eigyo_audit": {"audit", "public"},
    "eigyo_log": {"audit", "public"},
    "eigyo_retain": {"audit", "public"},
    "eigyo_log_owner": {"audit", "public"},
}

every_login = pytest.mark.parametrize("login", LOGINS)
every_process_login = pytest.mark.parametrize("login", [each for each in LOGINS if each != "OWNER"])


@pytest.fixture(scope="module", autouse=True)
def no_outside_server() -> Iterator[None]:
    """Roles belong to a whole server, so these tests never touch one that others use."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATABASE_URL", "REDIS_URL"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def server(no_outside_server: None) -> Iterator[str]:
    """The administrator's URL of a server of our own."""
    with running_services(throwaway=True) as services:
        yield services.database_url


@pytest.fixture(scope="module")
def urls(server: str) -> Mapping[str, str]:
    return roles.prepare(server, passwords=PASSWORDS, database="eigyo")


@pytest.fixture(scope="module")
def inside(server: str, urls: Mapping[str, str]) -> Iterator[psycopg.Connection]:
    """The administrator in the prepared database."""
    url = roles.login_url(server, database="eigyo")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True)


class TestLogins:
    @every_login
    def test_get_in_with_their_own_password(self, urls: Mapping[str, str], login: str) -> None:
        with connect(urls[login]) as connection:
            row = connection.execute("SELECT current_user, current_database()").fetchone()
        assert row == (roles.LOGIN_ROLES[login], "eigyo")

    @every_login
    def test_start_in_their_own_schema(self, urls: Mapping[str, str], login: str) -> None:
        with connect(urls[login]) as connection:
            row = connection.execute("SELECT current_schemas(false)").fetchone()
        assert row is not None
        assert row[0] == [roles.FIRST_IN_PATH[roles.LOGIN_ROLES[login]], "public"]

    @pytest.mark.parametrize("role", REACHES)
    def test_reach_only_their_schemas(self, inside: psycopg.Connection, role: str) -> None:
        rows = inside.execute(
            "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(%s, oid, 'USAGE') "
            "AND nspname !~ '^pg_|^information_schema$'",
            [role],
        )
        assert {name for (name,) in rows} == REACHES[role]

    def test_have_passwords_the_server_cannot_read(self, inside: psycopg.Connection) -> None:
        rows = inside.execute("SELECT rolpassword FROM pg_authid WHERE rolname ~ '^eigyo_.*'")
        stored = [password for (password,) in rows if password is not None]
        assert len(stored) == len(LOGINS) + 1
        assert all(password.startswith("SCRAM-SHA-256$") for password in stored)

    def test_of_the_log_owner_does_not_exist(self, inside: psycopg.Connection) -> None:
        question = "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'eigyo_log_owner'"
        assert inside.execute(question).fetchone() == (False,)


class TestProcesses:
    @every_process_login
    def test_may_create_nothing(self, urls: Mapping[str, str], login: str) -> None:
        with connect(urls[login]) as connection:
            for schema in ("app", "eigyo", "audit", "public"):
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(
                        sql.SQL("CREATE TABLE {} (x int)").format(sql.Identifier(schema, "mine"))
                    )
            with pytest.raises(InsufficientPrivilege):
                connection.execute("CREATE SCHEMA mine")

    @every_process_login
    def test_may_run_no_procedural_code(self, urls: Mapping[str, str], login: str) -> None:
        with connect(urls[login]) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute("DO $$ BEGIN PERFORM 1; END $$")

    @every_process_login
    def test_may_become_nobody_else(self, urls: Mapping[str, str], login: str) -> None:
        with connect(urls[login]) as connection:
            for role in (*roles.ROLES, "eigyo_admin"):
                if role != roles.LOGIN_ROLES[login]:
                    with pytest.raises(InsufficientPrivilege):
                        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))

    def test_only_the_feed_may_use_temporary_tables(self, urls: Mapping[str, str]) -> None:
        allowed = set()
        for login in set(LOGINS) - {"OWNER"}:
            with connect(urls[login]) as connection:
                try:
                    connection.execute("CREATE TEMPORARY TABLE mine (x int)")
                except InsufficientPrivilege:
                    continue
                allowed.add(login)
        assert allowed == {"FEED"}

    def test_hold_only_their_passwords(self) -> None:
        assert not {"OWNER", "FEED"} & set(HOLDINGS["web"])
        assert not {"OWNER", "NW", "RETAIL"} & set(HOLDINGS["worker"])
        assert HOLDINGS["beat"] == ()


class TestOwner:
    def test_acts_for_the_log_only_by_saying_so(self, urls: Mapping[str, str]) -> None:
        with connect(urls["OWNER"]) as connection:
            with pytest.raises(InsufficientPrivilege):
                connection.execute("CREATE TABLE audit.entry (x int)")
            connection.execute("SET ROLE eigyo_log_owner")
            connection.execute("CREATE TABLE audit.entry (x int)")
            connection.execute("DROP TABLE audit.entry")

    def test_leaves_new_tables_of_app_to_the_application_alone(self, urls: Mapping[str, str]) -> None:
        with connect(urls["OWNER"]) as owner, connect(urls["DEFAULT"]) as application:
            owner.execute("CREATE TABLE app.thing (id bigint GENERATED ALWAYS AS IDENTITY)")
            owner.execute("CREATE TABLE eigyo.thing (id bigint)")
            application.execute("INSERT INTO thing DEFAULT VALUES")
            application.execute("DELETE FROM thing")
            with pytest.raises(InsufficientPrivilege):
                application.execute("TRUNCATE thing")
            with connect(urls["NW"]) as other, pytest.raises(InsufficientPrivilege):
                other.execute("SELECT FROM eigyo.thing")
            owner.execute("DROP TABLE app.thing, eigyo.thing")

    @pytest.mark.parametrize("role", ["eigyo_owner", "eigyo_log_owner"])
    def test_leaves_new_functions_to_nobody(self, urls: Mapping[str, str], role: str) -> None:
        schema = {"eigyo_owner": "app", "eigyo_log_owner": "audit"}[role]
        name = sql.Identifier(schema, "answer")
        with connect(urls["OWNER"]) as owner, connect(urls["DEFAULT"]) as application:
            owner.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            owner.execute(sql.SQL("CREATE FUNCTION {}() RETURNS int RETURN 42").format(name))
            with pytest.raises(InsufficientPrivilege):
                application.execute(sql.SQL("SELECT {}()").format(name))
            owner.execute(sql.SQL("DROP FUNCTION {}()").format(name))


class TestBootstrap:
    def test_changes_passwords_when_run_again_and_nothing_else(
        self, server: str, urls: Mapping[str, str], inside: psycopg.Connection
    ) -> None:
        before = catalogue(inside)
        changed = roles.prepare(server, passwords=dict.fromkeys(LOGINS, "new"), database="eigyo")
        assert catalogue(inside) == before
        connect(changed["NW"]).close()
        with pytest.raises(psycopg.OperationalError):
            connect(urls["NW"])
        roles.prepare(server, passwords=PASSWORDS, database="eigyo")
        connect(urls["NW"]).close()

    @pytest.mark.parametrize(
        ("harm", "repair"),
        [
            ("GRANT eigyo_nw TO eigyo_retail", "REVOKE eigyo_nw FROM eigyo_retail"),
            ("GRANT pg_read_all_data TO eigyo_app", "REVOKE pg_read_all_data FROM eigyo_app"),
            ("ALTER ROLE eigyo_retail BYPASSRLS", "ALTER ROLE eigyo_retail NOBYPASSRLS"),
        ],
    )
    def test_stops_at_powers_it_did_not_give(
        self, server: str, inside: psycopg.Connection, harm: LiteralString, repair: LiteralString
    ) -> None:
        inside.execute(harm)
        with pytest.raises(UnableToStart, match="想定外の権限"):
            roles.prepare(server, passwords=PASSWORDS, database="eigyo")
        inside.execute(repair)
        roles.prepare(server, passwords=PASSWORDS, database="eigyo")

    def test_uses_a_comparison_of_text_that_never_changes(self, inside: psycopg.Connection) -> None:
        question = (
            "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale "
            "FROM pg_database WHERE datname = 'eigyo'"
        )
        assert inside.execute(question).fetchone() == ("UTF8", "b", "C.UTF-8")

    def test_needs_no_superuser(self, capfd: pytest.CaptureFixture[str]) -> None:
        with running_services(throwaway=True) as services:
            with connect(services.database_url) as connection:
                connection.execute("CREATE ROLE managed LOGIN PASSWORD 'x' CREATEROLE CREATEDB")
            administrator = roles.login_url(
                services.database_url, database="postgres", role="managed", password="x"
            )
            for _ in range(2):
                urls = roles.prepare(administrator, passwords=PASSWORDS, database="eigyo")
            with connect(urls["OWNER"]) as connection:
                connection.execute("SET ROLE eigyo_log_owner")
                connection.execute("CREATE TABLE audit.entry (x int)")
            with connect(administrator) as connection, pytest.raises(InsufficientPrivilege):
                connection.execute("SET ROLE eigyo_owner")
        assert "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC" in capfd.readouterr().err


class TestCommand:
    @pytest.fixture
    def given(
        self, server: str, urls: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> pytest.MonkeyPatch:
        """The environment of the one-shot service in docker-compose.yml."""
        monkeypatch.setenv("DATABASE_URL", server)
        for login in LOGINS:
            monkeypatch.setenv(f"EIGYO_DB_{login}", urls[login])
        return monkeypatch

    def test_takes_the_passwords_from_the_urls(
        self, given: pytest.MonkeyPatch, urls: Mapping[str, str]
    ) -> None:
        assert roles.main() == 0
        for login in LOGINS:
            connect(urls[login]).close()

    def test_reads_secrets_from_files_too(
        self, given: pytest.MonkeyPatch, urls: Mapping[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "db_nw").write_text(f"{urls['NW']}\n")
        given.delenv("EIGYO_DB_NW")
        given.setenv("EIGYO_DB_NW_FILE", str(tmp_path / "db_nw"))
        assert roles.main() == 0
        connect(urls["NW"]).close()

    def test_refuses_a_login_under_the_name_of_another(
        self,
        given: pytest.MonkeyPatch,
        urls: Mapping[str, str],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        given.setenv("EIGYO_DB_RETAIL", urls["NW"])
        assert roles.main() == 1
        assert "EIGYO_DB_RETAIL" in capsys.readouterr().err


def catalogue(inside: psycopg.Connection) -> list[tuple[object, ...]]:
    """Return everything that says who may do what."""
    return inside.execute(
        "SELECT 'role', rolname, rolcanlogin::text, rolinherit::text, rolconfig::text FROM pg_roles"
        " UNION ALL SELECT 'member', roleid::regrole::text, member::regrole::text, "
        "inherit_option::text, set_option::text FROM pg_auth_members"
        " UNION ALL SELECT 'schema', nspname, nspacl::text, nspowner::regrole::text, ''"
        " FROM pg_namespace WHERE nspname !~ '^pg_'"
        " UNION ALL SELECT 'database', datname, datacl::text, datdba::regrole::text, ''"
        " FROM pg_database"
        " UNION ALL SELECT 'default', defaclrole::regrole::text, defaclobjtype::text, "
        "defaclacl::text, defaclnamespace::regnamespace::text FROM pg_default_acl"
        " UNION ALL SELECT 'language', lanname, lanacl::text, '', '' FROM pg_language"
        " ORDER BY 1, 2, 3, 4, 5"
    ).fetchall()
