"""引き継ぎ: go on with the same tree after the log was restored into another cluster.

A new cluster counts its transactions anew, so the sealer's snapshots mean nothing there. The log's
owner seals what has no leaf yet, draws a line under the old numbers, and leaves a trace.
"""

from datetime import datetime

from django.conf import settings
from django.db import connections, transaction

from audit import tree

_STATE = """
SELECT cluster, (SELECT system_identifier FROM pg_control_system()), size, frontier FROM audit.tree_state FOR UPDATE
"""
_UNSEALED = """
SELECT e.id, e.logged_at, sha256('\\x00'::bytea || convert_to(e.payload, 'UTF8')) FROM audit.entry e
WHERE NOT EXISTS (SELECT FROM audit.leaf l WHERE l.entry = e.id) ORDER BY e.id
"""
_ADOPT = """
UPDATE audit.tree_state SET cluster = %s, size = %s, frontier = %s, sealed = pg_current_snapshot(), target = NULL,
  position_xact = '0', position_id = 0, floor = (SELECT coalesce(max(id), 0) FROM audit.entry), sealed_at = %s
"""


class NothingToAdopt(Exception):
    """The tree belongs to this very cluster."""


def adopt(*, reason: str, at: datetime) -> int:
    """Make the tree this cluster's own; return how many entries were sealed in doing so.

    Needs the login of the log's owner. Raises NothingToAdopt.
    """
    alias = "log_owner" if "log_owner" in settings.DATABASES else "owner"
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SET LOCAL ROLE eigyo_log_owner")
        cursor.execute("LOCK TABLE audit.entry IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(_STATE)
        earlier, here, size, frontier = cursor.fetchone()
        if earlier == here:
            raise NothingToAdopt
        cursor.execute(_UNSEALED)
        found = cursor.fetchall()
        frontier = tree.extend([bytes(each) for each in frontier], size, (row[2] for row in found))
        with cursor.copy("COPY audit.leaf (index, entry, logged_at, hash) FROM STDIN") as copy:
            for index, row in enumerate(found, start=size):
                copy.write_row((index, *row))
        size += len(found)
        cursor.execute(_ADOPT, [here, size, frontier, at])
        cursor.execute(
            "INSERT INTO audit.adoption (earlier, cluster, size, sealed_now, reason, adopted_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [earlier, here, size, len(found), reason, at],
        )
    return len(found)
