"""The fast reading of an entry accepts exactly what the reference implementation of RFC 8785 writes."""

import json

import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from audit import tree
from audit.leaves import Row, columns, faults

names = st.text(max_size=3) | st.sampled_from(("action", "rows", "query", "é", "\ufb33", "\U0001f600"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e15, 1e15) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def is_canonical(payload: bytes) -> bool:
    document = json.loads(payload)
    try:
        said = columns(document)
    except rfc8785.CanonicalizationError:  # nothing the reference writes says this
        said = ()
    return not list(faults(Row(0, 1, tree.leaf_hash(payload), payload, said)))


def written(document) -> bytes | None:
    try:
        return rfc8785.dumps(document)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        return None


@given(st.dictionaries(names, values, max_size=4))
@example({"\ufb33": "1", "\U0001f600": "2"})
@example({"rows": 1.0})
@example({"fields": [1e-30]})
def test_what_the_reference_writes_is_accepted(document):
    if payload := written(document):
        assert is_canonical(payload)


@given(st.dictionaries(names, values, min_size=1, max_size=4), st.data())
def test_what_the_reference_would_write_otherwise_is_not(document, data):
    spelling = data.draw(
        st.sampled_from(
            (
                {"ensure_ascii": False},
                {"ensure_ascii": True, "separators": (",", ":"), "sort_keys": True},
                {"ensure_ascii": False, "separators": (",", ":")},
            )
        )
    )
    try:
        payload = json.dumps(document, **spelling).encode()
    except UnicodeEncodeError:
        return
    assert is_canonical(payload) == (payload == written(json.loads(payload)))
