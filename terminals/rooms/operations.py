"""Writes about rooms: whose zone it is, who may be in, who was in, and what was found."""

import copy
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.urls import reverse
from django.utils import timezone

from accesscontrol import changes
from accesscontrol.choices import REVIEW
from accesscontrol.duties import must_have
from accesscontrol.models import Staff
from accesscontrol.operations import raise_alert
from audit.queries import points_shown
from audit.textfile import RowError
from terminals.changed import ask_for_presence, ask_for_run
from terminals.choices import KEEP, MANAGE, Channel, Trigger
from terminals.models import (
    Deployment,
    PresenceFinding,
    RoomAdmission,
    RoomEntry,
    RoomEntryFile,
    Terminal,
    ZoneOwnership,
)
from terminals.notices import tell
from terminals.operations import contradiction, quarantine
from terminals.queries import recognise
from terminals.reasons import NOT_ADMITTED, NW_IN_COMPANY
from terminals.rooms import queries
from terminals.rooms.deliveries import Delivery
from terminals.rooms.exchange import read
from terminals.rooms.presence import Meeting, meetings
from terminals.rooms.rules import Span, unseen

SETTLED = timedelta(days=1)  # what the read log says of a time so long ago does not change any more
BOUNDARY_LOOK_BACK = timedelta(days=1)  # a worker that was down for a night still finds the boundary


class EntriesRefused(Exception):
    """Rows of the file are wrong, and nothing was taken; `errors` names each cell."""

    def __init__(self, errors: list[RowError]) -> None:
        super().__init__(
            f"{len({error.line for error in errors})}行に誤りがあるため、何も取り込んでいません。"
        )
        self.errors = sorted(errors)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a delivery: the file, how many open stays it closed, whether it was here before."""

    file: RoomEntryFile
    closed: int = 0
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """A terminal that a zone's owner stops, and why."""

    number: str
    reason: str


# ── 区画の持ち主 ──────────────────────────────────────────────────────────────


def assign_zone(
    ownership: ZoneOwnership, *, ends_current: bool = False, by: Staff, at: datetime
) -> list[Stop]:
    """Save whose zone a place is and suspend, in the same transaction, what contradicts it now (TRM-05).

    `ends_current` ends the owner in force where the new one begins. A change dated later stops nothing
    yet: the claims refuse from that instant, and judge_zones suspends. Raises ValidationError or OutsideDuty.
    """
    must_have(by, MANAGE, at)
    with transaction.atomic():
        touched = _save_ownership(ownership, ends_current=ends_current, by=by, at=at)
        stopped = _judge(touched, at=at)
        ask_for_run(Trigger.CHANGE, by=by)
    return stopped


def foresee_zone(
    ownership: ZoneOwnership, *, ends_current: bool = False, by: Staff, at: datetime
) -> list[Stop]:
    """Say what assign_zone would stop, now or at its later date, by doing it and taking it back.

    Raises ValidationError and OutsideDuty as assign_zone does.
    """
    must_have(by, MANAGE, at)
    tried = copy.copy(ownership)
    with transaction.atomic():
        touched = _save_ownership(tried, ends_current=ends_current, by=by, at=at)
        begins = tried.during.lower
        stopped = _judge(touched, at=max(at, begins) if begins else at, keeps=False)
        transaction.set_rollback(True)
    return stopped


def judge_zones(*, at: datetime) -> int:
    """Suspend what contradicts an owner that has begun since yesterday; return how many terminals."""
    with transaction.atomic():
        stopped = _judge(queries.places_changing(after=at - BOUNDARY_LOOK_BACK, until=at), at=at)
        if stopped:
            ask_for_run(Trigger.CHANGE)
    return len(stopped)


