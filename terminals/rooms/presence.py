"""同室: stays in a room laid beside the sessions on its NW terminals, and beside its admission list.

A retail person in the room during an NW session is a meeting whoever's card was used (new case 2,
CON-03); whoever is in a room with an admission list and is not on it is one too (CON-04).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import connection

from terminals.models import RoomEntry
from terminals.rooms.rules import Movement, Span, merged, stays

_STAYS = """
WITH stay AS (
  SELECT entry.person_number, entry.person_name, entry.place_id, entry.entered_at, entry.company_id,
         company.name AS company, company.kind, given.since, given.until, given.is_open
  FROM unnest(%(entries)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[], %(is_open)s::boolean[])
       AS given (entry, since, until, is_open)
  JOIN terminals_roomentry entry ON entry.id = given.entry
  JOIN accesscontrol_organisation company ON company.id = entry.company_id
)"""
# A posting is what the personnel office says; the record's company counts where there is none.
_AT_WORK = (
    _STAYS
    + """
, session AS (
  SELECT work.terminal_number, card.number AS card_number, coalesce(staff.name, '') AS user_name,
         greatest(work.started_at, lower(deployed.during), lower(lu.during)) AS since,
         least(work.until, upper(deployed.during), upper(lu.during)) AS until
  FROM (SELECT *, greatest(coalesce(ended_at, last_seen_at), started_at + interval '1 second') AS until
        FROM accesscontrol_worksession) work
  JOIN terminals_terminal terminal ON terminal.number = work.terminal_number
  JOIN terminals_deployment deployed ON deployed.terminal_id = terminal.id AND deployed.place_id = %(place)s
   AND deployed.during && tstzrange(work.started_at, work.until)
  JOIN terminals_luregistration lu ON lu.terminal_id = terminal.id AND lu.terminal_class = 'nw'
   AND lu.during && deployed.during * tstzrange(work.started_at, work.until)
  JOIN accesscontrol_card card ON card.id = work.card_id
  LEFT JOIN accesscontrol_staff staff ON staff.id = card.staff_id
)
SELECT stay.person_number, stay.person_name, coalesce(posted.retail_company, stay.company),
       session.terminal_number, session.card_number, session.user_name,
       greatest(stay.since, session.since), least(stay.until, session.until),
       stay.is_open AND stay.until <= session.until
FROM stay JOIN session ON stay.since < session.until AND session.since < stay.until
LEFT JOIN LATERAL (
  SELECT bool_or(at_work.is_retail) AS is_retail, max(at_work.company) FILTER (WHERE at_work.is_retail) AS retail_company
  FROM (SELECT company.kind = 'retail' OR posting.engaged_for = 'retail' AS is_retail,
               company.name || CASE posting.engaged_for WHEN 'retail' THEN '（小売からの受託）' ELSE '' END AS company
        FROM accesscontrol_posting posting
        JOIN accesscontrol_staff staff ON staff.id = posting.staff_id AND staff.number = stay.person_number
        JOIN accesscontrol_organisation company ON company.id = posting.organisation_id
        WHERE posting.during && tstzrange(greatest(stay.since, session.since), least(stay.until, session.until))) at_work
) posted ON true
WHERE coalesce(posted.is_retail, stay.kind = 'retail')
"""
)
_NOT_ADMITTED = (
    _STAYS
    + """
SELECT stay.person_number, stay.person_name, coalesce(posted.name, stay.company), '', '', '',
       stay.since, stay.until, stay.is_open
FROM stay LEFT JOIN LATERAL (
  SELECT company.id, company.name
  FROM accesscontrol_posting posting
  JOIN accesscontrol_staff staff ON staff.id = posting.staff_id AND staff.number = stay.person_number
  JOIN accesscontrol_organisation company ON company.id = posting.organisation_id
  WHERE posting.during @> stay.entered_at
) posted ON true
WHERE EXISTS (SELECT FROM terminals_roomadmission admitted
              WHERE admitted.place_id = stay.place_id AND admitted.during @> stay.entered_at)
  AND NOT EXISTS (SELECT FROM terminals_roomadmission admitted
                  WHERE admitted.place_id = stay.place_id AND admitted.during @> stay.entered_at
                    AND admitted.company_id = coalesce(posted.id, stay.company_id)
                    AND admitted.person_number IN ('', stay.person_number))
"""
)


@dataclass(frozen=True, slots=True)
class Meeting:
    """Somebody in a room who should not have been, over one stretch of time; without a session no terminal."""

    place: int
    person_number: str
    person_name: str
    company: str
    terminal_number: str
    card_number: str
    user_name: str
    span: Span

    @property
    def key(self) -> tuple[int, str, str, str]:
        """Return what the meetings of the same people at the same terminal share."""
        return self.place, self.person_number, self.terminal_number, self.card_number


def meetings(*, at: datetime) -> Iterator[Meeting]:
    """Yield every meeting on record up to `at`, room by room; meetings of the same key never touch."""
    for place, stayed in _stays_by_place(at).items():
        given = {
            "place": place,
            "entries": [entry for entry, _ in stayed],
            "since": [span.since for _, span in stayed],
            "until": [span.until for _, span in stayed],
            "is_open": [span.is_open for _, span in stayed],
        }
        for question in (_AT_WORK, _NOT_ADMITTED):
            yield from _meetings(place, question, given)


def _stays_by_place(at: datetime) -> dict[int, list[tuple[int, Span]]]:
    records = (
        RoomEntry.objects.filter(entered_at__lte=at + settings.ROOM_CLOCK_MARGIN)
        .order_by("person_number", "entered_at", "pk")
        .values_list("person_number", "pk", "entered_at", "left_at", "place__clock_offset", "place_id")
    )
    found: dict[int, list[tuple[int, Span]]] = defaultdict(list)
    for _, group in groupby(records.iterator(), key=lambda record: record[0]):
        own = list(group)
        rooms = {pk: place for _, pk, _, _, _, place in own}
        moves = [
            Movement(pk, entered, left, timedelta(seconds=ahead)) for _, pk, entered, left, ahead, _ in own
        ]
        for pk, span in stays(moves, margin=settings.ROOM_CLOCK_MARGIN, at=at):
            found[rooms[pk]].append((pk, span))
    return found


def _meetings(place: int, question: str, given: dict[str, Any]) -> Iterator[Meeting]:
    spans: dict[tuple[str, str, str], list[Span]] = defaultdict(list)
    words: dict[tuple[str, str, str], tuple[str, str, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(question, given)
        for person, name, company, terminal, card, user, *span in cursor.fetchall():
            spans[person, terminal, card].append(Span(*span))
            words[person, terminal, card] = (name, company, user)
    for (person, terminal, card), parts in sorted(spans.items()):
        name, company, user = words[person, terminal, card]
        for span in merged(parts):
            yield Meeting(place, person, name, company, terminal, card, user, span)
