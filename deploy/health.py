"""What a container's health check asks: python -m deploy.health web|beat|witness."""

import http.client
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

BEAT_SCHEDULE = Path("/tmp/beat-schedule")
LONGEST_SILENCE = 600


def answers(port: int) -> bool:
    """Ask a web server of ours under a name it accepts; the answer must be a plain ok."""
    host = os.environ.get("EIGYO_ALLOWED_HOSTS", "localhost").split(",")[0].strip()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": host})
        answer = connection.getresponse()
        return answer.status == 200 and answer.read().strip() == b"ok"
    except OSError:
        return False
    finally:
        connection.close()


def beat_is_ticking() -> bool:
    """The schedule file is written every few minutes while beat works."""
    files = BEAT_SCHEDULE.parent.glob(f"{BEAT_SCHEDULE.name}*")
    newest = max((file.stat().st_mtime for file in files), default=0.0)
    return time.time() - newest < LONGEST_SILENCE


def main(given: list[str]) -> int:
    """Return 0 when the process is healthy."""
    checks: dict[str, Callable[[], bool]] = {
        "web": partial(answers, 8000),
        "witness": partial(answers, 8100),
        "beat": beat_is_ticking,
    }
    if len(given) != 1 or given[0] not in checks:
        print(__doc__, file=sys.stderr)
        return 2
    return 0 if checks[given[0]]() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
