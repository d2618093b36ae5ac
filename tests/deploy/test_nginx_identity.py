"""The shipped proxy configuration in a real nginx, in front of an application that writes down
what reaches it: nobody gets through without a certificate, and nobody speaks in the proxy's name.
"""

import datetime
import http.client
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import crossplane
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.servers import free_port

PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "nginx"
SECRET = "the-secret-between-proxy-and-application"
HOSTS = {"nw": "nw.eigyo.example", "retail": "retail.eigyo.example"}
IDENTITY = ("x-eigyo-proxy-secret", "x-eigyo-client-verify", "x-eigyo-client-cert")
FORGED = (
    "X-Eigyo-Client-Verify: SUCCESS",
    "X-Eigyo-Client-Cert: forged",
    "X-Eigyo-Proxy-Secret: forged",
)
FORGERIES = [
    pytest.param(FORGED, id="as the application reads them"),
    pytest.param(tuple(line.lower() for line in FORGED), id="in lower case"),
    pytest.param(FORGED + FORGED, id="twice"),
    pytest.param(tuple(line.replace("-", "_") for line in FORGED), id="with underscores"),
    pytest.param(FORGED + tuple(line.replace("X-Eigyo-", "X-Eigyo_") for line in FORGED), id="mixed"),
    pytest.param(("X-Eigyo-Terminal: forged", "X-Eigyo-Staff: forged"), id="under other names"),
]
FORGED_ROUTE = (
    "X-Forwarded-For: forged",
    "X-Forwarded-Proto: forged",
    "X-Forwarded-Host: forged",
    "X_Forwarded_Host: forged",
    "X-Real-IP: forged",
    "X-HTTP-Method-Override: forged",
    "Forwarded: for=forged",
)
NOW = datetime.datetime.now(datetime.UTC)
A_DAY = datetime.timedelta(days=1)

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="*** nginx が入っていないため、偽の端末の検査を実行していません ***"
)


@dataclass
class Authority:
    """A certificate authority for one test run."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])

    def certificate(self) -> x509.Certificate:
        return (
            self._builder(self.subject, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def issue(self, folder: Path, name: str, *, host: str | None = None) -> x509.Certificate:
        """Write name.crt and name.key into the folder."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key.public_key())
        if host:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / f"{name}.key").write_bytes(private)
        return certificate

    def revocations(self, *revoked: x509.Certificate) -> bytes:
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.subject)
        builder = builder.last_update(NOW - A_DAY).next_update(NOW + A_DAY)
        for certificate in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(NOW - A_DAY).build())
        crl = builder.sign(self.key, hashes.SHA256())
        return crl.public_bytes(serialization.Encoding.PEM)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - A_DAY)
            .not_valid_after(NOW + A_DAY)
        )


class Application:
    """A stand-in for the web process that keeps every request it receives."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, list[tuple[str, str]]]] = []
        kept = self.requests

        class Handler(BaseHTTPRequestHandler):
            def keep(self) -> None:
                kept.append((self.path, [(k.lower(), v) for k, v in self.headers.items()]))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST = keep

            def log_message(self, *arguments: object) -> None:
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass(frozen=True)
class Answer:
    status: int
    text: str


@dataclass
class Proxy:
    """A running nginx with the shipped configuration."""

    folder: Path
    port: int
    applications: dict[str, Application]
    terminal: x509.Certificate

    def send(
        self,
        side: str,
        path: str = "/",
        *,
        headers: tuple[str, ...] = (),
        certificate: str | None = "terminal",
        host: str | None = None,
        body: bytes = b"",
    ) -> "Answer":
        """Send one request exactly as written and read the answer."""
        method = "POST" if body else "GET"
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or HOSTS.get(side, side)}", *headers]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        with self._connect(side, certificate) as connection:
            connection.sendall("\r\n".join(lines).encode() + body)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return Answer(response.status, response.read().decode())

    def _connect(self, name: str, certificate: str | None) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.folder / "server_ca.crt"))
        if certificate:
            files = (self.folder / f"{certificate}.crt", self.folder / f"{certificate}.key")
            context.load_cert_chain(*files)
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return context.wrap_socket(raw, server_hostname=HOSTS.get(name, name))

    def seen(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return what reached any application."""
        return [request for each in self.applications.values() for request in each.requests]

    def logs(self) -> str:
        """Return everything nginx wrote about requests."""
        return "".join((self.folder / name).read_text() for name in ("access.log", "output.log"))


