"""One delivery of entry records beside what is stored: its faults, what is new in it, what it says again."""

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from audit.textfile import RowError
from terminals.models import RoomEntry
from terminals.rooms import queries
from terminals.rooms.exchange import EntryRow


@dataclass
class Delivery:
    """The rows of a file beside what is stored: which are new, which say a stored one again."""

    rows: list[EntryRow]
    at: datetime
    new: list[RoomEntry] = field(default_factory=list)
    longer: dict[int, RoomEntry] = field(default_factory=dict)
    repeated: int = 0
    closed: int = 0
    errors: list[RowError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._places = queries.places_named({(row.building, row.floor, row.room) for row in self.rows})
        self._companies = queries.companies_coded({row.company for row in self.rows})
        for row in self.rows:
            self._check(row)

    def _check(self, row: EntryRow) -> None:
        place = self._places.get((row.building, row.floor, row.room))
        if place is None:
            shown = f"{row.building} {row.floor} {row.room}"
            self._fault(row, "室・区画", shown, "登録にない建物・階・室です。")
        if row.company not in self._companies:
            self._fault(row, "会社コード", row.company, "登録にない会社コードです。")
        newest = (
            self.at
            + settings.ROOM_CLOCK_MARGIN
            + timedelta(seconds=max(place.clock_offset, 0) if place else 0)
        )
        for column, time in (("入室日時", row.entered_at), ("退室日時", row.left_at)):
            if time is not None and time > newest:
                self._fault(row, column, f"{time:%Y/%m/%d %H:%M:%S}", "受け取りより後の日時です。")

    def _fault(self, row: EntryRow, column: str, value: str, message: str) -> None:
        self.errors.append(RowError(row.line, column, value[:100], message))

    def sort_out(self) -> None:
        """Tell new records from repeated ones (settings.ROOM_ENTRY_TWIN); the later exit counts."""
        stored = self._stored()
        for row in sorted(self.rows, key=lambda row: (row.entered_at, row.line)):
            place = self._places[row.building, row.floor, row.room]
            beside = stored[place.pk, row.person_number]
            twin = _twin(beside, row.entered_at)
            if twin is None:
                entry = RoomEntry(
                    place=place,
                    person_number=row.person_number,
                    person_name=row.person_name,
                    company=self._companies[row.company],
                    entered_at=row.entered_at,
                    left_at=row.left_at,
                )
                self.new.append(entry)
                insort(beside, entry, key=_entered)
            else:
                self._say_again(twin, row)

    def _stored(self) -> dict[tuple[int, str], list[RoomEntry]]:
        found: dict[tuple[int, str], list[RoomEntry]] = defaultdict(list)
        if not self.rows:
            return found
        times = [row.entered_at for row in self.rows]
        near = RoomEntry.objects.filter(
            person_number__in={row.person_number for row in self.rows},
            entered_at__gte=min(times) - settings.ROOM_ENTRY_TWIN,
            entered_at__lte=max(times) + settings.ROOM_ENTRY_TWIN,
        )
        for entry in near.order_by("entered_at"):
            found[entry.place_id, entry.person_number].append(entry)
        return found

    def _say_again(self, twin: RoomEntry, row: EntryRow) -> None:
        closes = twin.left_at is None and row.left_at is not None and row.left_at >= twin.entered_at
        lengthens = twin.left_at is not None and row.left_at is not None and row.left_at > twin.left_at
        if closes or lengthens:
            twin.left_at = row.left_at
            if twin.pk is not None:
                self.longer[twin.pk] = twin
        if closes:
            self.closed += 1
        else:
            self.repeated += 1


def _entered(entry: RoomEntry) -> datetime:
    return entry.entered_at


def _twin(beside: list[RoomEntry], entered_at: datetime) -> RoomEntry | None:
    place = bisect_left(beside, entered_at - settings.ROOM_ENTRY_TWIN, key=_entered)
    if place < len(beside) and beside[place].entered_at <= entered_at + settings.ROOM_ENTRY_TWIN:
        return beside[place]
    return None
