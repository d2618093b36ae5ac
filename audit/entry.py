"""One entry of the read log as a value, and its exact text.

The text is RFC 8785 canonical JSON: what is stored is what is hashed later. Field *names* are
recorded, never values of customers.
"""

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import rfc8785

from audit.choices import Action, Outcome

VERSION = 1
NONCE_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it, with what, from where: copies of what was true then, no keys into other tables."""

    person: str = ""
    person_name: str = ""
    company: str = ""
    department: str = ""
    side: str = ""
    card: str = ""
    card_kind: str = ""
    terminal: str = ""
    terminal_class: str = ""
    lu: str = ""
    place: str = ""
    zone: str = ""
    purpose: str = ""
    purpose_reference: str = ""
    policy: str = ""
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One disclosure, refusal, sign-in or enrolment.

    `point` is the 22-digit 供給地点特定番号; `fields` and `masked` are field names; `query` tells how
    was searched, personal terms as keyed hashes only; `reasons` are refusal codes; `subject` is the number
    of the terminal something was done to from another one.
    """

    actor: Actor
    action: Action
    outcome: Outcome
    at: datetime
    request: str
    point: str = ""
    own: bool | None = None
    voltage_class: str = ""
    fields: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    rows: int | None = None
    subject: str = ""

    def payload(self) -> str:
        """Return the canonical text, with a fresh nonce so that a short entry cannot be guessed from its hash."""
        document: dict[str, Any] = {
            "v": VERSION,
            "nonce": secrets.token_hex(NONCE_BYTES),
            "at": self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "request": self.request,
            "action": self.action.value,
            "outcome": self.outcome.value,
            "fields": list(self.fields),
            "masked": list(self.masked),
            "reasons": list(self.reasons),
            **{name: value for name in Actor.__slots__ if (value := _plain(self.actor, name))},
        }
        if self.point:
            document["point"] = self.point
        if self.own is not None:
            document["own"] = self.own
        if self.voltage_class:
            document["voltage_class"] = self.voltage_class
        if self.query:
            document["query"] = self.query
        if self.rows is not None:
            document["rows"] = self.rows
        if self.subject:
            document["subject"] = self.subject
        canonical: bytes = rfc8785.dumps(document)
        return canonical.decode()


_EMPTY: dict[str, str | list[str] | dict[str, str]] = {
    **dict.fromkeys((*Actor.__slots__, "action", "outcome", "point", "subject"), ""),
    **{name: [] for name in ("claims", "fields", "masked", "reasons")},
    "query": {},
}


def told(payload: str) -> dict[str, Any]:
    """Read an entry to show it: what it does not say is empty, and so is what no entry of the product's says like that.

    Whoever may append could append anything; the log is shown all the same.
    """
    said = json.loads(payload)
    return _EMPTY | {name: value for name, value in said.items() if _alike(value, _EMPTY.get(name, value))}


def _alike(value: object, model: object) -> bool:
    match model:
        case list():
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        case dict():
            return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
    return type(value) is type(model)


def _plain(actor: Actor, name: str) -> str | list[str]:
    value = getattr(actor, name)
    return list(value) if isinstance(value, tuple) else value
