"""Saving a row of a register: in somebody's name, and against somebody who saves at the same moment."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from auditlog.models import LogEntry
from django.db import connections
from django.utils import timezone

from accesscontrol import changes
from accesscontrol.models import Organisation, Posting, Staff
from terminals.models import Building, Deployment, Place, Terminal, ZoneOwnership
from tests.people import ALWAYS, Person
from tests.terminals.pages import form_of, refused, text

SINCE = "2024-04-01T09:00"


@pytest.fixture
def newcomer(region) -> Staff:
    return Staff.objects.create(number="N-10088", name="新井 望")


class Rival:
    """Another connection that has saved something and has not committed it yet."""

    def __init__(self, owner: psycopg.Connection) -> None:
        self.owner = owner
        self.connection = psycopg.connect(os.environ["EIGYO_DB_OWNER"])

    def saves(self, statement: str, *values: object) -> None:
        self.connection.execute(statement, values)

    def commits_once_somebody_waits(self, waiting: Future) -> None:
        """Commit when the database says that another connection waits for this one."""
        question = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
        pid = self.connection.info.backend_pid
        while not self.owner.execute(question, [pid]).fetchall():
            assert not waiting.done(), "nobody waited"
        self.connection.commit()


@pytest.fixture
def rival(owner):
    made = Rival(owner)
    yield made
    made.connection.close()


def sends(person: Person, address: str, given: dict[str, object]) -> object:
    """Send a form from a thread of its own, as another worker of the web process would."""
    try:
        return person.posts(address, given)
    finally:
        connections.close_all()


def races(rival: Rival, person: Person, address: str, given: dict[str, object]):
    """Send a form that finds nothing wrong, and loses against the rival when it comes to saving."""
    with ThreadPoolExecutor(1) as worker:
        sent = worker.submit(sends, person, address, given)
        rival.commits_once_somebody_waits(sent)
        return sent.result()


class TestRace:
    def test_a_posting_that_loses_is_refused_in_the_words_of_the_form(self, region, rival, newcomer):
        given = {
            "staff": newcomer.pk,
            "organisation": region.nw.pk,
            "department": "託送契約課",
            "duty": "inquiry",
            "engaged_for": "",
            "since": SINCE,
            "until": "",
        }
        rival.saves(
            "INSERT INTO app.accesscontrol_posting"
            " (staff_id, organisation_id, department, duty, engaged_for, during)"
            " VALUES (%s, %s, '営業部', 'inquiry', '', tstzrange(now(), NULL))",
            newcomer.pk,
            region.retail.pk,
        )
        body = refused(
            races(rival, region.card_desk(), "/postings/new/", given),
            "同じ期間に別の所属があります。前の所属の終わりを先に入れてください。",
        )
        assert form_of(body) == {name: str(value) for name, value in given.items()}
        assert Posting.objects.get(staff=newcomer).organisation == region.retail

    def test_a_zone_owner_that_loses_is_refused_in_the_words_of_the_form(self, region, rival):
        place = Place.objects.create(building=Building.objects.get(), floor="9F", name="倉庫")
        given = {"place": place.pk, "kind": "nw", "assigned_side": "", "since": SINCE}
        rival.saves(
            "INSERT INTO app.terminals_zoneownership (place_id, kind, assigned_side, during)"
            " VALUES (%s, 'retail', '', tstzrange(now(), NULL))",
            place.pk,
        )
        refused(
            races(rival, region.terminal_admin(), "/zones/new/", given),
            "同じ期間に別の持ち主があります。前の期間の終わりを先に入れてください。",
        )
        assert ZoneOwnership.objects.get(place=place).kind == "retail"

    def test_a_number_that_was_taken_a_moment_ago_is_refused_in_the_words_of_the_form(self, region, rival):
        rival.saves(
            "INSERT INTO app.accesscontrol_staff (number, name, kana, email) VALUES ('N-10077', '先', '', '')"
        )
        given = {"number": "N-10077", "name": "後の人", "kana": ""}
        refused(races(rival, region.card_desk(), "/staff/new/", given), "既に存在します")
        assert Staff.objects.get(number="N-10077").name == "先"

    def test_of_two_clerks_who_save_at_the_same_moment_one_is_told(self, region, newcomer):
        desk = region.card_desk()
        given = {
            "staff": newcomer.pk,
            "organisation": region.nw.pk,
            "department": "託送契約課",
            "duty": "inquiry",
            "since": SINCE,
        }
        with ThreadPoolExecutor(4) as workers:
            answers = list(workers.map(lambda _: sends(desk, "/postings/new/", given), range(4)))
        assert sorted(answer.status_code for answer in answers) == [302, 400, 400, 400]
        assert Posting.objects.filter(staff=newcomer).count() == 1


class TestHistory:
    AT = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)

    def test_names_who_changed_a_row_and_when_without_any_page(self, region):
        who = region.cards["card_desk"].staff
        row = Organisation.objects.get(code="CT")
        row.name = "試験サービス東"
        changes.record(row, by=who, at=self.AT)
        entry = LogEntry.objects.get_for_object(row).latest("id")
        assert (entry.actor, entry.timestamp) == (who, self.AT)
        page = text(region.card_desk().gets(f"/organisations/{row.pk}/edit/"))
        assert "2026/04/01（水）08:30:00" in page.split("変更の履歴")[1]

    def test_names_who_stopped_a_card(self, region):
        who, card = region.cards["card_desk"].staff, region.cards["nw_clerk"]
        changes.suspend(card, reason="紛失の届け", by=who, at=self.AT)
        entry = LogEntry.objects.get_for_object(card).latest("id")
        assert (entry.actor, entry.timestamp) == (who, self.AT)

    def test_names_nobody_where_the_system_itself_stopped_a_terminal(self, region):
        changes.suspend(region.nw_terminal, reason="食い違い", by=None, at=self.AT)
        entry = LogEntry.objects.get_for_object(region.nw_terminal).latest("id")
        assert (entry.actor, entry.timestamp) == (None, self.AT)

    def test_of_one_person_does_not_go_on_in_the_name_of_the_next(self, region):
        row = Organisation.objects.get(code="CT")
        row.name = "試験サービス東"
        changes.record(row, by=region.cards["card_desk"].staff, at=self.AT)
        Deployment.objects.create(
            terminal=Terminal.objects.create(number="NW-0889", asset_number="A-889", serial_number="S-889"),
            holder=region.nw,
            place=region.places["nw"],
            during=ALWAYS,
        )
        entry = LogEntry.objects.latest("id")
        assert entry.actor is None
        assert entry.timestamp <= timezone.now() != self.AT
