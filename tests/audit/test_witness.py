"""A witness answers as C2SP tlog-witness says, remembers before it answers, and is never rolled back."""

import base64
import io
import os
import tempfile
import threading
from pathlib import Path
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import assume, given
from hypothesis import strategies as st

from audit import tree
from audit.checkpoint import Checkpoint
from audit.note import LOG, WITNESS, Signer, open_note, sign
from audit.tree import EMPTY_ROOT
from audit.witness import Request, Witness, application

NOW = 1_790_000_000
OURS = Signer.from_seed("test.invalid/read-log", LOG, "11" * 32)
STRANGER = Signer.from_seed(OURS.name, LOG, "22" * 32)
ELSEWHERE = Signer.from_seed("elsewhere.invalid/log", LOG, "33" * 32)
OFFICE = Signer.from_seed("test.invalid/witness", WITNESS, "44" * 32)
LEAVES = [tree.leaf_hash(bytes([number])) for number in range(100)]


def nodes(level, index):
    return tree.perfect_root(LEAVES[index << level : (index + 1) << level])


def root(size):
    return tree.root(nodes, size)


def proof(old, size):
    return tree.consistency_proof(nodes, old, size)


def note(size, *, of=None, by=(OURS,), origin=OURS.name):
    return sign(Checkpoint(origin, size, root(size) if of is None else of).text, by)


class Office:
    """The witness's office: its file, and its desk as any web server would call it."""

    def __init__(self, store: Path, *, signer: Signer = OFFICE) -> None:
        self.store = store
        self.witness = Witness(signer, [OURS.key], store)
        self.desk = validator(application(self.witness, lambda: NOW))

    def asked(self, body, *, method="POST", path="/add-checkpoint", length=None):
        """Return status, content type and body of the answer."""
        data = body if isinstance(body, bytes) else body.encode()
        environ = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path}
        environ |= {"QUERY_STRING": "", "wsgi.input": io.BytesIO(data)}
        environ["CONTENT_LENGTH"] = str(len(data) if length is None else length)
        setup_testing_defaults(environ)
        began = []
        answer = self.desk(environ, lambda status, headers, exc_info=None: began.append((status, headers)))
        text = b"".join(answer).decode()
        answer.close()
        ((status, headers),) = began
        return int(status.split()[0]), dict(headers)["Content-Type"], text

    def grows(self, old, size, *, with_proof=None, signed=None):
        given = proof(old, size) if with_proof is None else with_proof
        return self.asked(Request(old, given, signed or note(size)).format())

    @property
    def remembers(self):
        latest = self.witness.latest(OURS.name)
        if latest is None:
            return 0, EMPTY_ROOT
        checkpoint = Checkpoint.parse(open_note(latest, [OURS.key]).text)
        return checkpoint.size, checkpoint.root


@pytest.fixture
def office(tmp_path):
    """A witness that has seen nothing yet."""
    office = Office(tmp_path / "witness.sqlite")
    assert office.asked("", method="GET", path="/healthz")[::2] == (200, "ok\n")
    return office