def render(folder: Path, *, port: int, alive: int, applications: dict[str, Application]) -> None:
    """Copy the shipped files; only addresses, places and the rate differ from the container's."""
    text = (SHIPPED / "eigyo.conf").read_text()
    replacements = {
        " /tmp/": f" {folder}/run/",
        "/run/secrets/": f"{folder}/",
        "rate=20r/s": "rate=100000r/s",
        "/dev/stdout": f"{folder}/access.log",
        "listen 8443": f"listen 127.0.0.1:{port}",
        "listen 127.0.0.1:8081": f"listen 127.0.0.1:{alive}",
        "server web-nw:8000": f"server 127.0.0.1:{applications['nw'].port}",
        "server web-retail:8000": f"server 127.0.0.1:{applications['retail'].port}",
    }
    for shipped, here in replacements.items():
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    (folder / "nginx.conf").write_text(text)
    shutil.copy(SHIPPED / "identity.conf", folder)
    errors = (SHIPPED / "errors.conf").read_text().replace("root /etc/nginx;", f"root {folder};")
    (folder / "errors.conf").write_text(errors)
    shutil.copytree(SHIPPED / "proxy-errors", folder / "proxy-errors")
    (folder / "proxy_secret.conf").write_text(f'map "" $eigyo_proxy_secret {{ default "{SECRET}"; }}\n')


def make_certificates(folder: Path) -> x509.Certificate:
    """Write every certificate of the run and return the good terminal's."""
    pem = serialization.Encoding.PEM
    servers, terminals = Authority("Server CA"), Authority("Terminal CA")
    (folder / "server_ca.crt").write_bytes(servers.certificate().public_bytes(pem))
    (folder / "terminal_ca.crt").write_bytes(terminals.certificate().public_bytes(pem))
    for side, host in HOSTS.items():
        servers.issue(folder, side, host=host)
    Authority("Terminal CA").issue(folder, "stranger")
    revoked = terminals.issue(folder, "revoked")
    (folder / "terminal_ca.crl").write_bytes(terminals.revocations(revoked))
    return terminals.issue(folder, "terminal")


@pytest.fixture(scope="module")
def running() -> Iterator[Proxy]:
    applications = {side: Application() for side in HOSTS}
    port, alive = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="eigyo-nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "run").mkdir()
        terminal = make_certificates(folder)
        render(folder, port=port, alive=alive, applications=applications)
        command = [str(PROGRAM), "-p", name, "-c", f"{name}/nginx.conf", "-g", "daemon off;"]
        with (folder / "output.log").open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_for(process, alive, folder)
            yield Proxy(folder=folder, port=port, applications=applications, terminal=terminal)
        finally:
            process.terminate()
            process.wait(10)
    for application in applications.values():
        application.stop()


