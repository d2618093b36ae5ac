"""The sealer: every committed entry becomes one leaf of the tree, once, in the order of its transaction.

Entries are found as PgQ finds events: those visible in a new snapshot and not in the last one. A
sequence value or a time would lose whoever commits late. The new snapshot is kept in the state and
paged through, each page one transaction, so that a kill at any point loses and repeats nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connections, transaction

from audit import tree
from audit.checkpoint import Checkpoint

ALIAS = "seal"
PAGE = 20_000

# In a statement of its own: the next one's snapshot is then not older than what a sealer waited for has sealed.
_ALONE = "SELECT FROM tree_state FOR UPDATE"
_STATE = """
SELECT size, frontier, cluster, (SELECT system_identifier FROM pg_control_system()),
  pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmax(sealed), target IS NULL
FROM tree_state
"""
_ROUND = """
UPDATE tree_state SET target = coalesce(target, pg_current_snapshot())
RETURNING target::text, pg_snapshot_xmax(target)::text AS "end", position_xact::text AS xact, position_id AS id, floor,
  ARRAY(SELECT pg_snapshot_xip(sealed))::text[] AS running,
  greatest(position_xact, pg_snapshot_xmax(sealed))::text AS begin,
  CASE WHEN position_xact < pg_snapshot_xmax(sealed) THEN 0 ELSE position_id END AS begin_id
"""
# A page is read along its index, also where the statistics are too old to know of the backlog.
_ALONG_THE_INDEX = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off
"""
# Where a round stands is given as values, and as one lower bound: only then is a page found in the index, and the rest
# not looked at.
_SEALABLE = """
SELECT id, xact, logged_at, payload FROM entry
WHERE id > %(floor)s AND pg_visible_in_snapshot(xact, %(target)s::pg_snapshot)
"""
# Those still running at the last snapshot, then those that began after it.
_PAGE = f"""
SELECT id, xact, logged_at, sha256('\\x00'::bytea || convert_to(payload, 'UTF8')) FROM (
  ({_SEALABLE} AND xact = ANY (%(running)s::xid8[]) AND (xact, id) > (%(xact)s::xid8, %(id)s)
    ORDER BY xact, id LIMIT %(page)s)
  UNION ALL
  ({_SEALABLE} AND (xact, id) > (%(begin)s::xid8, %(begin_id)s) AND xact < %(end)s::xid8
    ORDER BY xact, id LIMIT %(page)s)
  ORDER BY xact, id LIMIT %(page)s
) found ORDER BY xact, id
"""
_NEXT_PAGE = (
    "UPDATE tree_state SET size = %s, frontier = %s, position_xact = %s, position_id = %s, sealed_at = %s"
)
_DONE = (
    "UPDATE tree_state SET size = %s, frontier = %s, position_xact = '0', position_id = 0, sealed_at = %s,"
    " sealed = target, target = NULL"
)


class SealingRefused(Exception):
    """The database is not the one whose tree was sealed; the message says what to do (Japanese)."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one page did: the size of the tree, leaves added, and whether it began and ended a round."""

    size: int
    added: int
    begins: bool
    ends: bool


def seal(*, published: Checkpoint | None, at: datetime, page: int = PAGE) -> Sealed:
    """Append up to `page` entries to the tree, in one transaction: the next page of a round.

    A round is what was committed when it began. It may have begun in a process that was killed.

    `published` is the last checkpoint that left this system. Raises SealingRefused when the tree
    in the database cannot be its continuation. A second sealer waits for the first.
    """
    with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
        cursor.execute(_ALONE)
        cursor.execute(_STATE)
        size, frontier, cluster, here, went_back, begins = cursor.fetchone()
        if cluster != here or went_back:
            raise SealingRefused(
                "別のデータベースクラスターから復元された記録です。封印を止めました。"
                "元のクラスターに戻すか、manage.py adopt_read_log で引き継いでください。"
            )
        refuse_unless_continued(published, size)
        cursor.execute(_ALONG_THE_INDEX)
        cursor.execute(_ROUND)
        names = [column.name for column in cursor.description]
        cursor.execute(_PAGE, dict(zip(names, cursor.fetchone(), strict=True)) | {"page": page})
        found = cursor.fetchall()
        frontier = tree.extend([bytes(each) for each in frontier], size, (row[3] for row in found))
        with cursor.copy("COPY leaf (index, entry, logged_at, hash) FROM STDIN") as copy:
            for index, (number, _, logged_at, digest) in enumerate(found, start=size):
                copy.write_row((index, number, logged_at, digest))
        size += len(found)
        if ends := len(found) < page:
            cursor.execute(_DONE, [size, frontier, at])
        else:
            cursor.execute(_NEXT_PAGE, [size, frontier, found[-1][1], found[-1][0], at])
    return Sealed(size, len(found), begins, ends)


def refuse_unless_continued(published: Checkpoint | None, size: int) -> None:
    """Stop when a published checkpoint is not one of this database's own."""
    if published is None:
        return
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT root FROM checkpoint WHERE size = %s", [published.size])
        known = cursor.fetchone()
    if size < published.size or known is None or bytes(known[0]) != published.root:
        raise SealingRefused(
            f"公表済みのチェックポイント（{published.size:,}件）より古いか、つながらない記録です。"
            "遅れた待機系への切り替えか、古いバックアップの復元が考えられます。封印を止めました。"
            "公表済みの時点より新しいデータに戻してください。署名はしていません。"
        )


def tree_size() -> tuple[int, bytes]:
    """Return size and root of the sealed tree."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT size, frontier FROM tree_state")
        size, frontier = cursor.fetchone()
    return size, tree.frontier_root([bytes(each) for each in frontier])


def leaf_hashes(begin: int, end: int) -> list[bytes]:
    """Return the hashes of the leaves begin … end − 1."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT hash FROM leaf WHERE index >= %s AND index < %s ORDER BY index", [begin, end])
        return [bytes(digest) for (digest,) in cursor.fetchall()]
