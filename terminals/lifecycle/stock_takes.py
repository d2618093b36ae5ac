"""棚卸: somebody stands in a room and reads every code there. What was read is kept, also what no terminal has."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from accesscontrol.duties import must_have
from accesscontrol.models import Staff
from terminals.changed import ask_for_run
from terminals.choices import KEEP, Trigger
from terminals.models import Deployment, Place, Sighting, StockTake, Terminal

LONGEST_CODE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the list says of one terminal or code: where it belongs, and when it was read."""

    code: str
    terminal: Terminal | None = None
    belongs: Deployment | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A room as it was found against the room as it is registered."""

    as_expected: list[Found]
    elsewhere: list[Found]
    not_found: list[Found]
    unknown: list[Found]


def begin_stock_take(place: Place, *, by: Staff, at: datetime) -> StockTake:
    """Begin at a place; whoever has one open there goes on with it."""
    must_have(by, KEEP, at)
    with transaction.atomic():
        Place.objects.select_for_update().get(pk=place.pk)
        going_on = StockTake.objects.filter(place=place, by=by, finished_at__isnull=True).first()
        return going_on or StockTake.objects.create(place=place, by=by, started_at=at)


def sight(stock_take: StockTake, *, code: str, by: Staff, at: datetime) -> Sighting:
    """Keep a code that was read; read twice it counts once. Number, asset and serial number are codes."""
    must_have(by, KEEP, at)
    read = unicodedata.normalize("NFKC", code).strip().upper()
    if not read or len(read) > LONGEST_CODE:
        raise ValidationError("端末番号、資産番号、製造番号のどれかを読み取ってください。")
    with transaction.atomic():
        _open(stock_take)
        same = Q(number__iexact=read) | Q(asset_number__iexact=read) | Q(serial_number__iexact=read)
        terminal = Terminal.objects.filter(same).order_by("number").first()
        known = Sighting.objects.filter(stock_take=stock_take, terminal=terminal) if terminal else None
        if known is not None and (before := known.first()):
            return before
        found, _ = Sighting.objects.get_or_create(
            stock_take=stock_take, code=read, defaults={"terminal": terminal, "seen_at": at}
        )
        return found


def finish_stock_take(stock_take: StockTake, *, by: Staff, at: datetime) -> StockTake:
    """Close the list; what was found takes part in the next comparison."""
    must_have(by, KEEP, at)
    with transaction.atomic():
        found = _open(stock_take)
        found.finished_at = at
        found.save(update_fields=["finished_at"])
        ask_for_run(Trigger.CHANGE, by=by)
        return found


def _open(stock_take: StockTake) -> StockTake:
    found = StockTake.objects.select_for_update().get(pk=stock_take.pk)
    if found.finished_at:
        raise ValidationError("この棚卸は終わっています。続きは、同じ場所で新しく始めてください。")
    return found


def difference(stock_take: StockTake, at: datetime) -> Difference:
    """Compare what was read with what is deployed there: now while it goes on, as it was when it is finished."""
    when = stock_take.finished_at or at
    deployed = Deployment.objects.filter(during__contains=when).select_related(
        "terminal", "place__building", "holder"
    )
    expected = {row.terminal_id: row for row in deployed.filter(place=stock_take.place)}
    sightings = list(stock_take.sightings.select_related("terminal").order_by("-seen_at", "-pk"))
    others = {
        row.terminal_id: row
        for row in deployed.filter(terminal__in=[each.terminal_id for each in sightings if each.terminal_id])
    }
    read = [
        Found(
            code=each.code,
            terminal=each.terminal,
            belongs=others.get(each.terminal_id) if each.terminal_id else None,
            seen_at=each.seen_at,
        )
        for each in sightings
    ]
    seen = {each.terminal.pk for each in read if each.terminal}
    return Difference(
        as_expected=[each for each in read if each.terminal and each.terminal.pk in expected],
        elsewhere=[each for each in read if each.terminal and each.terminal.pk not in expected],
        not_found=[
            Found(code=row.terminal.number, terminal=row.terminal, belongs=row)
            for row in sorted(expected.values(), key=lambda row: row.terminal.number)
            if row.terminal_id not in seen
        ],
        unknown=[each for each in read if each.terminal is None],
    )


def stock_takes() -> list[StockTake]:
    """Return the stock-takes, those going on first, then the newest."""
    rows = StockTake.objects.select_related("place__building", "by").order_by("-finished_at", "-started_at")
    return sorted(rows[:200], key=lambda row: row.finished_at is not None)
