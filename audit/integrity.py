"""How the log's proof stands: sealed size and lag, checkpoints with their witnesses, upkeep, runs of the verifier."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from audit.checkpoint import open_checkpoint
from audit.health import Part
from audit.note import LOG, NoteError
from audit.trust import Policy

ALIAS = "log"
ALARM_AFTER = timedelta(seconds=60)
VERIFIED_WITHIN = timedelta(hours=48)
MOST_WAITING = 10_000
SHOWN_CHECKPOINTS, SHOWN_RUNS = 8, 10
LABELS = {
    Part.SEALING: "封印",
    Part.WITNESS: "立会人の署名",
    Part.PARTITIONS: "月ごとの表の用意",
    Part.ARCHIVE: "保存と廃棄",
}
# How long each part may say nothing: twice the time between two runs of its job, a minute at least.
PULSE: dict[str, timedelta] = {
    Part.SEALING: ALARM_AFTER,
    Part.WITNESS: ALARM_AFTER,
    Part.PARTITIONS: timedelta(hours=12),
}

_SEALED = "SELECT size, sealed_at, (SELECT logged_at FROM leaf ORDER BY index DESC LIMIT 1) FROM tree_state"
_WAITING = """
SELECT count(*), min(logged_at) FROM (
  SELECT e.logged_at FROM entry e
  WHERE e.xact >= (SELECT pg_snapshot_xmin(sealed) FROM tree_state)
    AND NOT pg_visible_in_snapshot(e.xact, (SELECT sealed FROM tree_state))
  ORDER BY e.xact, e.id LIMIT %s
) waiting
"""
_RUNS = """
SELECT id, asked_by, first, size, checked, started_at, finished_at, fine, finding,
  finished_at IS NULL AND id < max(id) OVER () FROM verification ORDER BY id DESC LIMIT %s
"""
_LAST_FINISHED = """
SELECT id, asked_by, first, size, checked, started_at, finished_at, fine, finding, false
FROM verification WHERE finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """How much is sealed, and what waits: at most MOST_WAITING are counted."""

    size: int
    sealed_at: datetime | None
    until: datetime | None
    waiting: int
    oldest_waiting: datetime | None
    most: int = MOST_WAITING

    @property
    def capped(self) -> bool:
        """Tell whether more are waiting than were counted."""
        return self.waiting > self.most


@dataclass(frozen=True, slots=True)
class Health:
    """The latest word on one part of the upkeep."""

    part: str
    fine: bool
    message: str
    since: datetime
    checked_at: datetime

    @property
    def label(self) -> str:
        """Return the part in words."""
        return LABELS[Part(self.part)] if self.part in LABELS else self.part

    def trouble(self, at: datetime) -> tuple[str, datetime] | None:
        """Return what is wrong and since when: said so itself, or silent for too long."""
        if not self.fine:
            return self.message, self.since
        silent_for = PULSE.get(self.part)
        if silent_for and at - self.checked_at > silent_for:
            return "処理が動いていません。担当するプロセスを確かめてください。", self.checked_at
        return None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed state of the tree, with who has witnessed it."""

    size: int
    root: str
    signed_at: datetime
    published_at: datetime | None
    witnesses: list[str]
    missing: list[str]
    fault: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the verifier: leaves from `first` up to `size`. `lost` when a later one began before it ended."""

    number: int
    asked_by: str
    first: int
    size: int
    checked: int
    started_at: datetime
    finished_at: datetime | None
    fine: bool | None
    finding: str
    lost: bool

    @property
    def broken_off(self) -> bool:
        """Tell whether it ended without a verdict, by itself or because a later one began."""
        return self.lost or (self.finished_at is not None and self.fine is None)

    @property
    def running(self) -> bool:
        """Tell whether it is still at work."""
        return self.finished_at is None and not self.lost

    @property
    def entries(self) -> int:
        """Return how many entries it looks at."""
        return self.size - self.first

    @property
    def begin(self) -> int:
        """Return the first entry it looks at, counted from one."""
        return self.first + 1

    @property
    def percent(self) -> int:
        """Return how far it is."""
        return self.checked * 100 // self.entries if self.entries else 100

    @property
    def took(self) -> str:
        """Return how long it took, in words."""
        if self.finished_at is None:
            return ""
        minutes, seconds = divmod(int((self.finished_at - self.started_at).total_seconds()), 60)
        return f"{minutes}分{seconds:02}秒" if minutes else f"{seconds}秒"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the trust policy in its written form."""

    role: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict with its time, as every page of an officer shows it."""

    state: str  # "ok", "warn" or "bad"
    words: str
    at: datetime | None = None
    size: int = 0
    lasting: bool = False  # since `at`, not as of then

    @property
    def count(self) -> str:
        """Return the size with thousands separators."""
        return f"{self.size:,}"


