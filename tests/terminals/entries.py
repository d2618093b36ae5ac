"""Entry records of rooms, as a reader's program hands them over."""

import csv
import io
from datetime import datetime

from django.utils import timezone

from terminals.choices import Channel
from terminals.rooms.exchange import HEADER
from terminals.rooms.operations import Taken, take_entries

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
