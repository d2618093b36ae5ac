"""Who holds what: the EIGYO_* variables of each process, written once for run, tests and review."""

from collections.abc import Iterable, Mapping

LOGINS = ("DEFAULT", "NW", "RETAIL", "FEED", "AUDIT", "LOG", "SEAL", "RETAIN", "OWNER")

# A process that lacks a password cannot be talked into using it.
HOLDINGS: Mapping[str, tuple[str, ...]] = {
    "web": ("DEFAULT", "NW", "RETAIL", "AUDIT", "LOG"),
    "worker": ("DEFAULT", "FEED", "AUDIT", "LOG"),
    "beat": (),
    "sealer": ("SEAL",),
    "archivist": ("AUDIT", "RETAIN"),
    "witness": (),
    "migrate": ("DEFAULT", "OWNER"),
    "load": ("DEFAULT", "FEED", "AUDIT", "LOG"),
    "everything": LOGINS,
}


def database_variables(urls: Mapping[str, str], *, holder: str) -> dict[str, str]:
    """Return the EIGYO_DB_* variables one kind of process may hold."""
    return {variable(login): urls[login] for login in HOLDINGS[holder]}


def variable(login: str) -> str:
    """Return the name of the variable that carries the URL of a login role."""
    return f"EIGYO_DB_{login}"


def comma_list(values: Iterable[str]) -> str:
    """Join values as the settings read them."""
    return ",".join(values)
