"""The Merkle tree of RFC 6962 §2.1: hashes, frontier, proofs and their verification. Pure.

A node is named by level and index: level 0 holds leaf hashes, and node (l, i) covers the leaves
i·2^l … (i+1)·2^l − 1. Proofs are lists of 32-byte hashes in the order of the RFC.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
Nodes = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf's bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def extend(frontier: Sequence[bytes], size: int, leaves: Iterable[bytes]) -> list[bytes]:
    """Return the frontier of a tree of `size` leaves after appending leaf hashes.

    The frontier holds the perfect subtrees from left to right: one for each 1 in the binary size.
    """
    stack = list(frontier)
    for leaf in leaves:
        node, place = leaf, size
        while place & 1:
            node = node_hash(stack.pop(), node)
            place >>= 1
        stack.append(node)
        size += 1
    return stack


def frontier_root(frontier: Sequence[bytes]) -> bytes:
    """Return the root of the tree with this frontier."""
    if not frontier:
        return EMPTY_ROOT
    root = frontier[-1]
    for left in reversed(frontier[:-1]):
        root = node_hash(left, root)
    return root


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root of 2^n neighbouring nodes."""
    level = list(hashes)
    while len(level) > 1:
        pairs = iter(level)
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return level[0]


def frontier(nodes: Nodes, size: int) -> list[bytes]:
    """Return the frontier of the first `size` leaves."""
    found, begin = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            found.append(nodes(level, begin >> level))
            begin += 1 << level
    return found


def root(nodes: Nodes, size: int) -> bytes:
    """Return the root of the first `size` leaves."""
    return frontier_root(frontier(nodes, size))


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Return the path of leaf `index` in the tree of `size` leaves (RFC 6962 §2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _largest_power_below(end - begin)
        if index < middle:
            path.append(_range_root(nodes, middle, end))
            end = middle
        else:
            path.append(_range_root(nodes, begin, middle))
            begin = middle
    return path[::-1]


def consistency_proof(nodes: Nodes, old: int, size: int) -> list[bytes]:
    """Return the proof that the tree of `size` leaves continues the one of `old` (RFC 6962 §2.1.2)."""
    if not 0 <= old <= size:
        raise ValueError(f"{old} leaves are not a prefix of {size}")
    if old in {0, size}:
        return []
    proof: list[bytes] = []
    begin, end = 0, size
    while end != old:
        middle = begin + _largest_power_below(end - begin)
        if old <= middle:
            proof.append(_range_root(nodes, middle, end))
            end = middle
        else:
            proof.append(_range_root(nodes, begin, middle))
            begin = middle
    if begin:
        proof.append(_range_root(nodes, begin, end))
    return proof[::-1]


def includes(proof: Sequence[bytes], *, leaf: bytes, index: int, size: int, root: bytes) -> bool:
    """Return whether the path leads from the leaf hash to the root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        on_the_right, place, last = _climb(place, last)
        node = node_hash(sibling, node) if on_the_right else node_hash(node, sibling)
    return last == 0 and node == root


def continues(proof: Sequence[bytes], *, old: int, old_root: bytes, size: int, root: bytes) -> bool:
    """Return whether the tree of `size` contains the one of `old` as its beginning (RFC 9162 §2.1.4.2)."""
    if not 0 <= old <= size:
        return False
    if old in {0, size}:
        return not proof and old_root == (root if old == size else EMPTY_ROOT)
    path = [old_root, *proof] if old.bit_count() == 1 else list(proof)
    if not path:
        return False
    shift = (~(old - 1) & old).bit_length() - 1
    place, last = old - 1 >> shift, size - 1 >> shift
    first = second = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        on_the_right, place, last = _climb(place, last)
        if on_the_right:
            first = node_hash(node, first)
        second = node_hash(node, second) if on_the_right else node_hash(second, node)
    return last == 0 and first == old_root and second == root


def _climb(place: int, last: int) -> tuple[bool, int, int]:
    """Return whether the node stands on the right of the next hash of a proof, and the places one step up."""
    on_the_right = bool(place & 1) or place == last
    if on_the_right:
        while not place & 1 and place:
            place, last = place >> 1, last >> 1
    return on_the_right, place >> 1, last >> 1


def _range_root(nodes: Nodes, begin: int, end: int) -> bytes:
    """Return the root of the leaves begin … end − 1, where begin is a multiple of their power of two."""
    stack: list[bytes] = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        stack.append(nodes(level, begin >> level))
        begin += 1 << level
    return frontier_root(stack)


def _largest_power_below(number: int) -> int:
    return 1 << (number - 1).bit_length() - 1
