#!/usr/bin/env python3
"""Verify the read log of 営業オンライン without any of its code, offline.

    python eigyo_verify.py log FOLDER [--policy POLICY] [--earlier CHECKPOINT ...]
    python eigyo_verify.py proof FILE.tlog-proof --policy POLICY

FOLDER is what `manage.py hand_over_read_log` writes (C2SP tlog-tiles with entries). POLICY (C2SP
tlog-policy) holds the keys you trust: take it from paper or from an earlier visit, not from the
folder you were just given. --earlier names checkpoints of earlier visits or of the witness, which
this log must continue. Entries of months that were dropped when their time was over are empty places,
below the folder's `minimum-index` alone: their hashes still bind, and the answer says which they are,
to be compared with the log's own entries (`retain_log`) about the drops. Needs Python 3.11 and the package `cryptography`; nothing else.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Never

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG, WITNESS = 1, 4
DASH = "\N{EM DASH} "


class Bad(Exception):
    """The log or proof is not what it should be; the text says where."""


def sha256(data: bytes) -> bytes:
    """Return the hash that everything here is made of."""
    return hashlib.sha256(data).digest()


def decoded(text: str) -> bytes:
    """Return the bytes of Base64 text that is written in the one way there is."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise Bad("Base64の書き方が正しくありません。")
    return data


def root_of(hashes: list[bytes]) -> bytes:
    """Return the root of any number of leaf hashes (RFC 6962)."""
    stack: list[bytes] = []
    for number, leaf in enumerate(hashes):
        node, size = leaf, number
        while size & 1:
            node, size = sha256(b"\x01" + stack.pop() + node), size >> 1
        stack.append(node)
    root = stack.pop() if stack else sha256(b"")
    while stack:
        root = sha256(b"\x01" + stack.pop() + root)
    return root


def root_of_path(path: list[bytes], leaf: bytes, index: int, size: int) -> bytes:
    """Return the root to which an inclusion path leads (RFC 9162, 2.1.3.2)."""
    place, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise Bad("証明の経路が長すぎます。")
        if place & 1 or place == last:
            node = sha256(b"\x01" + sibling + node)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise Bad("証明の経路が短すぎます。")
    return node


class Policy:
    """The trusted keys: log and witness keys by (name, key id), groups, and the quorum."""

    def __init__(self, text: str) -> None:
        self.keys: dict[tuple[str, bytes], tuple[int, bytes, str]] = {}
        self.members: dict[str, tuple[int, list[str]]] = {}
        self.quorum = ""
        for line in text.splitlines():
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "log":
                self._add(words[1], LOG, "")
            elif words[0] == "witness":
                self._add(words[2], WITNESS, words[1])
            elif words[0] == "group":
                count = {"any": 1, "all": len(words) - 3}.get(words[2]) or int(words[2])
                self.members[words[1]] = count, words[3:]
            elif words[0] == "quorum":
                self.quorum = words[1]
        if not self.quorum:
            raise Bad("信頼方針に quorum の行がありません。")

    def _add(self, vkey: str, kind: int, witness: str) -> None:
        name, key_id, material = vkey.split("+", 2)
        raw = decoded(material)
        expected = sha256(name.encode() + b"\n" + raw)[:4].hex()
        if raw[0] != kind or len(raw) != 33 or key_id != expected:
            raise Bad(f"信頼方針の鍵が正しくありません：{name}")
        self.keys[name, bytes.fromhex(key_id)] = kind, raw[1:], witness

    def met_by(self, name: str, signed: set[str]) -> bool:
        """Return whether a witness or group has signed."""
        if name in self.members:
            count, members = self.members[name]
            return sum(self.met_by(member, signed) for member in members) >= count
        return name == "none" or name in signed


def open_checkpoint(note: str, policy: Policy, *, witnessed: bool = True) -> tuple[int, bytes]:
    """Return (size, root) of a checkpoint that the log, and enough witnesses, have signed."""
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    origin, size, root = text.split("\n")[:3]
    by_log, witnesses = False, set()
    for line in lines.splitlines():
        name, _, encoded = line.removeprefix(DASH).partition(" ")
        signature = decoded(encoded)
        known = policy.keys.get((name, signature[:4]))
        if known is None:
            continue
        kind, public, witness = known
        message, signature = text, signature[4:]
        if kind == WITNESS:
            time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = f"cosignature/v1\ntime {time}\n{text}"
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message.encode())
        except InvalidSignature:
            raise Bad(f"{name} の署名が正しくありません。") from None
        by_log |= kind == LOG and name == origin
        witnesses.add(witness)
    if not by_log:
        raise Bad("チェックポイントに、信頼する鍵による記録の署名がありません。")
    if witnessed and not policy.met_by(policy.quorum, witnesses):
        raise Bad("チェックポイントに、立会人の署名がそろっていません。")
    return int(size), decoded(root)


def tile_path(kind: str, index: int, width: int) -> str:
    """Return the path of a tile or bundle as C2SP tlog-tiles lays it out."""
    digits = f"{index:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*("x" + group for group in groups[:-1]), groups[-1]])
    return f"tile/{kind}/{name}" + (f".p/{width}" if width < 256 else "")


def read(folder: Path, kind: str, index: int, width: int) -> bytes:
    """Return a tile or bundle."""
    path = folder / tile_path(kind, index, width)
    if not path.exists():
        raise Bad(f"{path.relative_to(folder)} がありません。")
    return path.read_bytes()


