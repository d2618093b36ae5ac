"""Entry records of rooms, as a reader's program hands them over."""

import csv
import io
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from accesscontrol.choices import Duty
from accesscontrol.models import Organisation, Posting, WorkSession
from audit import log
from audit.choices import Action, Outcome
from audit.entry import Actor, Entry
from terminals.choices import Channel
from terminals.rooms.exchange import HEADER
from terminals.rooms.operations import Taken, find_presence, take_entries
from tests.people import Region, make_card

TRAINING = ("B-01", "4F", "研修室")
NW_ROOM = ("B-01", "2F", "配電センター")
SATO = ("R-20001", "佐藤 花子", "RT")
ONISHI = ("N-10001", "大西 誠", "NW")
KINOSHITA = ("C-30001", "木下 早苗", "CT")


def japan(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y/%m/%d %H:%M:%S}" if at else ""


def row(room, who, entered_at, left_at=None) -> list[str]:
    return [*room, *who, japan(entered_at), japan(left_at)]


def sheet(*rows, encoding: str = "utf-8", header=HEADER, ends: str = "\r\n") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ends)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def deliver(*rows, at: datetime) -> Taken:
    """Bring records in by the real operation."""
    return take_entries(sheet(*rows), file_name="entries.csv", channel=Channel.FOLDER, by=None, at=at)


def moved(who, company: Organisation, since: datetime, *, engaged_for: str = "") -> None:
    """Transfer a person at an instant."""
    before = Posting.objects.get(staff__number=who[0])
    before.during = DateTimeTZRange(before.during.lower, since, "[)")
    before.save()
    Posting.objects.create(
        staff=before.staff,
        organisation=company,
        department="試験課",
        duty=Duty.INQUIRY,
        engaged_for=engaged_for,
        during=DateTimeTZRange(since, None, "[)"),
    )


def to_the_second(at: datetime) -> datetime:
    """As a reader's record keeps it."""
    return at.replace(microsecond=0)


@dataclass
class Morning:
    """A morning in the training room; `minute(10)` is now, so that what is read now is read at 10:10."""

    region: Region
    ten: datetime

    def minute(self, number: float) -> datetime:
        return self.ten + timedelta(minutes=number)

    @property
    def noon(self) -> datetime:
        return self.minute(120)

    def newcomer(self, side: str, digits: str) -> str:
        """Give somebody a card that no other test reads with: the log keeps what they read."""
        company = getattr(self.region, side)
        number = f"90000000{digits}"
        self.region.cards[number] = make_card(
            number, company, f"K-900{digits}", f"新任 {digits}", "試験課", Duty.INQUIRY
        )
        return number

    def session(self, who: str, since: float = 0, until: float | None = 30) -> WorkSession:
        return WorkSession.objects.create(
            token_hash=f"{who}{since}",
            card=self.region.cards[who],
            terminal_number="NW-0305",
            started_at=self.minute(since),
            last_seen_at=self.minute(since if until is None else until),
            ended_at=None if until is None else self.minute(until),
            end_reason="" if until is None else "signed_out",
        )

    def reads(self, who: str, *points: str, outcome: Outcome = Outcome.ALLOWED) -> None:
        """Put on the read log what a card had before it on the room's terminal."""
        actor = Actor(card=self.region.cards[who].number, terminal="NW-0305")
        log.append(
            [
                Entry(
                    actor=actor,
                    action=action,
                    outcome=outcome,
                    at=self.minute(10),
                    request="試験",
                    point=point,
                )
                for point in points
                for action in (Action.LIST, Action.OPEN)
            ]
        )

    def finds(self, after: float = 120) -> int:
        return find_presence(at=self.minute(after))
