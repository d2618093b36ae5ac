"""Processes of this machine as a test sees them: what lives below one, and waiting for something to happen."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

FIRST_START = 240  # seconds for a whole installation to be made and started on a slow machine


def wait_until(condition: Callable[[], bool], *, patience: float = 60) -> None:
    """Wait for a condition; a test that waits in vain fails."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "not within the time allowed"
        time.sleep(0.02)


def kill(process: int) -> bool:
    """End a process at once; whether it was there to be ended."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(process: int) -> list[int]:
    """Return a process and everything below it."""
    found = [process]
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == process:
            found += descendants(int(entry.parent.name))
    return found
