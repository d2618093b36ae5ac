"""Deliveries of the ledger, the one in force, and what differs between two of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from audit.textfile import RowError
from terminals.choices import FileState, LedgerState
from terminals.ledger.exchange import LedgerRow
from terminals.models import LedgerError, LedgerFile, LedgerLine

SHOWN_ROWS = 20
_STATE_LABELS = {state.value: str(state.label) for state in LedgerState}

_PLACE = (
    "nullif(concat_ws(' ', nullif({0}.building_code, ''), nullif({0}.floor, ''), nullif({0}.room, '')), '')"
)
_KINDS = (
    ("added", "台帳に加わった端末", "", ""),
    ("gone", "台帳からなくなった端末", "", ""),
    ("state", "状態", "o.state", "n.state"),
    ("holder", "配備先", "o.holder_code", "n.holder_code"),
    ("place", "設置場所", _PLACE.format("o"), _PLACE.format("n")),
    ("lu", "LU名", "o.lu", "n.lu"),
    ("user", "使用者", "o.user_number", "n.user_number"),
)
_BOTH = """
WITH o AS (SELECT * FROM terminals_ledgerline WHERE file_id = %(before)s),
     n AS (SELECT * FROM terminals_ledgerline WHERE file_id = %(after)s),
     both_sides AS (
       SELECT coalesce(n.terminal_number, o.terminal_number) AS number,
         unnest(ARRAY[{keys}]) AS kind, unnest(ARRAY[{befores}]) AS before, unnest(ARRAY[{afters}]) AS after,
         unnest(ARRAY[{tests}]) AS differs
       FROM o FULL JOIN n USING (terminal_number))
SELECT kind, number, before, after, times FROM (
  SELECT kind, number, before, after, count(*) OVER (PARTITION BY kind) AS times,
         row_number() OVER (PARTITION BY kind ORDER BY number) AS place
  FROM both_sides WHERE differs) t
WHERE place <= %(shown)s ORDER BY kind, place
"""


@dataclass(frozen=True, slots=True)
class Changed:
    """One terminal that differs: what the ledger in force says, what the new one says."""

    terminal: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One kind of difference: how many terminals, and the first of them."""

    kind: str
    label: str
    count: int
    first: tuple[Changed, ...]


def deliveries() -> QuerySet[LedgerFile]:
    """Return every delivery, newest first."""
    return LedgerFile.objects.select_related("received_by", "accepted_by").order_by("-received_at", "-id")


def accepted() -> QuerySet[LedgerFile]:
    """Return the ledgers that came into force, the one of the latest 基準日 first."""
    return LedgerFile.objects.filter(state=FileState.ACCEPTED).order_by("-as_of", "-accepted_at", "-id")


def in_force(at: datetime) -> LedgerFile | None:
    """Return the ledger in force at an instant: of those accepted by then, the latest by 基準日."""
    return accepted().filter(accepted_at__lte=at).first()


def waiting_twin(file: LedgerFile) -> LedgerFile | None:
    """Return a delivery of the same content and 基準日 that already waits for confirmation."""
    same = LedgerFile.objects.filter(state=FileState.CHECKED, sha256=file.sha256, as_of=file.as_of)
    return same.exclude(pk=file.pk).first()


def errors(file: LedgerFile) -> QuerySet[LedgerError]:
    """Return everything the check found wrong, by row."""
    return LedgerError.objects.filter(file=file).order_by("line", "id")


def row_errors(file: LedgerFile) -> Iterator[RowError]:
    """Yield everything the check found wrong, by row, as the exchange writes it."""
    found = errors(file).values_list(*RowError._fields)
    return map(RowError._make, found.iterator(chunk_size=5000))


def rows(file: LedgerFile) -> Iterator[LedgerRow]:
    """Yield the lines of a delivery as they were received."""
    lines = LedgerLine.objects.filter(file=file).order_by("line").values_list(*LedgerRow._fields)
    return map(LedgerRow._make, lines.iterator(chunk_size=5000))


def has_lines(file: LedgerFile) -> bool:
    """Tell whether the lines of a delivery are still kept."""
    return LedgerLine.objects.filter(file=file).exists()


def holders(before: LedgerFile, after: LedgerFile) -> tuple[int, int]:
    """Return how many terminals stand in both ledgers, and for how many of them the holder changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE o.holder_code <> n.holder_code)"
            " FROM terminals_ledgerline o JOIN terminals_ledgerline n USING (terminal_number)"
            " WHERE o.file_id = %s AND n.file_id = %s",
            [before.pk, after.pk],
        )
        common, changed = cursor.fetchone()
    return int(common), int(changed)


def differences(before: LedgerFile, after: LedgerFile) -> list[Difference]:
    """Return what differs between two ledgers, kind by kind, also the kinds without a difference."""
    counts = {key: 0 for key, *_ in _KINDS}
    first: dict[str, list[Changed]] = {key: [] for key in counts}
    with connection.cursor() as cursor:
        cursor.execute(_statement(), {"before": before.pk, "after": after.pk, "shown": SHOWN_ROWS})
        for kind, number, old, new, times in cursor.fetchall():
            counts[kind] = times
            first[kind].append(Changed(number, _said(kind, old), _said(kind, new)))
    return [Difference(key, label, counts[key], tuple(first[key])) for key, label, *_ in _KINDS]


def _statement() -> str:
    tests = {"added": "o.id IS NULL", "gone": "n.id IS NULL"}
    both = "o.id IS NOT NULL AND n.id IS NOT NULL"
    return _BOTH.format(
        keys=", ".join(f"'{key}'" for key, *_ in _KINDS),
        befores=", ".join(before or _PLACE.format("o") for _, _, before, _ in _KINDS),
        afters=", ".join(after or _PLACE.format("n") for *_, after in _KINDS),
        tests=", ".join(
            tests.get(key) or f"{both} AND {before} IS DISTINCT FROM {after}"
            for key, _, before, after in _KINDS
        ),
    )


def _said(kind: str, value: str | None) -> str:
    return _STATE_LABELS.get(value or "", "") if kind == "state" else value or ""
