"""docker-compose.yml, read as data: who holds which password, what is open, what is watched."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import make_secrets, servers

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOTS = {"bootstrap", "migrate"}
HOLDERS = {
    "proxy": set(),
    "web-nw": {"db_default", "db_nw", "db_audit", "db_log"},
    "web-retail": {"db_default", "db_retail", "db_audit"},
    "worker": {"db_default", "db_feed", "db_audit", "db_log"},
    "beat": set(),
    "bootstrap": {f"db_{login}" for login in make_secrets.LOGINS},
    "migrate": {"db_default", "db_owner"},
    "postgres": set(),
    "valkey": set(),
}

every_service = pytest.mark.parametrize("name", SERVICES)


def environment(name: str) -> dict[str, str]:
    given = SERVICES[name].get("environment", {})
    return {key: str(value) for key, value in given.items()}


def secrets(name: str) -> set[str]:
    return set(SERVICES[name].get("secrets", []))


class TestPasswords:
    @every_service
    def test_of_the_database_are_held_only_by_those_who_need_them(self, name: str) -> None:
        assert {secret for secret in secrets(name) if secret.startswith("db_")} == HOLDERS[name]

    @every_service
    def test_are_mounted_exactly_when_they_are_named(self, name: str) -> None:
        named = {
            Path(value).name for value in environment(name).values() if value.startswith("/run/secrets/")
        }
        mounted_for_programs = {"proxy": secrets("proxy"), "valkey": secrets("valkey")}
        assert named | mounted_for_programs.get(name, set()) == secrets(name)

    @every_service
    def test_are_never_written_into_the_file(self, name: str) -> None:
        for key, value in environment(name).items():
            if re.search(r"KEY|SECRET|PASSWORD|URL|_DB_", key):
                assert key.endswith("_FILE")
                assert value.startswith("/run/secrets/")

    def test_have_no_default(self) -> None:
        text = (CHECKOUT / "docker-compose.yml").read_text()
        variables = re.findall(r"(?<!\$)\$\{([^}]*)\}", text)
        assert variables
        assert [each for each in variables if ":?" not in each] == []

    def test_of_the_administrator_are_held_by_the_bootstrap_and_the_server_alone(self) -> None:
        holders = {name for name in SERVICES if secrets(name) & {"database_url", "postgres_password"}}
        assert holders == {"bootstrap", "postgres"}

    def test_between_proxy_and_application_is_held_by_the_web_processes_alone(self) -> None:
        holders = {name for name in SERVICES if "proxy_secret" in secrets(name)}
        assert holders == {"web-nw", "web-retail"}

    def test_are_files_outside_the_repository_that_our_command_makes(self, tmp_path: Path) -> None:
        made = set(make_secrets.make(tmp_path))
        from_elsewhere = {name for name in COMPOSE["secrets"] if name.endswith((".crt", ".key"))}
        assert made == set(COMPOSE["secrets"]) - from_elsewhere - {"terminal_ca.crl"}
        for name, secret in COMPOSE["secrets"].items():
            assert secret == {"file": f"./deploy/secrets/{name}"}
        assert "/deploy/secrets/" in (CHECKOUT / ".gitignore").read_text().splitlines()
        assert "deploy/secrets" in (CHECKOUT / ".dockerignore").read_text().splitlines()


class TestGeneratedSecrets:
    def test_fit_together(self, tmp_path: Path) -> None:
        make_secrets.make(tmp_path)
        text = {path.name: path.read_text().strip() for path in tmp_path.iterdir()}
        assert text["proxy_secret"] in text["proxy_secret.conf"]
        assert text["postgres_password"] in text["database_url"]
        assert text["valkey_password"] in text["redis_url"]
        assert text["valkey.conf"] == f"requirepass {text['valkey_password']}"

    def test_stay_as_they_are_when_made_again(self, tmp_path: Path) -> None:
        make_secrets.make(tmp_path)
        (tmp_path / "db_nw").unlink()
        before = {path.name: path.read_text() for path in tmp_path.iterdir()}
        assert make_secrets.make(tmp_path) == ["db_nw"]
        assert {name: (tmp_path / name).read_text() for name in before} == before

    def test_are_closed_to_other_accounts_of_the_host(self, tmp_path: Path) -> None:
        make_secrets.make(tmp_path / "secrets")
        assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


class TestDoors:
    @every_service
    def test_only_the_proxy_is_open_to_the_outside(self, name: str) -> None:
        assert ("ports" in SERVICES[name]) == (name == "proxy")
        assert SERVICES[name].get("network_mode") is None

    @every_service
    def test_only_proxy_and_mail_leave_the_internal_networks(self, name: str) -> None:
        open_networks = {each for each, value in COMPOSE["networks"].items() if not value}
        used = set(SERVICES[name]["networks"]) & open_networks
        assert used == {"proxy": {"outside"}, "worker": {"mail"}}.get(name, set())

    def test_the_sides_share_no_network(self) -> None:
        both = set(SERVICES["web-nw"]["networks"]) & set(SERVICES["web-retail"]["networks"])
        assert both == set()

    def test_the_proxy_cannot_reach_the_servers_of_the_data(self) -> None:
        for server in ("postgres", "valkey"):
            shared = set(SERVICES["proxy"]["networks"]) & set(SERVICES[server]["networks"])
            assert shared == set()

    @every_service
    def test_no_service_may_gain_privileges(self, name: str) -> None:
        service = SERVICES[name]
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        assert "privileged" not in service

    @every_service
    def test_no_service_runs_as_root(self, name: str) -> None:
        dockerfile = (CHECKOUT / "Dockerfile").read_text()
        if SERVICES[name]["image"] == "eigyo:current":
            assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE) == ["10001:10001"]
        else:
            assert SERVICES[name]["user"] in {"nginx", "postgres", "valkey"}


class TestWatch:
    @every_service
    def test_every_service_that_stays_has_a_health_check(self, name: str) -> None:
        assert ("healthcheck" in SERVICES[name]) == (name not in ONE_SHOTS)
        assert (SERVICES[name]["restart"] == "no") == (name in ONE_SHOTS)

    def test_nothing_of_ours_starts_before_the_tables_are_there(self) -> None:
        for name in ("web-nw", "web-retail", "worker", "beat"):
            condition = SERVICES[name]["depends_on"]["migrate"]["condition"]
            assert condition == "service_completed_successfully"

    def test_the_database_logs_no_values_as_in_the_embedded_server(self) -> None:
        command = SERVICES["postgres"]["command"]
        for setting in ("log_error_verbosity", "log_min_error_statement", "password_encryption"):
            assert f"{setting}={servers.POSTGRESQL_SETTINGS[setting]}" in command
