"""A proof that one entry is in the log (C2SP tlog-proof): one file that holds everything but the trusted keys."""

import base64
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connections

from audit import publication, tree
from audit.tiles import Tiles

ALIAS = "log"
HEADER = "c2sp.org/tlog-proof@v1"


class NotProvable(Exception):
    """The entry is not there, or no published checkpoint covers it yet; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Where an entry stands in the tree, with the path to the root of a published checkpoint."""

    index: int
    payload: str
    path: list[bytes]
    checkpoint: str

    def text(self) -> str:
        """Return the .tlog-proof file; its extra line carries the entry itself."""
        extra = base64.b64encode(self.payload.encode()).decode()
        lines = [HEADER, f"extra {extra}", f"index {self.index}"]
        lines += [base64.b64encode(node).decode() for node in self.path]
        return "\n".join(lines) + f"\n\n{self.checkpoint}"


def prove(number: int) -> Proof:
    """Prove the entry with this number. Raises NotProvable."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT l.index, e.payload FROM leaf l JOIN entry e ON e.id = l.entry AND e.logged_at = l.logged_at"
            " WHERE l.entry = %s",
            [number],
        )
        found = cursor.fetchone()
    if found is None:
        raise NotProvable(f"記録番号 {number} は、ないか、まだ封印されていません。")
    index, payload = found
    checkpoint = publication.published()
    if checkpoint is None or checkpoint.size <= index:
        raise NotProvable(
            f"記録番号 {number} は封印済みですが、まだ公表されていません。10秒ほどあとで、もう一度実行してください。"
        )
    folder = Path(settings.READ_LOG_FOLDER)
    path = tree.inclusion_proof(Tiles(folder, checkpoint.size).node, index, checkpoint.size)
    return Proof(index, payload, path, (folder / publication.CHECKPOINT).read_text())
