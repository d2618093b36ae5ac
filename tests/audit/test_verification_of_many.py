"""More entries than a chunk: verified in parallel, from where the last verification ended, tiles of the second level."""

import pytest
from django.utils import timezone

from audit import operations
from audit.chunks import CHUNK
from audit.tiles import tile_path
from tests.audit.conftest import published, unguarded

ENTRIES = """
INSERT INTO entry (payload)
SELECT '{"action":"open","fields":["number"],"outcome":"allowed","request":"r' || number || '"}'
FROM generate_series(1, %s) AS number
"""


@pytest.fixture
def two_chunks(sealed_log, superuser):
    """A chunk and three hundred entries more, published."""
    superuser.execute("DELETE FROM verification")
    superuser.execute(ENTRIES, [CHUNK + 300])
    published(sealed_log)
    return sealed_log


def verify(first=None):
    return operations.verify(asked_by="NW-0009", clock=timezone.now, first=first)


def test_what_was_found_good_is_left_to_the_verification_from_the_beginning(two_chunks, superuser):
    everything = verify()
    assert everything.is_fine, everything.findings
    assert (everything.first, everything.size) == (0, CHUNK + 300)
    with unguarded(superuser, "entry"):
        superuser.execute(
            "UPDATE entry SET payload = replace(payload, 'open', 'list') WHERE id = (SELECT entry FROM leaf WHERE index = 7)"
        )
    since = verify()
    assert (since.first, since.is_fine) == (CHUNK, True)
    assert verify(first=0).first_bad.index == 7


@pytest.mark.parametrize("content", [None, bytes(256 * 32)], ids=["lost", "changed"])
def test_a_tile_of_the_second_level_is_named(two_chunks, content):
    path = two_chunks.folder / tile_path(1, 0)
    path.unlink() if content is None else path.write_bytes(content)
    found = [(each.index, each.message) for each in verify(first=0).findings]
    words = (
        "タイルがありません（tile/1/000）。" if content is None else "上の段のタイルが下の段と合いません。"
    )
    assert (0, words) in found
