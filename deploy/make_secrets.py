"""Generate the key material of a deployment into deploy/secrets/; nothing that exists is changed.

    python3 deploy/make_secrets.py

Only the standard library is used, so that it runs on a bare server. The folder is closed to other
accounts of the host; its files are readable inside, because a container sees the mode of the host's
file while its process runs under another uid, and it is given only its own files.

To rotate a secret, delete its file (and the URLs made from it) and run this again.
"""

import os
import secrets
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"
SERVER = "postgres:5432"
ADMINISTRATOR = "eigyo_admin"
DATABASE = "eigyo"
LOGINS = {
    "default": "eigyo_app",
    "nw": "eigyo_nw",
    "retail": "eigyo_retail",
    "feed": "eigyo_feed",
    "audit": "eigyo_audit",
    "log": "eigyo_log",
    "seal": "eigyo_seal",
    "retain": "eigyo_retain",
    "owner": "eigyo_owner",
}


def fresh() -> str:
    """Return 256 bits as hexadecimal digits, which need no quoting in any file."""
    return secrets.token_hex(32)


def login_url(role: str) -> str:
    """Return the URL of a login role with a new password."""
    return f"postgresql://{role}:{fresh()}@{SERVER}/{DATABASE}"


def write(folder: Path, name: str, content: Callable[[], str]) -> bool:
    """Write a secret file unless it exists; say whether it was made."""
    path = folder / name
    if path.exists():
        return False
    unfinished = folder / f"{name}.new"
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content())
        file.flush()
        os.fsync(file.fileno())
    unfinished.chmod(0o444)
    unfinished.rename(path)
    return True


def make(folder: Path) -> list[str]:
    """Make every secret that is missing and return the names of those made."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)

    def stored(name: str) -> str:
        return (folder / name).read_text().strip()

    contents: dict[str, Callable[[], str]] = {
        "secret_key": fresh,
        "query_hash_key": fresh,
        "proxy_secret": fresh,
        "log_key": fresh,
        "witness_key": fresh,
        "proxy_secret.conf": lambda: (
            f'map "" $eigyo_proxy_secret {{ default "{stored("proxy_secret")}"; }}\n'
        ),
        "postgres_password": fresh,
        "database_url": lambda: (
            f"postgresql://{ADMINISTRATOR}:{stored('postgres_password')}@{SERVER}/postgres"
        ),
        "valkey_password": fresh,
        "valkey.conf": lambda: f"requirepass {stored('valkey_password')}\n",
        "redis_url": lambda: f"redis://:{stored('valkey_password')}@valkey:6379/0",
    }
    for login, role in LOGINS.items():
        contents[f"db_{login}"] = partial(login_url, role)
    return [name for name, content in contents.items() if write(folder, name, content)]


def main() -> int:
    """Make what is missing and tell the operator what they have to add themselves."""
    made = make(FOLDER)
    print(f"{FOLDER} に {len(made)} 個のファイルを作成しました：{'、'.join(made) or 'なし'}")
    wanted = ("nw.crt", "nw.key", "retail.crt", "retail.key", "terminal_ca.crt", "terminal_ca.crl")
    missing = [name for name in wanted if not (FOLDER / name).exists()]
    if missing:
        print(f"次のファイルは認証局から受け取り、同じ場所に置いてください：{'、'.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
