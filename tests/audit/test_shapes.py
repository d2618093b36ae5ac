"""The fast judgement of a whole row never accepts what the plain one finds fault with."""

import re
import struct

import orjson
import pytest
import rfc8785
from hypothesis import assume, given
from hypothesis import strategies as st

from audit import leaves, tree
from audit.choices import Outcome
from audit.leaves import COLUMNS, TEXTS
from audit.shapes import MOST_SHAPES, Shapes, values
from tests.audit.conftest import entry

texts = st.text(max_size=4) | st.sampled_from(
    ("", "佐藤　花子", 'a"b', "a\\b", "1.5", "NULL", "\x1f", "\x00")
)
lists = st.lists(st.text(max_size=3) | st.integers(0, 9), max_size=3)
scalars = texts | st.booleans() | st.none() | st.integers(-(2**54), 2**54) | st.floats(-1e6, 1e6)
queries = st.dictionaries(st.sampled_from(("name", "é", "a b", "size")), texts, max_size=2)
entries = st.fixed_dictionaries(
    {"action": st.sampled_from(("list", "open")), "place": st.sampled_from(("佐", "佐藤")), "v": st.just(1)},
    optional=dict.fromkeys(TEXTS[1:], texts)
    | {"fields": lists, "own": st.booleans(), "query": queries, "rows": scalars, "zone": scalars},
)


def copied(payload: bytes, columns) -> bytes:
    """The row of an entry as COPY writes it in binary."""
    fields = [struct.pack(">q", 7), struct.pack(">q", 8), payload, *columns]
    encoded = (
        b"\xff\xff\xff\xff" if each is None else struct.pack(">i", len(each)) + each for each in fields
    )
    return struct.pack(">h", len(fields)) + b"".join(encoded)


def columns_of(document):
    texts = [document.get(name) for name in TEXTS]
    fields = rfc8785.dumps(document["fields"]) if "fields" in document else None
    return [*(None if text is None else text.encode("utf-8", "surrogatepass") for text in texts), fields]


def is_faultless(payload, columns):
    read = tuple(None if each is None else each.decode(errors="surrogateescape") for each in columns)
    return not list(leaves.faults(leaves.Row(0, 7, tree.leaf_hash(payload), payload, read)))


def canonical(document) -> bytes:
    try:
        return rfc8785.dumps(document)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        assume(False)


def learned(*payloads) -> Shapes:
    shapes = Shapes()
    for payload in payloads:
        if is_faultless(payload, columns_of(orjson.loads(payload))):
            shapes.learn(payload)
    return shapes


def written_otherwise(data, payload):
    """Another writing of the same, or nearly the same, text."""
    document = orjson.loads(payload)
    return data.draw(
        st.sampled_from(
            (
                payload,
                payload + b" ",
                payload.replace(b",", b", "),
                payload.replace(b":", b": ", 1),
                payload.replace(b"true", b"True"),
                payload.replace(b"{", b'{"action":"list",', 1),
                payload[:-1] + b',"action":"open"}',
                payload.replace(b'"list"', b'"\\u006cist"'),
                re.sub(rb":(-?\d+)", rb":0\1", payload),
                re.sub(rb":(-?\d+)", rb":\1.0", payload),
                re.sub(rb":(-?\d+)", rb":\g<1>e0", payload),
                orjson.dumps(dict(reversed(document.items()))),
                payload.replace("佐".encode(), b"\xe4\xbd"),
                payload.replace("佐".encode(), b"\xed\xa0\x80"),
                payload.replace("佐".encode(), b"\n"),
                payload.replace("佐".encode(), b"\x00"),
                payload.replace("佐".encode(), b'"'),
                payload.replace("佐".encode(), b"\\"),
            )
        )
    )


def damaged(data, columns):
    """Columns of which one may say something else, nothing, or what its neighbour says."""
    columns = list(columns)
    at, other = (data.draw(st.integers(0, len(columns) - 1)) for _ in range(2))
    deed = data.draw(st.sampled_from(("none", "lost", "other", "swapped", "longer", "shorter", "framed")))
    if deed == "lost":
        columns[at] = None
    elif deed == "other":
        columns[at] = data.draw(texts).encode()
    elif deed == "swapped":
        columns[at], columns[other] = columns[other], columns[at]
    elif deed == "longer":
        columns[at] = (columns[at] or b"") + data.draw(st.binary(min_size=1, max_size=5))
    elif deed == "shorter" and columns[at]:
        columns[at] = columns[at][:-1]
    elif deed == "framed" and at + 1 < len(columns):
        following = columns[at + 1] or b""
        columns[at] = (columns[at] or b"") + struct.pack(">i", len(following)) + following
        columns[at + 1] = b""
    return columns


