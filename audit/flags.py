"""What an entry says by itself that an officer looks at first: one rule as a condition, and for one line.

The conditions are those of the partial indexes in migrations 0004 and 0009, word for word.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import JSONField, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, ExtractHour
from django.db.models.lookups import Exact, GreaterThanOrEqual, LessThan

from audit.choices import Flag, Outcome, Purpose

TOKYO = ZoneInfo("Asia/Tokyo")
NIGHT_BEGINS, NIGHT_ENDS = 22, 6  # o'clock in Tokyo


def where(flag: str) -> Q:
    """Return the flag as a condition on entries."""
    hour = ExtractHour("logged_at", tzinfo=TOKYO)
    night = Q(GreaterThanOrEqual(hour, NIGHT_BEGINS)) | Q(LessThan(hour, NIGHT_ENDS))
    conditions = {
        Flag.NOT_OWN: Q(Exact(_text("side"), "retail")) & Q(Exact(_text("own"), "false")),
        Flag.OFF_HOURS: night,
        Flag.DUTY_BY_DAY: Q(purpose=Purpose.NIGHT_DUTY) & ~night,
        Flag.EXCEPTION: ~Q(outcome=Outcome.ALLOWED),
    }
    return conditions[Flag(flag)]


def of(detail: dict[str, Any], logged_at: datetime) -> list[Flag]:
    """Return the flags of one entry."""
    hour = logged_at.astimezone(TOKYO).hour
    night = hour >= NIGHT_BEGINS or hour < NIGHT_ENDS
    holds = {
        Flag.NOT_OWN: detail.get("side") == "retail" and detail.get("own") is False,
        Flag.OFF_HOURS: night,
        Flag.DUTY_BY_DAY: detail.get("purpose") == Purpose.NIGHT_DUTY and not night,
        Flag.EXCEPTION: detail.get("outcome") != Outcome.ALLOWED,
    }
    return [flag for flag, held in holds.items() if held]


class _AsWritten(JSONField[Any]):
    def db_type(self, connection: Any) -> str:
        return "json"


def _text(name: str) -> KeyTextTransform:
    return KeyTextTransform(name, Cast("payload", _AsWritten()))
