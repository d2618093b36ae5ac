"""A web process of the product on clusters of its own, and two people who use it through HTTP."""

import json
import sys
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import urlencode

from deploy import servers
from deploy.processes import Account, Child, start
from deploy.run import _is_healthy
from deploy.state import CHECKOUT
from tests.deploy.clusters import MIGRATE, Cluster, TwoClusters
from tests.guarantees.markup import Node, tree

GUNICORN = ("--config", CHECKOUT / "deploy" / "gunicorn.py", "--no-control-socket", "--workers", "1")
TOKEN = "a" * 32
PEOPLE = f"""
from tests.people import build_region
region = build_region()
people = {{"clerk": region.nw_clerk(), "officer": region.officer()}}
print(json.dumps({{
    who: "; ".join(
        ["csrftoken={TOKEN}", *(f"{{name}}={{morsel.value}}" for name, morsel in person.client.cookies.items())]
    )
    for who, person in people.items()
}}))
"""
# The sealer's turn: seal what is there, publish it, and have it verified for an officer.
SEALS = """
import json
import django
django.setup()
from django.utils import timezone
from audit import operations, publication
from audit.sealer import SealingRefused
fine, refused = False, ""
try:
    operations.seal_everything(at=timezone.now())
    operations.publish(at=timezone.now())
    fine = operations.verify(asked_by="N-10002", clock=timezone.now).is_fine
except SealingRefused as reason:
    refused = str(reason)
print(json.dumps({"refused": refused, "fine": fine, "published": publication.published().size}))
"""


@dataclass(frozen=True)
class Answer:
    """What came back, and the page as a tree."""

    status: int
    body: str

    @property
    def page(self) -> Node:
        return tree(self.body)

    @property
    def text(self) -> str:
        return self.page.text


@dataclass
class Office:
    """The web process, a clerk and an officer, the log and its standby."""

    clusters: TwoClusters
    standby: Cluster
    port: int = field(default_factory=servers.free_port)
    web: Child | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Cluster:
        return self.clusters.log

    def fills(self) -> None:
        """Make tables and region, with a clerk and an officer who are signed in."""
        self.cookies = json.loads(self.clusters.runs("-c", MIGRATE + PEOPLE).splitlines()[-1])

    def opens(self) -> "Office":
        self.web = start(
            "web",
            [sys.executable, "-m", "gunicorn", *GUNICORN, "--bind", f"127.0.0.1:{self.port}"],
            log=self.clusters.folder / "web.log",
            environment=self.clusters.environment
            | {"DJANGO_SETTINGS_MODULE": "tests.deploy.office_settings"},
            account=Account(),
            directory=CHECKOUT,
        )
        servers.wait_until(lambda: _is_healthy(f"http://127.0.0.1:{self.port}"), child=self.web)
        return self

    def closes(self) -> None:
        if self.web:
            self.web.stop()
            self.web = None

    def clerk(self, url: str) -> Answer:
        return self._asks("clerk", "GET", url)

    def officer(self, url: str) -> Answer:
        return self._asks("officer", "GET", url)

    def officer_says(self, url: str, **form: str) -> Answer:
        return self._asks("officer", "POST", url, urlencode(form))

    def seals(self) -> dict[str, object]:
        return json.loads(self.clusters.runs("-c", SEALS))

    def _asks(self, who: str, method: str, url: str, body: str = "") -> Answer:
        headers = {"Cookie": self.cookies[who], "X-CSRFToken": TOKEN}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, url, body or None, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode())
        finally:
            connection.close()
