"""Programs that are not ours agree about our log: sigstore and pymerkle in Python, golang.org/x/mod in Go."""

import base64
import json
import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pymerkle
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore._internal.trust import Keyring
from sigstore.errors import VerificationError
from sigstore_models.common import v1 as sigstore_common

from audit import log, tree
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.note import LOG, Signer
from audit.tiles import Tiles
from tests.audit.conftest import ORIGIN, entry

GO_PROGRAM = Path(__file__).with_name("interoperability") / "main.go"
GO_PACKAGES = "apt-get install golang-go golang-golang-x-mod-dev"
OLDER, SIZE = 300, 700


@dataclass
class Published:
    """A log with two published checkpoints, the newer one with its tiles, and its leaves as the database has them."""

    folder: Path
    signer: Signer
    older: str
    leaves: list[str]

    @property
    def note(self) -> str:
        return (self.folder / "checkpoint").read_text()

    @property
    def checkpoint(self) -> Checkpoint:
        return open_checkpoint(self.note, [self.signer.key])[0]

    def inclusion(self, index: int) -> list[bytes]:
        return tree.inclusion_proof(Tiles(self.folder, SIZE).node, index, SIZE)

    def consistency(self) -> list[bytes]:
        return tree.consistency_proof(Tiles(self.folder, SIZE).node, OLDER, SIZE)


@pytest.fixture
def published(sealed_log, superuser) -> Published:
    """Write 700 entries, publish after 300 and at the end."""
    log.append([entry() for _ in range(OLDER)])
    sealed_log.seals()
    sealed_log.publishes()
    older = (sealed_log.folder / "checkpoint").read_text()
    log.append([entry() for _ in range(SIZE - OLDER)])
    sealed_log.seals()
    sealed_log.publishes()
    rows = superuser.execute("SELECT payload FROM leaf l JOIN entry e ON e.id = l.entry ORDER BY index")
    signer = Signer.from_seed(ORIGIN, LOG, sealed_log.log_seed)
    return Published(sealed_log.folder, signer, older, [payload for (payload,) in rows])


class TestPymerkle:
    def test_finds_our_roots(self, published):
        theirs = pymerkle.InmemoryTree(algorithm="sha256")
        theirs.append_entries([payload.encode() for payload in published.leaves])
        for size in (1, 2, 255, 256, 257, OLDER, SIZE):
            assert theirs.get_root(size) == tree.root(Tiles(published.folder, SIZE).node, size)
        assert theirs.get_root() == published.checkpoint.root


class TestSigstore:
    def entry(self, published, index, **changes):
        """Our proof in the shape in which sigstore reads one."""
        proof = {
            "log_index": index,
            "tree_size": SIZE,
            "hashes": published.inclusion(index),
            "root_hash": published.checkpoint.root,
            "checkpoint": SimpleNamespace(envelope=published.note),
        }
        key_id = SimpleNamespace(key_id=published.signer.key.key_id)
        body = changes.pop("body", published.leaves[index].encode())
        return SimpleNamespace(
            _inner=SimpleNamespace(
                inclusion_proof=SimpleNamespace(**proof | changes), canonicalized_body=body, log_id=key_id
            )
        )

    def keyring(self, signer):
        der = signer.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        details = sigstore_common.PublicKeyDetails.PKIX_ED25519
        key = sigstore_common.PublicKey(raw_bytes=base64.b64encode(der), key_details=details)
        return Keyring([key])

    def test_accepts_our_proof_of_every_tenth_entry(self, published):
        for index in [*range(0, SIZE, 10), SIZE - 1]:
            verify_merkle_inclusion(self.entry(published, index))

    def test_accepts_our_checkpoint_beside_the_line_of_a_witness_it_does_not_know(self, published):
        assert published.note.count("— ") == 2
        verify_checkpoint(self.keyring(published.signer), self.entry(published, 0))

    def test_refuses_another_entry_another_place_and_another_key(self, published):
        for changes in ({"body": b"{}"}, {"log_index": 8}, {"root_hash": sha256(b"").digest()}):
            with pytest.raises(VerificationError):
                verify_merkle_inclusion(self.entry(published, 7, **changes))
        with pytest.raises(VerificationError):
            verify_checkpoint(
                self.keyring(Signer.from_seed(ORIGIN, LOG, "99" * 32)), self.entry(published, 0)
            )


@pytest.fixture(scope="module")
def go(tmp_path_factory) -> Path:
    """The Go program, built from the system's packages alone."""
    if shutil.which("go") is None:
        pytest.skip(f"Go がないため、Go の sumdb では確かめていません（{GO_PACKAGES}）")
    folder = tmp_path_factory.mktemp("go")
    environment = {
        "PATH": os.environ["PATH"],
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(folder / "cache"),
        "GOTOOLCHAIN": "local",
    }
    if subprocess.run(
        ["go", "list", "golang.org/x/mod/sumdb/tlog"], env=environment, capture_output=True
    ).returncode:
        pytest.skip(f"Go に golang.org/x/mod がないため、sumdb では確かめていません（{GO_PACKAGES}）")
    program = folder / "check"
    subprocess.run(["go", "build", "-o", program, GO_PROGRAM], env=environment, check=True)
    return program


class TestGo:
    def asked(self, go, published, index=OLDER, **changes):
        """Return what the program says about an entry, our proofs and both checkpoints."""
        question = {
            "Folder": str(published.folder),
            "Key": str(published.signer.key),
            "Older": published.older,
            "Leaf": published.leaves[index],
            "Index": index,
            "Inclusion": [base64.b64encode(node).decode() for node in published.inclusion(index)],
            "Consistency": [base64.b64encode(node).decode() for node in published.consistency()],
        } | changes
        done = subprocess.run([go], input=json.dumps(question), capture_output=True, text=True)
        return done.stdout.strip() or done.stderr.strip()

    def test_opens_our_checkpoints_reads_our_tiles_and_accepts_our_proofs(self, go, published):
        for index in (0, 255, 256, SIZE - 1, *random.Random(1).sample(range(SIZE), 4)):
            assert self.asked(go, published, index) == str(SIZE)

    def test_refuses_what_is_not_so(self, go, published):
        other = str(Signer.from_seed(ORIGIN, LOG, "99" * 32).key)
        proof = [base64.b64encode(sha256(b"other").digest()).decode()]
        assert self.asked(go, published, Key=other).startswith("checkpoint:")
        assert self.asked(go, published, Leaf="{}").startswith("inclusion:")
        assert self.asked(go, published, Index=1).startswith("inclusion:")
        assert self.asked(go, published, Consistency=proof).startswith("consistency:")
        assert self.asked(go, published, Older=published.older.replace(f"\n{OLDER}\n", "\n299\n")).startswith(
            "older checkpoint:"
        )

    def test_notices_one_changed_byte_in_a_tile(self, go, published):
        tile = published.folder / "tile/0/001"
        tile.write_bytes(tile.read_bytes()[:-1] + b"x")
        assert self.asked(go, published, index=0).startswith("tiles:")