class TestSigned:
    def test_a_first_checkpoint_gets_a_cosignature_that_says_when(self, office):
        status, _, line = office.grows(0, 5)
        assert status == 200
        opened = open_note(note(5) + line, [OURS.key, OFFICE.key])
        assert opened.signed == {OURS.key: 0, OFFICE.key: NOW}

    def test_the_cosignature_is_what_the_standard_writes_byte_for_byte(self, office):
        line = office.grows(0, 5)[2]
        dash, name, encoded = line.removesuffix("\n").split(" ")
        blob = base64.b64decode(encoded)
        message = f"cosignature/v1\ntime {NOW}\n{OURS.name}\n5\n{base64.b64encode(root(5)).decode()}\n"
        assert (dash, name) == ("—", OFFICE.name)
        assert blob[:4] == OFFICE.key.key_id
        assert int.from_bytes(blob[4:12], "big") == NOW
        Ed25519PublicKey.from_public_bytes(OFFICE.key.public).verify(blob[12:], message.encode())

    def test_a_continuation_and_the_same_checkpoint_again(self, office):
        assert [office.grows(old, size)[0] for old, size in [(0, 7), (7, 64), (64, 100), (100, 100)]] == [
            200
        ] * 4

    def test_an_empty_tree_and_then_any_tree(self, office):
        assert [office.grows(0, size)[0] for size in (0, 0, 9)] == [200] * 3

    def test_beside_signatures_of_keys_it_does_not_know(self, office):
        assert office.grows(0, 5, signed=note(5, by=(STRANGER, OURS)))[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        "",
        "old 0",
        f"new 0\n\n{note(5)}",
        f"old\n\n{note(5)}",
        f"old 00\n\n{note(5)}",
        f"old -1\n\n{note(5)}",
        f"old ٣\n\n{note(5)}",
        f"old {'9' * 5000}\n\n{note(5)}",
        f"old 0\nnot base64\n\n{note(5)}",
        f"old 0\nにほんご\n\n{note(5)}",
        f"old 0\nAAAA\n\n{note(5)}",
        "old 0\n" + "A" * 43 + "=\n\nno checkpoint\n",
        f"old 0\n{f'{base64.b64encode(EMPTY_ROOT).decode()}{chr(10)}' * 64}\n{note(5)}",
        f"old 0\n\n{note(5).replace(chr(10) + '5' + chr(10), chr(10) + '05' + chr(10))}",
        f"old 0\n\n{note(5).replace(chr(10) + '5' + chr(10), chr(10) + '5' * 5000 + chr(10))}",
        f"old 0\n\n{note(5).replace(chr(10) + '5' + chr(10), chr(10) + str(2**63) + chr(10))}",
        b"old 0\n\n\xff\xfe\n",
        Request(6, [], note(5)).format(),
    ],
    ids=lambda body: ascii(body[:24]),
)
def test_a_request_that_means_nothing_is_bad(office, body):
    assert office.asked(body)[0] == 400
    assert office.remembers == (0, EMPTY_ROOT)


class TestRefused:
    def test_a_log_it_does_not_know(self, office):
        assert office.grows(0, 5, signed=note(5, by=(ELSEWHERE,), origin=ELSEWHERE.name))[0] == 404

    @pytest.mark.parametrize(
        "signed",
        [
            note(5, by=(STRANGER,)),
            note(5).replace(OURS.line(Checkpoint(OURS.name, 5, root(5)).text), OURS.line("something else\n")),
            note(5, by=(ELSEWHERE,)),
            sign(Checkpoint(OURS.name, 5, root(5)).text, [Signer(OURS.name, WITNESS, OURS.private)]),
        ],
        ids=["unknown key", "false signature", "another log's key", "not a log's signature"],
    )
    def test_a_checkpoint_the_log_has_not_signed(self, office, signed):
        assert office.grows(0, 5, signed=signed)[0] == 403
        assert office.remembers == (0, EMPTY_ROOT)

    def test_another_beginning_than_the_one_it_remembers_with_its_size(self, office):
        assert office.grows(3, 5) == (409, "text/x.tlog.size", "0\n")
        office.grows(0, 5)
        assert office.grows(3, 7) == (409, "text/x.tlog.size", "5\n")
        assert office.grows(0, 3) == (409, "text/x.tlog.size", "5\n")

    def test_a_smaller_tree_than_the_one_it_remembers(self, office):
        office.grows(0, 5)
        assert office.grows(5, 3, with_proof=[])[0] == 400
        assert office.remembers == (5, root(5))

    def test_a_tree_that_is_no_continuation(self, office):
        office.grows(0, 5)
        rewritten = note(9, of=tree.leaf_hash(b"rewritten"))
        assert office.grows(5, 9, signed=rewritten)[0] == 422
        assert office.grows(5, 9, with_proof=[])[0] == 422
        assert office.remembers == (5, root(5))

    def test_another_tree_of_the_same_size(self, office):
        office.grows(0, 5)
        assert office.grows(5, 5, signed=note(5, of=tree.leaf_hash(b"rewritten")))[0] == 422
        assert office.grows(5, 5, with_proof=[root(5)])[0] == 422

    def test_a_proof_where_none_is_needed_and_an_empty_tree_with_a_root(self, office):
        assert office.grows(0, 5, with_proof=[root(4)])[0] == 422
        assert office.grows(0, 0, signed=note(0, of=root(1)))[0] == 422

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
    def test_another_method(self, office, method):
        assert office.asked("", method=method)[0] == 405

    def test_another_address(self, office):
        assert office.asked(Request(0, [], note(5)).format(), path="/")[0] == 404

    def test_a_body_without_end(self, office):
        assert office.asked("old 0\n\n", length=64 * 1024 + 1)[0] == 413


