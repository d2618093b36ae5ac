"""`python -m deploy.run` in a checkout, watched from outside."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from deploy.servers import free_port
from tests.processes import FIRST_START, wait_until

CHECKOUT = Path(__file__).resolve().parents[2]


class Run:
    """One `python -m deploy.run` of a checkout; its state and its output lie in `place`."""

    def __init__(self, checkout: Path, *, place: Path | None = None, port: int | None = None) -> None:
        self.port = port or free_port()
        self.place = place or checkout
        self.output = self.place / "output.txt"
        ours = ("DATABASE_URL", "REDIS_URL", "EIGYO_", "DJANGO_")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        own = {
            "EIGYO_STATE": str(self.place / "state"),
            "EIGYO_PORT": str(self.port),
            "UNRELATED_PASSWORD": "x",
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.run"],
                cwd=checkout,
                env=inherited | own,
                stdout=output,
                stderr=output,
            )

    def wait_until_ready(self, sign: str) -> "Run":
        wait_until(lambda: sign in self.text or self.process.poll() is not None, patience=FIRST_START)
        wait_until(lambda: "command" not in self.children())
        assert self.process.poll() is None, self.text
        return self

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    @property
    def text(self) -> str:
        return self.output.read_text()

    def children(self) -> dict[str, int]:
        """Return the process ids of our children by what they are."""
        found = {}
        signs = {"postgres": "postgres", "valkey": "valkey-server", "sealer": "\0seal\0"}
        signs |= {"worker": "\0worker\0", "beat": "\0beat\0", "web": "gunicorn", "witness": "\0witness\0"}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                line = (entry / "cmdline").read_text()
            except OSError:
                continue
            if parent == self.process.pid:
                names = [name for name, sign in signs.items() if sign in line]
                found[names[0] if names else "command"] = int(entry.name)
        return found

    def environment(self, child: str) -> dict[str, str]:
        text = Path(f"/proc/{self.children()[child]}/environ").read_text()
        return dict(line.split("=", 1) for line in text.split("\0") if "=" in line)


def logins(environment: dict[str, str]) -> set[str]:
    prefix = "EIGYO_DB_"
    return {key.removeprefix(prefix) for key in environment if key.startswith(prefix)}
