"""The trust policy of the log (C2SP tlog-policy): its keys, its witnesses, and how many must have signed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from audit.note import LOG, WITNESS, NoteError, Opened, VerifierKey

_WORDS = {"any": lambda members: 1, "all": len}


@dataclass(frozen=True)
class Witness:
    """A witness: its name in the policy, its key, and where it is asked ("" when only verifying)."""

    name: str
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True)
class Policy:
    """Whose signatures make a checkpoint good. Read from a file that auditors hold as well."""

    logs: list[VerifierKey] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str = "none"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a policy; raise NoteError for a line that means nothing."""
        policy = cls()
        quorum = ""
        for line in text.splitlines():
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "quorum" and len(words) == 2 and not quorum:
                quorum = policy._known(words[1])
            elif words[0] in _READERS and len(words) > 1:
                _READERS[words[0]](policy, words[1:])
            else:
                raise NoteError(f"not a line of a trust policy: {line.strip()}")
        if not quorum:
            raise NoteError("a trust policy has one quorum line")
        return cls(policy.logs, policy.witnesses, policy.groups, quorum)

    @property
    def keys(self) -> list[VerifierKey]:
        """Return every key of the policy."""
        return [*self.logs, *(witness.key for witness in self.witnesses)]

    def is_met(self, opened: Opened) -> bool:
        """Return whether enough witnesses have signed."""
        signed = {witness.name for witness in self.witnesses if witness.key in opened.signed}
        return self._counts(self.quorum, signed)

    def _counts(self, name: str, signed: set[str]) -> bool:
        if name in self.groups:
            threshold, members = self.groups[name]
            return sum(self._counts(member, signed) for member in members) >= threshold
        return name == "none" or name in signed

    def _known(self, name: str) -> str:
        if name != "none" and name not in self.groups and name not in {w.name for w in self.witnesses}:
            raise NoteError(f"the trust policy does not define {name} before using it")
        return name

    def _add_log(self, words: list[str]) -> None:
        self.logs.append(_key(words[0], LOG))

    def _add_witness(self, words: list[str]) -> None:
        name, key, url = (*words, "")[:3]
        self.witnesses.append(Witness(name, _key(key, WITNESS), url))

    def _add_group(self, words: list[str]) -> None:
        name, threshold, *members = words
        count = _WORDS[threshold](members) if threshold in _WORDS else int(threshold)
        self.groups[name] = count, [self._known(member) for member in members]


_READERS: dict[str, Callable[[Policy, list[str]], None]] = {
    "log": Policy._add_log,
    "witness": Policy._add_witness,
    "group": Policy._add_group,
}


def _key(text: str, kind: int) -> VerifierKey:
    key = VerifierKey.parse(text)
    if key.kind != kind:
        raise NoteError(f"a key of the wrong type: {key.name}")
    return key