def check_canonical(payload: bytes, leaf: int) -> None:
    """Check the form of RFC 8785, for the values an entry may hold: no fractions, ASCII names, one meaning."""

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in found]
        if names != sorted(names) or len(set(names)) != len(names) or not all(map(str.isascii, names)):
            raise Bad(f"封印番号 {leaf:,}：名前の並びが正規の形ではありません。")
        return dict(found)

    def no_fraction(text: str) -> Never:
        raise Bad(f"封印番号 {leaf:,}：小数は使えません（{text}）。")

    try:
        document = json.loads(payload, object_pairs_hook=pairs, parse_float=no_fraction)
    except (ValueError, UnicodeDecodeError) as error:
        raise Bad(f"封印番号 {leaf:,}：JSONとして読めません。") from error
    again = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    if again.encode() != payload or not isinstance(document, dict):
        raise Bad(f"封印番号 {leaf:,}：正規の形（RFC 8785）ではありません。")


def minimum_index(folder: Path) -> int:
    """Return from which leaf on every entry must be there (tlog-tiles, pruning)."""
    path = folder / "minimum-index"
    return int(path.read_text()) if path.exists() else 0


def entries(bundle: bytes) -> Iterator[bytes]:
    """Yield the entries of a bundle, empty where one was dropped."""
    at = 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + 2], "big")
        yield bundle[at + 2 : at + 2 + length]
        at += 2 + length


def leaf_hashes(folder: Path, size: int, dropped: list[int]) -> Iterator[bytes]:
    """Yield the hash of each leaf, computed from its entry, after comparing it with the folder's tile.

    A dropped entry has only its tile's hash, which the root has to confirm; its number goes to `dropped`.
    """
    minimum = minimum_index(folder)
    for index in range(-(-size // 256)):
        width = min(256, size - index * 256)
        bundle, tile = (list(entries(read(folder, "entries", index, width))), read(folder, "0", index, width))
        if len(bundle) != width or len(tile) != width * 32:
            raise Bad(f"封印番号 {index * 256:,} からの記録かタイルの数が違います。")
        for offset, payload in enumerate(bundle):
            leaf, stored = index * 256 + offset, tile[offset * 32 : offset * 32 + 32]
            if not payload and leaf < minimum:
                dropped.append(leaf)
            else:
                check_canonical(payload, leaf)
                if sha256(b"\x00" + payload) != stored:
                    raise Bad(f"封印番号 {leaf:,}：記録の内容がタイルの値と違います。")
            yield stored


def runs(numbers: list[int]) -> str:
    """Return ascending numbers as runs: 0–199、201–300."""
    present = set(numbers)
    begins = [number for number in numbers if number - 1 not in present]
    ends = [number for number in numbers if number + 1 not in present]
    return "、".join(f"{begin:,}\N{EN DASH}{end:,}" for begin, end in zip(begins, ends, strict=True))


def verify_log(folder: Path, policy: Policy, earlier: list[Path]) -> tuple[int, list[int]]:
    """Verify everything under the folder's checkpoint; return (leaves, those whose entry was dropped)."""
    size, root = open_checkpoint((folder / "checkpoint").read_text(), policy)
    wanted = {}
    for path in earlier:
        old_size, old_root = open_checkpoint(path.read_text(), policy, witnessed=False)
        if old_size > size:
            raise Bad(f"{path} は{old_size:,}件ですが、渡された記録は{size:,}件しかありません。")
        wanted[old_size] = old_root, path
    dropped: list[int] = []
    hashes = list(leaf_hashes(folder, size, dropped))
    for old_size, (old_root, path) in wanted.items():
        if root_of(hashes[:old_size]) != old_root:
            raise Bad(
                f"記録が {path} のチェックポイント（{old_size:,}件）につながりません。書き換えられています。"
            )
    if len(hashes) != size or root_of(hashes) != root:
        raise Bad("記録全体のルートが、署名されたチェックポイントと違います。")
    return size, dropped


def verify_proof(text: str, policy: Policy) -> tuple[int, str]:
    """Verify a .tlog-proof file; return (leaf index, the entry's text)."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if (
        lines[0] != "c2sp.org/tlog-proof@v1"
        or not lines[1].startswith("extra ")
        or not lines[2].startswith("index ")
    ):
        raise Bad("証明ファイルの形が正しくありません。")
    payload = decoded(lines[1].removeprefix("extra "))
    index = int(lines[2].removeprefix("index "))
    size, root = open_checkpoint(note, policy)
    path = [decoded(line) for line in lines[3:]]
    if index >= size or root_of_path(path, sha256(b"\x00" + payload), index, size) != root:
        raise Bad("証明がチェックポイントのルートに達しません。記録か証明が変えられています。")
    check_canonical(payload, index)
    return index, payload.decode()


def main() -> int:
    """Read the command line, verify, say what was found."""
    parser = argparse.ArgumentParser(description="営業オンラインの閲覧記録を、単独で検証します。")
    parser.add_argument("kind", choices=("log", "proof"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--policy", type=Path, help="信頼方針（省略時はフォルダーの policy.txt）")
    parser.add_argument(
        "--earlier", type=Path, nargs="*", default=[], help="以前に受け取ったチェックポイント"
    )
    given = parser.parse_args()
    try:
        policy = Policy((given.policy or given.path / "policy.txt").read_text())
        if given.kind == "log":
            size, dropped = verify_log(given.path, policy, given.earlier)
            print(f"不一致はありません：{size:,}件の記録、以前のチェックポイント{len(given.earlier)}個。")
            if dropped:
                print(f"うち{len(dropped):,}件は廃棄済みで、封印の値だけです：封印番号 {runs(dropped)}")
        else:
            index, payload = verify_proof(given.path.read_text(), policy)
            print(f"この記録は封印番号 {index:,} にあります：\n{payload}")
    except (Bad, OSError, ValueError, IndexError) as problem:
        print(f"不一致：{problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