def _save_ownership(ownership: ZoneOwnership, *, ends_current: bool, by: Staff, at: datetime) -> list[int]:
    """Save, and return the places whose owner may be another now: the one it is for, the one it was for."""
    before = ZoneOwnership.objects.filter(pk=ownership.pk).values_list("place_id", flat=True)
    touched = [ownership.place_id, *before]
    begins = ownership.during.lower
    current = queries.owner(ownership.place, begins) if ends_current else None
    if current is not None and current.pk != ownership.pk and current.during.lower < begins:
        current.during = DateTimeTZRange(current.during.lower, begins, "[)")
        changes.record(current, by=by, at=at)
    changes.record(ownership, by=by, at=at)
    return touched


def _judge(places: list[int], *, at: datetime, keeps: bool = True) -> list[Stop]:
    """Suspend every terminal in these places that contradicts its zone; `keeps` False only looks."""
    stopped = []
    for terminal in queries.standing(places, at).select_for_update(of=("self",)):
        recognised = recognise(terminal, at)
        fault = contradiction(recognised)
        if not fault or recognised.suspended:
            continue
        if keeps:
            quarantine(recognised, at=at)
            _tell_of_stop(terminal, fault, at=at)
        stopped.append(Stop(terminal.number, fault))
    return stopped


def _tell_of_stop(terminal: Terminal, fault: str, *, at: datetime) -> None:
    deployed = Deployment.objects.select_related("place__building__keeper")
    keeper = deployed.get(terminal=terminal, during__contains=at).place.building.keeper
    text = f"端末{terminal.number}の利用を停止しました。{fault}"
    tell(keeper, text, link=reverse("terminal", args=[terminal.pk]), at=at)


# ── 入室の許可 ────────────────────────────────────────────────────────────────


def admit(admission: RoomAdmission, *, by: Staff, at: datetime) -> None:
    """Put a company or a person on a room's admission list. Raises ValidationError or OutsideDuty."""
    must_have(by, MANAGE, at)
    changes.record(admission, by=by, at=at)
    ask_for_presence()


def end_admission(admission: RoomAdmission, *, by: Staff, at: datetime) -> None:
    """End an admission now; one that has ended stays, one that has not begun is taken off the list."""
    must_have(by, MANAGE, at)
    begins, ends = admission.during.lower, admission.during.upper
    if ends is not None and ends <= at:
        return
    if begins is not None and begins >= at:
        admission.delete()
    else:
        admission.during = DateTimeTZRange(begins, at, "[)")
        changes.record(admission, by=by, at=at)
    ask_for_presence()


# ── 入退室記録 ────────────────────────────────────────────────────────────────


def take_entries(
    content: bytes, *, file_name: str, channel: Channel, by: Staff | None, at: datetime
) -> Taken:
    """Take a delivery of entry records, all or nothing; a file that is here already changes nothing.

    Raises textfile.Unreadable for a file that cannot be read, EntriesRefused for wrong rows, OutsideDuty
    for somebody who does not keep terminals.
    """
    if by is not None:
        must_have(by, KEEP, at)
    sha256 = hashlib.sha256(content).hexdigest()
    sheet = read(content)
    with transaction.atomic():
        _take_turns("terminals_roomentry")
        known = RoomEntryFile.objects.filter(sha256=sha256).first()
        if known is not None:
            return Taken(known, is_known=True)
        delivery = Delivery(sheet.rows, at)
        if errors := [*sheet.errors, *delivery.errors]:
            raise EntriesRefused(errors)
        delivery.sort_out()
        file = RoomEntryFile.objects.create(
            received_at=at,
            received_by=by,
            channel=channel,
            file_name=file_name[:200],
            sha256=sha256,
            rows=len(sheet.rows),
            repeated=delivery.repeated,
            missing_exits=sum(entry.left_at is None for entry in delivery.new),
        )
        for entry in delivery.new:
            entry.file = file
        RoomEntry.objects.bulk_create(delivery.new, batch_size=2_000)
        RoomEntry.objects.bulk_update(delivery.longer.values(), ["left_at"], batch_size=2_000)
        ask_for_presence()
    return Taken(file, delivery.closed)


