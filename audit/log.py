"""Append to the read log. The only writer; committed when it returns, or it raises.

The `audit` alias is a login role that may INSERT and nothing else. It is in autocommit, so no
rollback elsewhere can take an entry back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connections

from audit.entry import Entry

ALIAS = "audit"


class LogUnavailable(Exception):
    """The read log could not be written: nothing may be shown (HTTP 503)."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The committed entry: its number, and the database's own time."""

    number: int
    logged_at: datetime


def append(entries: Sequence[Entry]) -> list[Receipt]:
    """Commit the entries in one statement and return their receipts in the same order.

    Raises LogUnavailable when the log refuses, is slow (2 s), is gone, or would not be durable.
    """
    if not entries:
        return []
    payloads = [entry.payload() for entry in entries]
    try:
        connection = connections[ALIAS]
        if connection.in_atomic_block or not connection.get_autocommit():
            raise LogUnavailable("the read log must not be written inside a transaction")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO entry (payload) SELECT unnest(%s::text[]) RETURNING id, logged_at",
                [payloads],
            )
            receipts = [Receipt(number, logged_at) for number, logged_at in cursor.fetchall()]
    except (DatabaseError, InterfaceError, OSError) as error:
        connections[ALIAS].close()  # the next entry starts on a fresh connection
        raise LogUnavailable(type(error).__name__) from error
    if len(receipts) != len(entries):
        raise LogUnavailable("the read log did not take every entry")
    return receipts