class TestMemory:
    def test_is_on_disk_before_the_cosignature_is_made(self, tmp_path):
        seen = []

        class Watching(Signer):
            def line(self, text, *, time=0):
                seen.append(office.remembers)
                return super().line(text, time=time)

        office = Office(tmp_path / "witness.sqlite", signer=Watching(OFFICE.name, WITNESS, OFFICE.private))
        office.grows(0, 5)
        office.grows(5, 8)
        assert seen == [(5, root(5)), (8, root(8))]

    def test_outlives_the_process(self, office):
        office.grows(0, 5)
        again = Office(office.store)
        assert again.grows(0, 8) == (409, "text/x.tlog.size", "5\n")
        assert again.grows(5, 8)[0] == 200
        assert again.witness.latest(OURS.name) == note(8)

    def test_is_kept_for_each_log_by_itself(self, office):
        office.witness.logs.append(ELSEWHERE.key)
        office.grows(0, 5)
        there = note(9, by=(ELSEWHERE,), origin=ELSEWHERE.name)
        assert office.grows(5, 9, signed=there)[0] == 409
        assert office.grows(0, 9, signed=there)[0] == 200
        assert office.remembers == (5, root(5))

    def test_is_never_rolled_back_by_two_requests_at_once(self, tmp_path):
        """Of two that start from the same size one is signed; the other is told what came before it."""
        for turn in range(25):
            office, together, answers = Office(tmp_path / f"{turn}.sqlite"), threading.Barrier(2), {}

            def asks(size, office=office, together=together, answers=answers):
                together.wait()
                answers[size] = office.grows(0, size)

            threads = [threading.Thread(target=asks, args=[size]) for size in (30, 60)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            (signed,) = [size for size, answer in answers.items() if answer[0] == 200]
            assert answers[90 - signed] == (409, "text/x.tlog.size", f"{signed}\n")
            assert office.remembers == (signed, root(signed))

    def test_only_grows_while_many_ask(self, many):
        office, remembered = new_office(many), []

        def asks(step):
            old = 0
            while old + step < len(LEAVES):
                status, _, body = office.grows(old, old + step)
                remembered.append(office.remembers[0] - (old + step if status == 200 else int(body)))
                old = old + step if status == 200 else int(body)

        steps = (1, 2, 3, 5)
        threads = [threading.Thread(target=asks, args=[step]) for step in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(remembered) >= len(LEAVES) // max(steps) - 1
        assert min(remembered) >= 0
        assert office.remembers[1] == root(office.remembers[0])


@pytest.fixture(scope="module")
def many():
    """A folder for the many witnesses of a property, in memory: each keeps its file as durable as can be."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def new_office(folder):
    store = folder / f"{os.urandom(8).hex()}.sqlite"
    return Office(store)


sizes = st.integers(0, len(LEAVES))


@given(st.lists(sizes, min_size=1, max_size=6))
def test_every_true_growth_is_signed(many, growth):
    office, old = new_office(many), 0
    for size in sorted(growth):
        assert office.grows(old, size)[0] == 200
        old = size
    assert office.remembers == (old, root(old))


hashes = st.binary(min_size=32, max_size=32)


@given(st.data(), st.integers(1, len(LEAVES) - 1))
def test_no_other_proof_is_signed(many, data, old):
    size = data.draw(st.integers(old + 1, len(LEAVES)))
    right = proof(old, size)
    others = st.one_of(
        st.lists(hashes, max_size=8),
        st.permutations(right),
        st.integers(0, len(right)).map(lambda at: right[:at]),
        st.tuples(st.integers(0, len(right)), hashes).map(
            lambda two: [*right[: two[0]], two[1], *right[two[0] :]]
        ),
        st.tuples(sizes, sizes).map(lambda two: proof(*sorted(two))),
    )
    other = list(data.draw(others))
    assume(other != right)
    office = new_office(many)
    office.grows(0, old)
    assert office.grows(old, size, with_proof=other)[0] == 422
    assert office.remembers == (old, root(old))
