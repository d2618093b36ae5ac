"""The tree agrees with the definition of RFC 6962, its proofs hold, and nothing else passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import tree
from audit.tiles import TileMissing, Tiles, tile_path

LEAVES = [tree.leaf_hash(bytes([number])) for number in range(130)]


def defined_root(leaves):
    """MTH of RFC 6962 §2.1, word for word."""
    if not leaves:
        return tree.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return tree.node_hash(defined_root(leaves[:middle]), defined_root(leaves[middle:]))


def nodes(level, index):
    return tree.perfect_root(LEAVES[index << level : (index + 1) << level])


sizes = st.integers(0, len(LEAVES))


@given(sizes, sizes)
def test_a_tree_that_grew_in_two_steps_has_the_root_of_the_definition(one, other):
    old, size = sorted((one, other))
    frontier = tree.extend(tree.extend([], 0, LEAVES[:old]), old, LEAVES[old:size])
    assert tree.frontier_root(frontier) == defined_root(LEAVES[:size]) == tree.root(nodes, size)


@given(st.data(), st.integers(1, len(LEAVES)))
def test_each_leaf_is_proved_at_its_place_and_nowhere_else(data, size):
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(nodes, index, size)
    root = tree.root(nodes, size)
    assert tree.includes(proof, leaf=LEAVES[index], index=index, size=size, root=root)
    elsewhere = data.draw(st.integers(-1, size).filter(lambda place: place != index))
    assert not tree.includes(proof, leaf=LEAVES[index], index=elsewhere, size=size, root=root)
    assert not tree.includes(proof, leaf=tree.leaf_hash(b"other"), index=index, size=size, root=root)
    assert not tree.includes([*proof, root], leaf=LEAVES[index], index=index, size=size, root=root)


@given(sizes, sizes)
def test_every_tree_is_proved_to_continue_every_smaller_one(one, other):
    old, size = sorted((one, other))
    proof = tree.consistency_proof(nodes, old, size)
    roots = {"old_root": tree.root(nodes, old), "root": tree.root(nodes, size)}
    assert tree.continues(proof, old=old, size=size, **roots)
    assert not tree.continues([*proof, tree.EMPTY_ROOT], old=old, size=size, **roots)


@given(st.integers(1, len(LEAVES)), st.integers(0, 129), st.integers(1, len(LEAVES)))
def test_a_changed_leaf_breaks_the_continuation(old, changed, size):
    old, size = sorted((old, size))
    changed %= old
    others = [*LEAVES]
    others[changed] = tree.leaf_hash(b"changed")

    def rewritten(level, index):
        return tree.perfect_root(others[index << level : (index + 1) << level])

    proof = tree.consistency_proof(rewritten, old, size)
    assert not tree.continues(
        proof, old=old, old_root=tree.root(nodes, old), size=size, root=tree.root(rewritten, size)
    )


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (0, 256, "tile/2/000"),
        (999, 256, "tile/2/999"),
        (1000, 256, "tile/2/x001/000"),
        (1234067, 256, "tile/2/x001/x234/067"),
        (5, 17, "tile/2/005.p/17"),
    ],
)
def test_tiles_lie_where_the_standard_puts_them(index, width, path):
    assert tile_path(2, index, width) == path


@pytest.mark.parametrize("steps", [[1], [255, 1, 1], [256], [70_000], [300, 65_000, 4_700], [65_536, 1]])
def test_tiles_give_the_same_tree_however_they_were_filled(tmp_path, steps):
    leaves = [tree.leaf_hash(number.to_bytes(4, "big")) for number in range(sum(steps))]
    tiles, done = Tiles(tmp_path, 0), 0
    for step in steps:
        tiles.append(leaves[done : done + step])
        done += step
    reopened = Tiles(tmp_path, done)
    assert tree.root(reopened.node, done) == tree.frontier_root(tree.extend([], 0, leaves))


def test_a_missing_tile_is_said_to_be_missing(tmp_path):
    tiles = Tiles(tmp_path, 0)
    tiles.append(LEAVES)
    (tmp_path / tile_path(0, 0, len(LEAVES))).unlink()
    with pytest.raises(TileMissing, match="tile/0/000"):
        Tiles(tmp_path, len(LEAVES)).node(0, 3)