def sealed() -> Sealed:
    """Return how far the sealing is."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_SEALED)
        state = cursor.fetchone()
        cursor.execute(_WAITING, [MOST_WAITING + 1])
        return Sealed(*state, *cursor.fetchone())


def health() -> list[Health]:
    """Return the latest word on each part."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT part, fine, message, since, checked_at FROM health ORDER BY part")
        return [Health(*row) for row in cursor.fetchall()]


def ailing(*, at: datetime) -> list[tuple[Health, str, datetime]]:
    """Return the parts that have been in trouble for longer than ALARM_AFTER, with what and since when."""
    troubles = [(part, part.trouble(at)) for part in health()]
    return [(part, *found) for part, found in troubles if found and at - found[1] > ALARM_AFTER]


def policy() -> Policy | None:
    """Return the trust policy this process was given, if it can be read."""
    try:
        return Policy.parse(Path(settings.READ_LOG_POLICY).read_text())
    except (OSError, NoteError):
        return None


def keys(trusted: Policy | None) -> list[Key]:
    """Return whom an auditor is to trust."""
    if trusted is None:
        return []
    witnesses = {each.key: each.name for each in trusted.witnesses}
    return [
        Key("記録" if key.kind == LOG else f"立会人 {witnesses.get(key, '')}", key.name, str(key))
        for key in trusted.keys
    ]


def checkpoints(trusted: Policy | None) -> list[Checkpoint]:
    """Return the newest checkpoints, their signatures checked against the trust policy."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT size, encode(root, 'hex'), note, signed_at, published_at FROM checkpoint"
            " ORDER BY size DESC LIMIT %s",
            [SHOWN_CHECKPOINTS],
        )
        return [_checkpoint(row, trusted) for row in cursor.fetchall()]


def _checkpoint(row: tuple[int, str, str, datetime, datetime | None], trusted: Policy | None) -> Checkpoint:
    size, root, note, signed_at, published_at = row
    if trusted is None:
        return Checkpoint(size, root, signed_at, published_at, [], [], "信頼方針を読めません")
    try:
        claimed, opened = open_checkpoint(note, trusted.keys)
    except NoteError:
        return Checkpoint(size, root, signed_at, published_at, [], [], "署名が正しくありません")
    fault = "" if (claimed.size, claimed.root.hex()) == (size, root) else "署名した内容と違います"
    signed = [each.name for each in trusted.witnesses if each.key in opened.signed]
    missing = [each.name for each in trusted.witnesses if each.key not in opened.signed]
    return Checkpoint(size, root, signed_at, published_at, signed, missing, fault)


def runs() -> list[Run]:
    """Return the newest runs of the verifier."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_RUNS, [SHOWN_RUNS])
        return [Run(*row) for row in cursor.fetchall()]


def verdict(*, at: datetime) -> Verdict:
    """Return the verdict of now. What cannot be asked is an alarm, never silence."""
    if ALIAS not in connections:
        return Verdict("warn", "この接続先では確かめられません")
    try:
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(_LAST_FINISHED)
            last = cursor.fetchone()
        return judge(Run(*last) if last else None, health(), at=at)
    except (DatabaseError, InterfaceError, OSError):
        return Verdict("bad", "確かめられません", at)


def judge(last: Run | None, parts: list[Health], *, at: datetime) -> Verdict:
    """Weigh the last finished run and the upkeep: what is wrong comes before what is old."""
    troubles = [(part.label, found[1]) for part in parts if (found := part.trouble(at))]
    if last is not None and last.broken_off:
        return Verdict("bad", "検証が途中で止まりました", last.finished_at, last.size)
    if last is not None and not last.fine:
        return Verdict("bad", "不一致があります", last.finished_at, last.size)
    if troubles:
        label, since = troubles[0]
        return Verdict("bad", f"{label}に異常があります", since, lasting=True)
    if last is None or last.finished_at is None:
        return Verdict("warn", "まだ検証していません")
    if at - last.finished_at > VERIFIED_WITHIN:
        return Verdict("warn", "検証が遅れています", last.finished_at, last.size)
    return Verdict("ok", "改ざんなし", last.finished_at, last.size)
