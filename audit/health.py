"""The latest word on each part of the log's upkeep, kept where officers can see it."""

from datetime import datetime
from enum import StrEnum

from django.db import connections

ALIAS = "seal"


class Part(StrEnum):
    """What can be fine or not fine."""

    SEALING = "sealing"
    WITNESS = "witness"
    PARTITIONS = "partitions"
    ARCHIVE = "archive"


_NOTE = """
WITH before AS (SELECT fine, message FROM health WHERE part = %(part)s)
INSERT INTO health (part, fine, message, since, checked_at) VALUES (%(part)s, %(fine)s, %(message)s, %(at)s, %(at)s)
ON CONFLICT (part) DO UPDATE SET fine = excluded.fine, message = excluded.message,
  since = CASE WHEN health.fine = excluded.fine THEN health.since ELSE excluded.since END,
  checked_at = excluded.checked_at
RETURNING NOT EXISTS (SELECT FROM before WHERE fine = %(fine)s AND message = %(message)s)
"""


def note(part: Part, message: str, *, fine: bool, at: datetime) -> bool:
    """Remember how a part is, and since when; return whether that is news."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_NOTE, {"part": part.value, "fine": fine, "message": message, "at": at})
        return bool(cursor.fetchone()[0])
