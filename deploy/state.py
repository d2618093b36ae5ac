"""The state folder: data, logs and generated secrets of one checkout, held by one supervisor."""

import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import Self

from deploy.processes import Account, UnableToStart

CHECKOUT = Path(__file__).resolve().parent.parent
THROWAWAY_PREFIX = "eigyo-throwaway-"
UNLOCKED_AT_MOST = 60  # seconds between a folder and its lock, on a slow machine


def default_path() -> Path:
    """Return the state folder of this checkout; two checkouts never share one by accident."""
    given = os.environ.get("EIGYO_STATE")
    if given:
        base = Path(given)
    elif os.geteuid() == 0:
        base = Path("/var/lib/eigyo")
    else:
        base = Path.home() / ".local" / "state" / "eigyo"
    return base / hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:10]


class State:
    """A locked state folder; a second supervisor on the same folder is refused."""

    def __init__(self, path: Path, *, throwaway: bool = False) -> None:
        self.path = path.resolve()
        self.throwaway = throwaway
        _make_passable(self.path)
        self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise UnableToStart(
                f"すでに起動しています（状態フォルダー {self.path}）。先に起動した方を停止してください。"
            ) from None

    @classmethod
    def temporary(cls) -> Self:
        """Make a folder that is removed on release, and remove those a kill left behind."""
        for left in Path(tempfile.gettempdir()).glob(f"{THROWAWAY_PREFIX}*"):
            _remove_if_abandoned(left)
        path = Path(tempfile.mkdtemp(prefix=THROWAWAY_PREFIX))
        path.chmod(0o711)
        return cls(path, throwaway=True)

    def release(self) -> None:
        """Give the folder back; a throwaway folder is removed while the lock is still held."""
        if self.throwaway:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def folder(self, name: str, *, account: Account | None = None) -> Path:
        """Return a private folder inside the state, owned by the account that works in it."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        path.chmod(0o700)
        if account is not None:
            account.owns(path)
        return path

    def log(self, name: str) -> Path:
        """Return where a child's output goes."""
        return self.folder("log") / f"{name}.log"

    def secret(self, name: str) -> str:
        """Return a generated secret: made once, complete or not at all, readable by us only."""
        path = self.folder("secrets") / name
        if not path.exists():
            unfinished = path.with_suffix(".new")
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        return path.read_text()


def _make_passable(path: Path) -> None:
    """Create the folder and its missing parents so that a service account can pass through them."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)


def _remove_if_abandoned(path: Path) -> None:
    try:
        if time.time() - path.stat().st_mtime > UNLOCKED_AT_MOST:
            State(path, throwaway=True).release()
    except (UnableToStart, OSError):
        return
