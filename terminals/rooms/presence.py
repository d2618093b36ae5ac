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

_Stayed = dict[int, list[tuple[int, Span]]]
_Key = tuple[int, str, str, str]

_STAYS = """
WITH stay AS MATERIALIZED (
  SELECT entry.person_number, entry.person_name, entry.place_id, entry.entered_at, entry.company_id,
         company.name AS company, company.kind, given.since, given.until, given.is_open
  FROM unnest(%(entries)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[], %(is_open)s::boolean[])
       AS given (entry, since, until, is_open)
  JOIN terminals_roomentry entry ON entry.id = given.entry
  JOIN accesscontrol_organisation company ON company.id = entry.company_id
),
employed AS MATERIALIZED (
  SELECT staff.number, posting.during, company.id AS company_id, company.name,
         company.kind = 'retail' OR posting.engaged_for = 'retail' AS is_retail,
         company.name || CASE posting.engaged_for WHEN 'retail' THEN '（小売からの受託）' ELSE '' END AS company
  FROM accesscontrol_posting posting
  JOIN accesscontrol_staff staff ON staff.id = posting.staff_id
  JOIN accesscontrol_organisation company ON company.id = posting.organisation_id
)"""
# Stays and sessions meet by room and day, and count on the day their overlap begins: no room is gone through
# as a whole. A posting is what the personnel office says; the record's company counts where there is none.
_AT_WORK = (
    _STAYS
    + """,
session AS MATERIALIZED (
  SELECT deployed.place_id, work.terminal_number, card.number AS card_number, coalesce(staff.name, '') AS user_name,
         greatest(work.started_at, lower(deployed.during), lower(lu.during)) AS since,
         least(work.until, upper(deployed.during), upper(lu.during)) AS until
  FROM (SELECT *, greatest(coalesce(ended_at, last_seen_at), started_at + interval '1 second') AS until
        FROM accesscontrol_worksession) work
  JOIN terminals_terminal terminal ON terminal.number = work.terminal_number
  JOIN terminals_deployment deployed ON deployed.terminal_id = terminal.id AND deployed.place_id = ANY(%(places)s)
   AND deployed.during && tstzrange(work.started_at, work.until)
  JOIN terminals_luregistration lu ON lu.terminal_id = terminal.id AND lu.terminal_class = 'nw'
   AND lu.during && deployed.during * tstzrange(work.started_at, work.until)
  JOIN accesscontrol_card card ON card.id = work.card_id
  LEFT JOIN accesscontrol_staff staff ON staff.id = card.staff_id
),
stay_day AS MATERIALIZED (
  SELECT stay.*, day FROM stay, generate_series(date_trunc('day', since), until, interval '1 day') day
  WHERE kind = 'retail' OR person_number IN (SELECT number FROM employed WHERE is_retail)
),
session_day AS MATERIALIZED (
  SELECT session.*, day FROM session, generate_series(date_trunc('day', since), until, interval '1 day') day
),
pair AS MATERIALIZED (
  SELECT row_number() OVER () AS id, stay.place_id, stay.person_number, stay.person_name, stay.company, stay.kind,
         session.terminal_number, session.card_number, session.user_name,
         greatest(stay.since, session.since) AS since, least(stay.until, session.until) AS until,
         stay.is_open AND stay.until <= session.until AS is_open
  FROM stay_day stay JOIN session_day session ON session.place_id = stay.place_id AND session.day = stay.day
   AND stay.since < session.until AND session.since < stay.until
   AND stay.day = date_trunc('day', greatest(stay.since, session.since))
),
posted AS (
  SELECT pair.id, bool_or(employed.is_retail) AS is_retail,
         max(employed.company) FILTER (WHERE employed.is_retail) AS company
  FROM pair JOIN employed ON employed.number = pair.person_number
   AND employed.during && tstzrange(pair.since, pair.until)
  GROUP BY pair.id
)
SELECT pair.place_id, pair.person_number, pair.terminal_number, pair.card_number,
       pair.person_name, coalesce(posted.company, pair.company), pair.user_name, pair.since, pair.until, pair.is_open
FROM pair LEFT JOIN posted ON posted.id = pair.id
WHERE coalesce(posted.is_retail, pair.kind = 'retail')
"""
)
_NOT_ADMITTED = (
    _STAYS
    + """
SELECT stay.place_id, stay.person_number, '', '', stay.person_name, coalesce(employed.name, stay.company), '',
       stay.since, stay.until, stay.is_open
FROM stay LEFT JOIN employed ON employed.number = stay.person_number AND employed.during @> stay.entered_at
WHERE EXISTS (SELECT FROM terminals_roomadmission admitted
              WHERE admitted.place_id = stay.place_id AND admitted.during @> stay.entered_at)
  AND NOT EXISTS (SELECT FROM terminals_roomadmission admitted
                  WHERE admitted.place_id = stay.place_id AND admitted.during @> stay.entered_at
                    AND admitted.company_id = coalesce(employed.company_id, stay.company_id)
                    AND admitted.person_number IN ('', stay.person_number))
"""
)
AT_ONCE = 20_000  # stays


