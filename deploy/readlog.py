"""Keys, folder and trust policy of the read log in a local installation.

In a deployment the witness belongs to somebody else (deploy/README.md); here both run side by side,
each with only its own key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audit.note import LOG, WITNESS, Signer
from deploy.processes import Account
from deploy.state import State

ORIGIN = "eigyo.invalid/read-log"
WITNESS_NAME = "eigyo.invalid/witness"


@dataclass(frozen=True, kw_only=True)
class ReadLog:
    """Where the read log's tiles, trust policy and witness are."""

    state: State
    account: Account
    witness_port: int

    def settings(self, holder: str) -> Mapping[str, str]:
        """Return the variables that one kind of process may know."""
        common = {
            "EIGYO_LOG_ORIGIN": ORIGIN,
            "EIGYO_LOG_POLICY": str(self._folder / "policy.txt"),
            "EIGYO_LOG_FOLDER": str(self._folder),
            "EIGYO_LOG_ARCHIVE": str(self.state.folder("read-log-archive", account=self.account)),
            "EIGYO_LOG_EXPORTS": str(self.state.folder("read-log-exports", account=self.account)),
        }
        own = {
            "sealer": {"EIGYO_LOG_KEYS": self.state.secret("log-key")},
            "witness": {
                "EIGYO_WITNESS_NAME": WITNESS_NAME,
                "EIGYO_WITNESS_KEY": self.state.secret("witness-key"),
                "EIGYO_WITNESS_STORE": str(
                    self.state.folder("witness", account=self.account) / "witness.sqlite"
                ),
            },
        }
        return common | own.get(holder, {})

    def write_policy(self) -> None:
        """Write whom an auditor of this installation trusts."""
        log = Signer.from_seed(ORIGIN, LOG, self.state.secret("log-key")).key
        witness = Signer.from_seed(WITNESS_NAME, WITNESS, self.state.secret("witness-key")).key
        path = self._folder / "policy.txt"
        path.write_text(
            f"log {log}\nwitness local {witness} http://127.0.0.1:{self.witness_port}\nquorum local\n"
        )
        self.account.owns(path)

    @property
    def _folder(self) -> Path:
        return self.state.folder("read-log", account=self.account)
