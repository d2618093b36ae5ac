"""Upkeep of the read log (appending is in `log`)."""

from django.db import connections


def make_partitions(*, months_ahead: int) -> int:
    """Create the monthly partitions up to `months_ahead`; return how many were missing.

    The work is done by a function of the log's owner; this role may only call it.
    """
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT audit.make_partitions(%s)", [months_ahead])
        return int(cursor.fetchone()[0])
