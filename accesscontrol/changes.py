"""Write a row of a register in somebody's name: the change history takes who and when from here.

Not from the request: so it is true for commands and jobs as well.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from auditlog.context import set_extra_data
from django.db import IntegrityError, connection, models, transaction

from accesscontrol.models import Staff


def record(row: models.Model, *, by: Staff | None, at: datetime) -> None:
    """Check and save one row. Raises ValidationError, also for a row that another save made wrong just now.

    Two that record in one table wait for each other, so that the check of the second sees the first.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [row._meta.db_table])
            row.full_clean()
            save(row, by=by, at=at)
    except IntegrityError:
        row.full_clean()  # whoever was first is committed now, and the constraint speaks in its own words
        raise


def save(row: models.Model, *, by: Staff | None, at: datetime, fields: Sequence[str] | None = None) -> None:
    """Save one row as it is. `by` is None where the system itself acts."""
    with set_extra_data({"actor": by, "timestamp": at}):
        row.save(update_fields=fields)


def suspend(row: Any, *, reason: str, by: Staff | None, at: datetime) -> None:
    """Stop a card or a terminal; what is open on it ends with the next request."""
    row.suspended_at, row.suspended_reason = at, reason
    save(row, by=by, at=at)


def resume(row: Any, *, by: Staff, at: datetime) -> None:
    """Let a card or a terminal work again."""
    row.suspended_at, row.suspended_reason = None, ""
    save(row, by=by, at=at)