@given(entries, entries, st.data())
def test_an_accepted_row_is_without_fault_whatever_was_done_to_it(document, other, data):
    shapes = learned(canonical(document), canonical(other))
    rows = [
        (written_otherwise(data, canonical(each)), damaged(data, columns_of(each)))
        for each in data.draw(st.lists(st.sampled_from((document, other)), min_size=1, max_size=4))
    ]
    accepted = shapes.texts([copied(payload, columns) for payload, columns in rows])
    for (payload, columns), text in zip(rows, accepted, strict=True):
        assert text is None or (text == payload and is_faultless(payload, columns))


@given(entries, st.data())
def test_a_shape_learned_from_one_entry_accepts_no_damage_of_another(document, data):
    """Other values under the same names: what is accepted is what the plain path would pass."""
    other = {name: data.draw(texts) if isinstance(value, str) else value for name, value in document.items()}
    payload = written_otherwise(data, canonical(other))
    columns = damaged(data, columns_of(other))
    (text,) = learned(canonical(document)).texts([copied(payload, columns)])
    assert text is None or (text == payload and is_faultless(payload, columns))


def test_entries_of_the_product_are_accepted_once_their_shape_is_known():
    shapes = learned(entry().payload().encode())
    for changes in ({"request": "other"}, {"outcome": Outcome.MASKED, "fields": (), "masked": ("phone",)}):
        payload = entry(**changes).payload().encode()
        assert shapes.texts([copied(payload, columns_of(orjson.loads(payload)))]) == [payload]


def test_one_entry_with_an_escape_does_not_slow_down_its_neighbours():
    plain, escaped = (entry(request=text).payload().encode() for text in ("r", "a\\b"))
    rows = [copied(payload, columns_of(orjson.loads(payload))) for payload in (plain, escaped, plain)]
    assert learned(plain).texts(rows) == [plain, None, plain]


def test_shapes_are_limited():
    documents = [
        {"action": "open", f"name{number}": 1, "outcome": "allowed"} for number in range(MOST_SHAPES + 1)
    ]
    payloads = [rfc8785.dumps(dict(sorted(document.items()))) for document in documents]
    rows = [copied(payload, columns_of(orjson.loads(payload))) for payload in payloads]
    assert learned(*payloads).texts(rows) == [*payloads[:-1], None]


@given(st.lists(st.none() | st.binary(max_size=300), max_size=12))
def test_values_are_read_back_as_they_were_written(columns):
    assert values(copied(b"{}", columns))[2:] == [b"{}", *columns]


GOOD = rfc8785.dumps({"action": "open", "claims": ["佐"], "outcome": "allowed", "place": "佐藤", "rows": 12})
DAMAGE = {
    "not UTF-8": (b"\xe4\xbd\x90", b"\xe4\xbd"),
    "a surrogate": (b"\xe4\xbd\x90", b"\xed\xa0\x80"),
    "a control character": (b"\xe4\xbd\x90", b"\x1f"),
    "a needless escape": (b"\xe4\xbd\x90", b"\\u4f50"),
    "an escaped solidus": (b"\xe4\xbd\x90", b"\\/"),
    "a leading zero": (b":12", b":012"),
    "a fraction": (b":12", b":12.0"),
    "an exponent": (b":12", b":12e0"),
    "minus zero": (b":12", b":-0"),
    "a space": (b",", b", "),
    "a name twice": (b"}", b',"rows":12}'),
    "something behind": (b"}", b"} "),
    "a bare word": (b'["\xe4\xbd\x90"]', b"[\xe4\xbd\x90]"),
}


@pytest.mark.parametrize("deed", DAMAGE)
def test_a_text_that_is_not_canonical_is_left_to_the_plain_path(deed):
    shapes, columns = learned(GOOD), columns_of(orjson.loads(GOOD))
    damaged_text = GOOD.replace(*DAMAGE[deed])
    assert not is_faultless(damaged_text, columns)
    assert shapes.texts([copied(GOOD, columns), copied(damaged_text, columns)]) == [GOOD, None]


@pytest.mark.parametrize("at", range(len(COLUMNS)))
def test_a_column_that_says_something_else_is_left_to_the_plain_path(at):
    payload = rfc8785.dumps({name: f" {name}" for name in COLUMNS if name != "card"})
    columns = columns_of(orjson.loads(payload))
    shapes = learned(payload)
    good = columns[at] or b"x"
    for other in (None, b"", b" ", good + b"\x00", good + b" ", good[:-1], good[1:]):
        if other != columns[at]:
            row = copied(payload, [*columns[:at], other, *columns[at + 1 :]])
            assert shapes.texts([copied(payload, columns), row]) == [payload, None]


def test_values_cut_in_another_way_are_not_taken_for_the_same():
    """A zero byte, which only the files themselves could hold, moves the border of two columns."""
    following = " " * 33
    payload = rfc8785.dumps({"action": "open", "outcome": following})
    columns = columns_of(orjson.loads(payload))
    moved = [b"open\x00", b" " * 32, *columns[2:]]
    assert learned(payload).texts([copied(payload, columns), copied(payload, moved)]) == [payload, None]
