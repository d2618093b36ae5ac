"""Identity headers sent to the application itself, at every URL (through nginx: `tests/deploy`)."""

import pytest
from django.test import Client

from tests.guarantees.report import report
from tests.house.matrix import TABLE
from tests.terminals.test_proxy_identity import IDENTITY, SECRET, through_proxy

GUARDED = sorted(set(TABLE) - {"healthz"})
FORGED = [*IDENTITY, through_proxy(), through_proxy(secret="guess")]
WITHOUT_THE_SECRET = [{}, *(each for each in FORGED if each.get("X-Eigyo-Proxy-Secret") != SECRET)]


@pytest.fixture(scope="module", autouse=True)
def covered() -> None:
    """Print what the module goes through."""
    table = report("Forged identity on the application's own port", "the process", "URLs", "forgeries")
    table.add("without a proxy", len(GUARDED), len(FORGED))
    table.add("behind a proxy", len(GUARDED), len(WITHOUT_THE_SECRET))


@pytest.mark.parametrize("name", GUARDED)
def test_without_a_proxy_every_identity_header_ends_the_request_even_of_an_officer(town, name):
    officer = town.client("officer")
    for client in (Client(), officer):
        for headers in FORGED:
            answer = client.get(town.address(name), headers=headers)
            assert (answer.status_code, answer.content) == (400, b"400"), headers


@pytest.mark.parametrize("name", GUARDED)
def test_behind_a_proxy_nobody_gets_in_without_its_secret(town, settings, name):
    settings.PROXY_SECRET = SECRET
    officer = town.client("officer")
    for client in (Client(), officer):
        for headers in WITHOUT_THE_SECRET:
            answer = client.get(town.address(name), headers=headers)
            assert (answer.status_code, answer.content) == (400, b"400"), headers