@dataclass(frozen=True, slots=True)
class Meeting:
    """Somebody in a room who should not have been, over one stretch of time; without a session no terminal."""

    place: int
    person_number: str
    terminal_number: str
    card_number: str
    person_name: str
    company: str
    user_name: str
    span: Span

    @property
    def key(self) -> _Key:
        """Return what the meetings of the same people at the same terminal share."""
        return self.place, self.person_number, self.terminal_number, self.card_number


def meetings(*, at: datetime) -> Iterator[Meeting]:
    """Yield every meeting on record up to `at`; meetings of the same key never touch.

    To be called inside a transaction, whose plans it keeps from going through all pairs.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")  # the planner cannot know how many stays are given
    for stayed in _rooms_at_once(_stays_by_place(at)):
        everyone = [stay for stays_there in stayed.values() for stay in stays_there]
        given = {
            "places": list(stayed),
            "entries": [entry for entry, _ in everyone],
            "since": [span.since for _, span in everyone],
            "until": [span.until for _, span in everyone],
            "is_open": [span.is_open for _, span in everyone],
        }
        for question in (_AT_WORK, _NOT_ADMITTED):
            yield from _meetings(question, given)


def _rooms_at_once(by_place: _Stayed) -> Iterator[_Stayed]:
    """Yield rooms, so many that their stays are about AT_ONCE."""
    some: _Stayed = {}
    for place, stayed in by_place.items():
        some[place] = stayed
        if sum(map(len, some.values())) >= AT_ONCE:
            yield some
            some = {}
    if some:
        yield some


def _stays_by_place(at: datetime) -> _Stayed:
    records = (
        RoomEntry.objects.filter(entered_at__lte=at + settings.ROOM_CLOCK_MARGIN)
        .order_by("person_number", "entered_at", "pk")
        .values_list("person_number", "pk", "entered_at", "left_at", "place__clock_offset", "place_id")
    )
    found: _Stayed = defaultdict(list)
    for _, group in groupby(records.iterator(), key=lambda record: record[0]):
        own = list(group)
        rooms = {pk: place for _, pk, _, _, _, place in own}
        moves = [
            Movement(pk, entered, left, timedelta(seconds=ahead)) for _, pk, entered, left, ahead, _ in own
        ]
        for pk, span in stays(moves, margin=settings.ROOM_CLOCK_MARGIN, at=at):
            found[rooms[pk]].append((pk, span))
    return found


def _meetings(question: str, given: dict[str, Any]) -> Iterator[Meeting]:
    spans: dict[_Key, list[Span]] = defaultdict(list)
    words: dict[_Key, tuple[str, str, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(question, given)
        for place, person, terminal, card, name, company, user, *span in cursor.fetchall():
            spans[place, person, terminal, card].append(Span(*span))
            words[place, person, terminal, card] = (name, company, user)
    for key, parts in sorted(spans.items()):
        for span in merged(parts):
            yield Meeting(*key, *words[key], span)
