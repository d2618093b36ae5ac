"""docker-compose.yml, read as data: who holds which password, what is open, what is watched."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from deploy import make_secrets, servers

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOTS = {"bootstrap", "migrate", "archivist"}
HOLDERS = {
    "proxy": set(),
    "web-nw": {"db_default", "db_nw", "db_audit", "db_log"},
    "web-retail": {"db_default", "db_retail", "db_audit"},
    "worker": {"db_default", "db_feed", "db_audit", "db_log"},
    "beat": set(),
    "sealer": {"db_seal"},
    "witness": set(),
    "archivist": {"db_audit", "db_retain"},
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


class TestReadLog:
    @pytest.mark.parametrize(("key", "holder"), [("log_key", "sealer"), ("witness_key", "witness")])
    def test_each_signing_key_is_held_by_one_process(self, key: str, holder: str) -> None:
        assert {name for name in SERVICES if key in secrets(name)} == {holder}

    def test_the_sealer_holds_its_login_its_key_and_the_broker_and_nothing_else(self) -> None:
        assert secrets("sealer") == {"db_seal", "log_key", "redis_url"}

    def test_the_witness_knows_neither_database_nor_broker_nor_secrets_of_the_log_s_side(self) -> None:
        assert secrets("witness") == {"witness_key"}
        assert set(environment("witness")) == {
            "EIGYO_LOG_POLICY",
            "EIGYO_WITNESS_NAME",
            "EIGYO_WITNESS_KEY_FILE",
            "EIGYO_WITNESS_STORE",
        }

    def test_the_witness_is_reached_by_the_sealer_alone_and_starts_without_anybody(self) -> None:
        networks = set(SERVICES["witness"]["networks"])
        assert {name for name in SERVICES if networks & set(SERVICES[name]["networks"])} == {
            "sealer",
            "witness",
        }
        assert "depends_on" not in SERVICES["witness"]

    def test_tiles_are_written_by_the_sealer_and_only_read_by_those_who_show_and_verify_them(self) -> None:
        mounts = {name: [each.split(":") for each in SERVICES[name].get("volumes", [])] for name in SERVICES}
        folders = {
            (name, mount[1], mount[2:] == ["ro"])
            for name, given in mounts.items()
            for mount in given
            if mount[0] == "read-log"
        }
        folder = environment("sealer")["EIGYO_LOG_FOLDER"]
        readers = {(name, folder, True) for name in ("web-nw", "worker", "archivist")}
        assert folders == readers | {("sealer", folder, False)}
        assert [name for name, given in mounts.items() for each in given if each[0] == "witness"] == [
            "witness"
        ]

    def test_exports_are_written_by_the_worker_and_handed_out_by_the_network_company_s_web_process(
        self,
    ) -> None:
        place = {name: environment(name).get("EIGYO_LOG_EXPORTS") for name in SERVICES}
        assert {name: f"exports:{folder}" for name, folder in place.items() if folder} == {
            "web-nw": SERVICES["web-nw"]["volumes"][1].removesuffix(":ro"),
            "worker": SERVICES["worker"]["volumes"][1],
        }

    def test_only_who_keeps_months_may_ask_for_a_drop_and_only_on_demand(self) -> None:
        assert {name for name in SERVICES if "db_retain" in secrets(name)} == {"archivist", "bootstrap"}
        assert SERVICES["archivist"]["profiles"] == ["archive"]
        assert f"archive:{environment('archivist')['EIGYO_LOG_ARCHIVE']}" in SERVICES["archivist"]["volumes"]

    @every_service
    def test_the_trust_policy_is_mounted_where_it_is_named(self, name: str) -> None:
        mounted = [each["target"] for each in SERVICES[name].get("configs", [])]
        named = [value for key, value in environment(name).items() if key == "EIGYO_LOG_POLICY"]
        assert mounted == named
        assert bool(named) == (name in {"web-nw", "worker", "sealer", "witness", "archivist"})

    def test_the_trust_policy_is_written_by_the_operator(self) -> None:
        assert COMPOSE["configs"] == {"policy": {"file": "./deploy/policy.txt"}}
        assert "/deploy/policy.txt" in (CHECKOUT / ".gitignore").read_text().splitlines()
        assert "deploy/policy.txt" in (CHECKOUT / ".dockerignore").read_text().splitlines()

    def test_the_sealer_takes_what_the_schedule_sends_to_it_and_nothing_else_does(self) -> None:
        routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
        command = SERVICES["sealer"]["command"]
        assert {command[command.index("--queues") + 1]} == routed
        assert "--queues" not in SERVICES["worker"]["command"]

    def test_ticks_that_come_too_late_are_dropped(self) -> None:
        ticks = [
            each
            for each in settings.CELERY_BEAT_SCHEDULE.values()
            if settings.CELERY_TASK_ROUTES.get(each["task"], {}).get("queue") == "seal"
        ]
        assert len(ticks) == len(settings.CELERY_TASK_ROUTES)
        assert all(0 < each["options"]["expires"] <= 10 for each in ticks)


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
        for name in ("web-nw", "web-retail", "worker", "beat", "sealer"):
            condition = SERVICES[name]["depends_on"]["migrate"]["condition"]
            assert condition == "service_completed_successfully"

    def test_the_database_logs_no_values_as_in_the_embedded_server(self) -> None:
        command = SERVICES["postgres"]["command"]
        for setting in ("log_error_verbosity", "log_min_error_statement", "password_encryption"):
            assert f"{setting}={servers.POSTGRESQL_SETTINGS[setting]}" in command
