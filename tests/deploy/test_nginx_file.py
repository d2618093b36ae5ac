"""The proxy's configuration file, read as text: the rules that no later edit may break."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import crossplane
import pytest

NGINX = Path(__file__).resolve().parents[2] / "deploy" / "nginx"
FILES = ("eigyo.conf", "errors.conf", "identity.conf")
IDENTITY = {
    "X-Eigyo-Proxy-Secret": "$eigyo_proxy_secret",
    "X-Eigyo-Client-Verify": "$ssl_client_verify",
    "X-Eigyo-Client-Cert": "$ssl_client_escaped_cert",
}

Directive = dict[str, Any]


def directives(name: str) -> list[Directive]:
    """Return the directives of one file without following its includes."""
    parse: Any = crossplane.parse
    parsed = parse(str(NGINX / name), single=True, check_ctx=False, check_args=False, comments=False)
    assert parsed["status"] == "ok", parsed["errors"]
    found: list[Directive] = parsed["config"][0]["parsed"]
    return found


def everything(inside: list[Directive]) -> Iterator[Directive]:
    """Yield directives at every depth."""
    for directive in inside:
        yield directive
        yield from everything(directive.get("block", []))


def values(name: str) -> list[list[str]]:
    """Return the arguments of every directive of a name, in all files."""
    return [
        directive["args"]
        for file in FILES
        for directive in everything(directives(file))
        if directive["directive"] == name
    ]


def locations() -> list[Any]:
    return [
        pytest.param(directive, id=f"{file}:{directive['line']} {' '.join(directive['args'])}")
        for file in FILES
        for directive in everything(directives(file))
        if directive["directive"] == "location"
    ]


class TestEveryLocation:
    @pytest.mark.parametrize("location", locations())
    def test_includes_the_identity_headers(self, location: Directive) -> None:
        included = [each["args"] for each in location["block"] if each["directive"] == "include"]
        assert included == [["identity.conf"]]

    @pytest.mark.parametrize("location", locations())
    def test_sets_no_proxied_header_of_its_own(self, location: Directive) -> None:
        names = {each["directive"] for each in everything(location["block"])}
        assert "proxy_set_header" not in names
        assert "proxy_pass_request_headers" not in names

    def test_is_in_a_file_these_tests_read(self) -> None:
        assert {path.name for path in NGINX.glob("*.conf")} == set(FILES)


class TestIdentityHeaders:
    def test_are_set_nowhere_else(self) -> None:
        for file in ("eigyo.conf", "errors.conf"):
            names = {each["directive"] for each in everything(directives(file))}
            assert "proxy_set_header" not in names

    def test_carry_the_word_of_the_proxy(self) -> None:
        headers = dict(values("proxy_set_header"))
        assert {name: headers[name] for name in IDENTITY} == IDENTITY

    def test_are_each_set_once(self) -> None:
        names = [name.lower() for name, _ in values("proxy_set_header")]
        assert len(names) == len(set(names))

    def test_clear_every_other_name_of_ours(self) -> None:
        others = {
            name: value
            for name, value in values("proxy_set_header")
            if name.startswith("X-Eigyo-") and name not in IDENTITY
        }
        assert others
        assert set(others.values()) == {""}


class TestTheDoor:
    def test_demands_a_client_certificate_everywhere(self) -> None:
        assert values("ssl_verify_client") == [["on"]]

    def test_trusts_one_authority_and_reads_its_revocations(self) -> None:
        assert len(values("ssl_client_certificate")) == 1
        assert len(values("ssl_crl")) == 1
        assert values("ssl_trusted_certificate") == []

    def test_speaks_only_current_tls(self) -> None:
        assert values("ssl_protocols") == [["TLSv1.2", "TLSv1.3"]]

    def test_resumes_no_session_across_the_two_sides(self) -> None:
        assert values("ssl_session_cache") == [["off"]]
        assert values("ssl_session_tickets") == [["off"]]

    def test_drops_header_names_with_underscores(self) -> None:
        assert values("underscores_in_headers") == [["off"]]
        assert values("ignore_invalid_headers") == [["on"]]

    def test_listens_in_the_clear_on_loopback_only(self) -> None:
        plain = [arguments[0] for arguments in values("listen") if "ssl" not in arguments]
        assert plain == ["127.0.0.1:8081"]

    def test_takes_large_bodies_only_where_files_without_customers_are_delivered(self) -> None:
        places = [parameter.values[0] for parameter in locations()]
        large = {
            place["args"][-1]
            for place in places
            if any(each["directive"] == "client_max_body_size" for each in place["block"])
        }
        assert large == {"/ledger/", "/room-entries/", "/api/v1/ledger/", "/api/v1/room-entries/"}
        assert sorted(values("client_max_body_size")) == [["1m"], *[["64m"]] * len(large)]


class TestLogs:
    def test_name_no_variable_that_carries_search_terms(self) -> None:
        written = " ".join(" ".join(arguments) for arguments in values("log_format"))
        for variable in ("$request ", '$request"', "$request_uri", "$args", "$query_string"):
            assert variable not in written
        for variable in ("$uri", "$http_referer", "$request_body", "$is_args", "$arg_"):
            assert variable not in written

    def test_use_that_format_or_are_off(self) -> None:
        assert {arguments[-1] for arguments in values("access_log")} == {"without_query", "off"}

    def test_write_errors_only_at_the_level_without_request_lines(self) -> None:
        assert values("error_log") == [["stderr", "crit"]]


class TestErrorPages:
    def test_exist_for_every_code_the_proxy_answers_itself(self) -> None:
        pages = {arguments[-1] for arguments in values("error_page")}
        assert pages == {f"/proxy-errors/{path.name}" for path in (NGINX / "proxy-errors").iterdir()}

    def test_are_static_and_bring_nothing_from_elsewhere(self) -> None:
        for page in (NGINX / "proxy-errors").iterdir():
            text = page.read_text(encoding="utf-8")
            assert '<html lang="ja">' in text
            for sign in ("http://", "https://", "<script", "<style", "src="):
                assert sign not in text
