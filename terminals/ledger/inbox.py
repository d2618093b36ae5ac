"""The folder into which the contractor's transfer drops its files: `haibisaki_YYYYMMDD.csv`.

A file is taken once two looks find it with the same size and time. Then it goes to `taken/` and, after
the check, to `done/` (waiting for confirmation) or `refused/`, with everything that is wrong beside it.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from django.db import connection

from audit.textfile import RowError
from terminals.choices import Channel, FileState
from terminals.ledger import queries
from terminals.ledger.exchange import write_errors
from terminals.ledger.operations import receive
from terminals.models import LedgerFile

LOOKS = ".looks.json"
_NAME = re.compile(r"haibisaki_([0-9]{4})([0-9]{2})([0-9]{2})\.csv", re.IGNORECASE)
_WRONG_NAME = "ファイル名を「haibisaki_20261123.csv」の形（8桁は基準日）にして、届け直してください。"


def watch(folder: Path, *, at: datetime) -> list[LedgerFile]:
    """Look once: receive what is complete, remember the sizes of the rest. Only one looks at a time."""
    with _alone() as free:
        if not free:
            return []
        for path in _complete(folder):
            path.rename(_free_name(folder / "taken", path.name))
        waiting = sorted(path for path in _folder(folder / "taken").iterdir() if path.is_file())
        return [file for path in waiting if (file := _take(folder, path, at=at))]


def as_of_name(name: str) -> date | None:
    """Return the 基準日 a file's name carries."""
    found = _NAME.fullmatch(name)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('ledger_inbox'))")
        (free,) = cursor.fetchone()
        try:
            yield free
        finally:
            if free:
                cursor.execute("SELECT pg_advisory_unlock(hashtext('ledger_inbox'))")


def _complete(folder: Path) -> list[Path]:
    """Return the files that are as they were at the look before."""
    notes = folder / LOOKS
    before = json.loads(notes.read_text(encoding="utf-8")) if notes.exists() else {}
    found = sorted(path for path in folder.iterdir() if _is_delivery(path))
    now = {path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in found}
    complete = [path for path in found if before.get(path.name) == now[path.name]]
    left = {name: look for name, look in now.items() if folder / name not in complete}
    notes.write_text(json.dumps(left), encoding="utf-8")
    return complete


def _is_delivery(path: Path) -> bool:
    return path.suffix.lower() == ".csv" and path.is_file() and not path.is_symlink()


def _take(folder: Path, path: Path, *, at: datetime) -> LedgerFile | None:
    as_of = as_of_name(path.name)
    if as_of is None:
        _put_aside(folder, path, [RowError(0, "ファイル名", path.name[:100], _WRONG_NAME)])
        return None
    with path.open("rb") as stream:
        file = receive(stream, file_name=path.name, as_of=as_of, channel=Channel.FOLDER, by=None, at=at)
    if file.state == FileState.REFUSED:
        _put_aside(folder, path, [RowError(0, "", "", file.outcome), *queries.row_errors(file)])
    else:
        path.rename(_free_name(folder / "done", path.name))
    return file


def _put_aside(folder: Path, path: Path, found: list[RowError]) -> None:
    target = _free_name(folder / "refused", path.name)
    target.with_suffix(".errors.csv").write_bytes(b"".join(write_errors(found)))
    path.rename(target)


def _free_name(folder: Path, name: str) -> Path:
    """Return a path in the folder that no earlier delivery has."""
    target, times = _folder(folder) / name, 1
    while target.exists():
        times += 1
        target = folder / f"{Path(name).stem}.{times}{Path(name).suffix}"
    return target


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path