def outcome(taken: Taken) -> str:
    """Return what came of a delivery in words."""
    file = taken.file
    if taken.is_known:
        return f"同じ内容のファイルを{timezone.localtime(file.received_at):%Y/%m/%d %H:%M}に受け取っています。何も変えていません。"
    return (
        f"{file.rows}行を受け取りました（重複 {file.repeated}、退室の記録なし {file.missing_exits}、"
        f"あとから退室が分かった記録 {taken.closed}）。"
    )


# ── 同室の検知 ────────────────────────────────────────────────────────────────


def find_presence(*, at: datetime) -> int:
    """Lay stays beside sessions and admission lists; keep, alert and tell what is new. Return how many.

    Made again it changes nothing. A finding nobody has reviewed follows the records (an exit that came
    later); a reviewed one stays as it was reviewed, and what came after it is a finding of its own.
    """
    new = 0
    with transaction.atomic():
        _take_turns("terminals_presencefinding")
        known: dict[Any, list[PresenceFinding]] = defaultdict(list)
        for finding in PresenceFinding.objects.all():
            key = finding.place_id, finding.person_number, finding.terminal_number, finding.card_number
            known[key].append(finding)
        for meeting in meetings(at=at):
            new += _keep(meeting, known[meeting.key], at=at)
    return new


def _keep(meeting: Meeting, known: list[PresenceFinding], *, at: datetime) -> bool:
    """Keep one meeting; return whether it is a new finding."""
    same = [finding for finding in known if _overlaps(finding, meeting.span)]
    span = unseen(meeting.span, [finding.during.upper for finding in same if finding.reviewed_at])
    if span is None:
        return False
    during = DateTimeTZRange(span.since, span.until, "[)")
    found = next((finding for finding in same if finding.reviewed_at is None), None)
    if found is None:
        made = _finding(meeting, span, during, at=at)
        known.append(made)
        _tell_of_finding(made, at=at)
        return True
    if (found.during, found.is_open) == (during, span.is_open) and span.until < at - SETTLED:
        return False
    points = _points(meeting, span)
    if (found.during, found.is_open, found.points) != (during, span.is_open, points):
        found.during, found.is_open, found.points = during, span.is_open, points
        found.save(update_fields=["during", "is_open", "points"])
    return False


def _overlaps(finding: PresenceFinding, span: Span) -> bool:
    return bool(finding.during.lower < span.until and span.since < finding.during.upper)


def _points(meeting: Meeting, span: Span) -> int:
    if not meeting.terminal_number:
        return 0
    return points_shown(
        terminal=meeting.terminal_number, card=meeting.card_number, since=span.since, until=span.until
    )


def _finding(meeting: Meeting, span: Span, during: DateTimeTZRange, *, at: datetime) -> PresenceFinding:
    return PresenceFinding.objects.create(
        place_id=meeting.place,
        person_number=meeting.person_number,
        person_name=meeting.person_name,
        company=meeting.company[:80],
        during=during,
        is_open=span.is_open,
        terminal_number=meeting.terminal_number,
        card_number=meeting.card_number,
        user_name=meeting.user_name,
        points=_points(meeting, span),
        found_at=at,
    )


def _tell_of_finding(finding: PresenceFinding, *, at: datetime) -> None:
    reason = NW_IN_COMPANY if finding.terminal_number else NOT_ADMITTED
    raise_alert(
        reason,
        summary=f"{reason.title}（{finding.company} {finding.person_name}）",
        terminal=finding.terminal_number,
        card=finding.card_number,
        person=finding.user_name,
        place=str(finding.place),
        at=at,
    )
    text = (
        f"{finding.place}：{reason.title}。{finding.company} {finding.person_name}（{finding.person_number}）"
    )
    tell(finding.place.building.keeper, text, link=reverse("place", args=[finding.place_id]), at=at)


def review(finding: PresenceFinding, *, words: str, by: Staff, at: datetime) -> bool:
    """Note what an officer found out about a finding; the first words stand. Return whether these are they."""
    must_have(by, REVIEW, at)
    open_one = PresenceFinding.objects.filter(pk=finding.pk, reviewed_at__isnull=True)
    return bool(open_one.update(reviewed_at=at, reviewed_by=by, review=words))


def _take_turns(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [table])
