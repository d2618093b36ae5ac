"""Behind a proxy the client certificate is the terminal; identity headers count from nobody else."""

import datetime
import hashlib
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from django.test import Client
from django.utils import timezone

from terminals import operations
from terminals.models import EnrolmentCode, TerminalCertificate
from tests.people import OTHER_LOW, OWN_LOW

SECRET = "the-secret-between-proxy-and-application"
IDENTITY = [
    {"X-Eigyo-Client-Verify": "SUCCESS"},
    {"X-Eigyo-Client-Cert": "x"},
    {"X-Eigyo-Proxy-Secret": SECRET},
    {"X-Eigyo-Terminal": "NW-0118"},
    {"X-Eigyo-Staff": "N-10001"},
    {"x-eigyo-side": "nw"},
]


def make_certificate(name: str) -> x509.Certificate:
    """A certificate as a terminal holds it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


CERTIFICATE = make_certificate("NW-0118")
PEM = CERTIFICATE.public_bytes(Encoding.PEM).decode()
FINGERPRINT = hashlib.sha256(CERTIFICATE.public_bytes(Encoding.DER)).hexdigest()


def through_proxy(pem: str = PEM, *, verify: str = "SUCCESS", secret: str = SECRET) -> dict[str, str]:
    """The headers as the proxy sends them, the certificate escaped."""
    return {
        "X-Eigyo-Proxy-Secret": secret,
        "X-Eigyo-Client-Verify": verify,
        "X-Eigyo-Client-Cert": quote(pem, safe=""),
    }


@pytest.fixture
def proxied(region, settings):
    """The NW clerks' terminal has a registered certificate, and the process stands behind a proxy."""
    settings.PROXY_SECRET = SECRET
    return TerminalCertificate.objects.create(
        terminal=region.nw_terminal, fingerprint=FINGERPRINT, registered_at=timezone.now()
    )


def is_unknown(answer) -> bool:
    return answer.status_code == 302 and answer.headers["Location"] == "/terminal/"


class TestBehindProxy:
    def test_a_verified_certificate_is_the_terminal_it_is_registered_for(self, proxied):
        body = Client().get("/start/", headers=through_proxy()).content.decode()
        assert "NW-0118" in body
        assert "職員証をカードリーダーにかざしてください" in body

    def test_a_clerk_works_with_it_as_with_an_enrolled_device(self, region, proxied):
        clerk = region.person("nw_clerk")
        clerk.client.defaults.update(
            {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in through_proxy().items()}
        )
        assert clerk.tries_to_sign_in().status_code == 302
        clerk.posts("/start/purpose/", {"purpose": "contract_inquiry"})
        assert "秘密　太郎" in clerk.gets(f"/points/{OTHER_LOW}/").content.decode()

    @pytest.mark.parametrize(
        "path", ["/", "/start/", "/terminal/", "/help/", f"/api/v1/supply-points/{OWN_LOW}"]
    )
    def test_a_request_without_the_secret_is_refused_whatever_it_says(self, database, settings, path):
        settings.PROXY_SECRET = SECRET
        for headers in ({}, through_proxy(secret="guess"), through_proxy(secret=""), *IDENTITY[:2]):
            answer = Client().get(path, headers=headers)
            assert (answer.status_code, answer.content) == (400, b"400"), headers

    def test_only_the_proxys_own_health_check_needs_no_secret(self, proxied):
        assert Client().get("/healthz").content == b"ok"

    def test_a_revoked_certificate_is_unknown_at_the_next_request(self, region, proxied):
        assert Client().get("/start/", headers=through_proxy()).status_code == 200
        operations.revoke_certificate(proxied, by=region.cards["terminal_admin"].staff, at=timezone.now())
        assert is_unknown(Client().get("/start/", headers=through_proxy()))

    @pytest.mark.parametrize(
        "verify", ["", "NONE", "FAILED:certificate has expired", "success", "SUCCESS,SUCCESS"]
    )
    def test_a_certificate_the_proxy_has_not_verified_is_unknown(self, proxied, verify):
        assert is_unknown(Client().get("/start/", headers=through_proxy(verify=verify)))

    @pytest.mark.parametrize(
        "pem",
        [
            "",
            "garbage",
            FINGERPRINT,
            PEM[:200],
            PEM.replace("A", "?"),
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "端末証明書",
            "%00%ff",
            make_certificate("NW-0118").public_bytes(Encoding.PEM).decode(),
        ],
    )
    def test_garbage_and_a_certificate_nobody_registered_are_unknown(self, proxied, pem):
        assert is_unknown(Client().get("/start/", headers=through_proxy(pem)))

    def test_the_certificate_counts_not_the_name_in_it(self, proxied):
        TerminalCertificate.objects.update(fingerprint="0" * 64)
        assert is_unknown(Client().get("/start/", headers=through_proxy()))

    def test_an_enrolled_device_is_nothing_without_its_certificate(self, region, proxied):
        clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
        assert is_unknown(clerk.gets("/start/", headers=through_proxy("", verify="NONE")))

    def test_the_certificate_stands_above_a_cookie_of_another_terminal(self, region, proxied):
        clerk = region.person("retail_clerk").sits_at(region.retail_terminal)
        assert "NW-0118" in clerk.gets("/start/", headers=through_proxy()).content.decode()

    def test_there_is_no_enrolment_by_code(self, region, proxied):
        code = operations.issue_enrolment_code(region.retail_terminal, by=None, at=timezone.now())
        page = Client().get("/terminal/", headers=through_proxy("", verify="NONE")).content.decode()
        assert "端末証明書で確認しています" in page
        assert "T-101" in page
        assert 'name="code"' not in page
        answer = Client().post("/terminal/", {"code": code}, headers=through_proxy("", verify="NONE"))
        assert "eigyo_terminal" not in answer.cookies
        assert EnrolmentCode.objects.get(terminal=region.retail_terminal).used_at is None

    def test_a_wrong_place_is_refused_with_the_best_certificate(self, region, proxied):
        region.nw_terminal.deployments.update(place=region.places["lobby"])
        answer = Client().get("/start/", headers=through_proxy())
        assert answer.status_code == 403
        assert "P-102" in answer.content.decode()


class TestWithoutProxy:
    @pytest.mark.parametrize("headers", IDENTITY)
    def test_any_identity_header_is_a_forgery_whoever_sends_it(self, region, headers):
        clerk = region.nw_clerk()
        for path in ("/", "/start/", f"/points/{OTHER_LOW}/", f"/api/v1/supply-points/{OTHER_LOW}"):
            answer = clerk.gets(path, headers=headers)
            assert (answer.status_code, answer.content) == (400, b"400"), path

    def test_a_forged_certificate_is_no_terminal_even_when_it_is_registered(self, region):
        TerminalCertificate.objects.create(
            terminal=region.nw_terminal, fingerprint=FINGERPRINT, registered_at=timezone.now()
        )
        assert Client().get("/start/", headers=through_proxy()).status_code == 400