def wait_for(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        assert process.poll() is None, (folder / "output.log").read_text()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/alive")
            if connection.getresponse().status == 204:
                return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise AssertionError("nginx did not answer in time")


@pytest.fixture
def proxy(running: Proxy) -> Proxy:
    for application in running.applications.values():
        application.requests.clear()
    return running


def proxied_paths() -> list[str]:
    """Return one path inside every location of the file that passes requests on."""
    parse: Any = crossplane.parse
    parsed = parse(str(SHIPPED / "eigyo.conf"), single=True, check_ctx=False)
    (http_block,) = [each for each in parsed["config"][0]["parsed"] if each["directive"] == "http"]
    found = set()
    for server in http_block["block"]:
        for location in server.get("block", []):
            if any(each["directive"] == "proxy_pass" for each in location.get("block", [])):
                found.add(f"{location['args'][-1]}probe?q=1")
    return sorted(found)


every_place = pytest.mark.parametrize(
    ("side", "path"), [(side, path) for side in HOSTS for path in proxied_paths()]
)


class TestWithoutAValidCertificate:
    @every_place
    def test_a_terminal_gets_400_and_nothing_reaches_the_application(
        self, proxy: Proxy, side: str, path: str
    ) -> None:
        answer = proxy.send(side, path, certificate=None, headers=FORGED)
        assert answer.status == 400
        assert "端末の証明書を確認できません" in answer.text
        assert proxy.seen() == []

    @pytest.mark.parametrize("certificate", ["stranger", "revoked"])
    @every_place
    def test_another_authority_and_a_revoked_terminal_get_no_further(
        self, proxy: Proxy, side: str, path: str, certificate: str
    ) -> None:
        assert proxy.send(side, path, certificate=certificate).status == 400
        assert proxy.seen() == []


class TestForgedIdentity:
    @pytest.mark.parametrize("forged", FORGERIES)
    @every_place
    def test_is_replaced_by_the_word_of_the_proxy(
        self, proxy: Proxy, side: str, path: str, forged: tuple[str, ...]
    ) -> None:
        assert proxy.send(side, path, headers=forged).status == 200
        ((seen_path, headers),) = proxy.seen()
        assert seen_path == path
        identity = [pair for pair in headers if pair[0].replace("_", "-").startswith("x-eigyo-")]
        assert sorted(name for name, _ in identity) == sorted(IDENTITY)
        words = dict(identity)
        assert words["x-eigyo-proxy-secret"] == SECRET
        assert words["x-eigyo-client-verify"] == "SUCCESS"
        shown = x509.load_pem_x509_certificate(unquote(words["x-eigyo-client-cert"]).encode())
        assert shown == proxy.terminal

    @every_place
    def test_of_the_route_is_replaced_too(self, proxy: Proxy, side: str, path: str) -> None:
        proxy.send(side, path, headers=FORGED_ROUTE)
        ((_, headers),) = proxy.seen()
        words = dict(headers)
        assert words["x-forwarded-for"] == "127.0.0.1"
        assert words["x-forwarded-proto"] == "https"
        assert words["host"] == HOSTS[side]
        assert "forged" not in str(headers)


class TestTheTwoSides:
    @pytest.mark.parametrize("side", HOSTS)
    def test_each_name_reaches_only_its_own_application(self, proxy: Proxy, side: str) -> None:
        proxy.send(side, "/where")
        reached = [name for name, each in proxy.applications.items() if each.requests]
        assert reached == [side]

    def test_a_connection_opened_for_one_side_cannot_ask_the_other(self, proxy: Proxy) -> None:
        assert proxy.send("nw", host=HOSTS["retail"]).status == 421
        assert proxy.seen() == []

    def test_an_unknown_name_is_not_answered(self, proxy: Proxy) -> None:
        with pytest.raises(ssl.SSLError):
            proxy.send("other.eigyo.example")
        assert proxy.seen() == []


class TestWhatTheProxyKeepsToItself:
    def test_search_terms_are_in_no_log(self, proxy: Proxy) -> None:
        proxy.send("nw", "/points/?name=SEARCHED-NAME", headers=("Referer: /?q=SEARCHED-NAME",))
        proxy.send("nw", "/points/?name=SEARCHED-NAME", certificate=None)
        assert "/points/" in proxy.logs()
        assert "SEARCHED-NAME" not in proxy.logs()

    def test_a_large_body_is_refused_before_the_application(self, proxy: Proxy) -> None:
        answer = proxy.send("nw", "/", body=b"x" * (1024 * 1024 + 1))
        assert answer.status == 413
        assert "送信できる大きさを超えています" in answer.text
        assert proxy.seen() == []

    def test_a_missing_application_gives_a_page_without_data_and_logs_no_terms(self, proxy: Proxy) -> None:
        proxy.applications["retail"].stop()
        answer = proxy.send("retail", "/points/?name=SEARCHED-NAME")
        assert answer.status == 503
        assert "お客さま情報は表示されていません" in answer.text
        assert "SEARCHED-NAME" not in proxy.logs()
