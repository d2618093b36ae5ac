"""Runs of the verifier as rows: what is asked, how far it is, what came out."""

from datetime import datetime

from django.conf import settings
from django.db import connections

ALIAS = settings.READ_LOG_APP_ALIAS


def begin(*, asked_by: str, first: int, size: int, at: datetime) -> int:
    """Note that a run begins; return its number."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit.verification (asked_by, first, size, started_at) VALUES (%s, %s, %s, %s)"
            " RETURNING id",
            [asked_by, first, size, at],
        )
        return int(cursor.fetchone()[0])


def advance(run: int, checked: int) -> None:
    """Note that so many more leaves were checked."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("UPDATE audit.verification SET checked = checked + %s WHERE id = %s", [checked, run])


def end(run: int, *, fine: bool | None, finding: str, at: datetime) -> None:
    """Note what a run found; `fine` is None when it broke off and says nothing."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "UPDATE audit.verification SET finished_at = %s, fine = %s, finding = %s WHERE id = %s",
            [at, fine, finding, run],
        )


def verified_size() -> int:
    """Return up to which leaf the log has been found good without a gap from the beginning."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT first, size FROM audit.verification WHERE fine ORDER BY first, size")
        reached = 0
        for first, size in cursor.fetchall():
            if first <= reached:
                reached = max(reached, size)
    return reached
