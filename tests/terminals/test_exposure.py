"""From when to when a class and its holder did not go together: new case 1 out of planted history."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from terminals.choices import TerminalClass
from terminals.models import Deployment, LuRegistration, ZoneOwnership
from terminals.reconciliation import exposure
from tests.people import SINCE, make_terminal

TRANSFER = datetime(2024, 7, 1, tzinfo=UTC)
PUT_RIGHT = datetime(2024, 9, 30, tzinfo=UTC)


def windows(**asked):
    given = {"since": None, "until": None, "known_at": timezone.now()} | asked
    return exposure.windows(**given)


def new_class_from(terminal, moment) -> None:
    """End the class in force at a moment and begin the retail one."""
    old = LuRegistration.objects.get(terminal=terminal)
    old.during = DateTimeTZRange(SINCE, moment)
    old.save()
    LuRegistration.objects.create(
        terminal=terminal,
        lu=old.lu,
        terminal_class=TerminalClass.RETAIL,
        during=DateTimeTZRange(moment, None),
    )


def goes_to_retail(region, terminal, moment) -> None:
    """The sales department takes the terminal over; its class stays as it is."""
    old = Deployment.objects.get(terminal=terminal)
    old.during = DateTimeTZRange(SINCE, moment)
    old.save()
    Deployment.objects.create(
        terminal=terminal,
        holder=region.retail,
        place=region.places["retail"],
        during=DateTimeTZRange(moment, None),
    )


class TestNewCase1:
    """96 terminals of the sales department were set for NW for a time after transfers; none is today."""

    @pytest.fixture
    def history(self, region):
        with transaction.atomic():
            for n in range(110):
                terminal = make_terminal(f"NW-2{n:03d}", TerminalClass.NW, region.nw, region.places["nw"])
                if n < 96:
                    moved = TRANSFER + timedelta(days=n % 30)
                    goes_to_retail(region, terminal, moved)
                    new_class_from(terminal, PUT_RIGHT + timedelta(days=n % 7))
                elif n < 103:
                    goes_to_retail(region, terminal, TRANSFER)
                    new_class_from(terminal, TRANSFER)
        return region

    def test_gives_exactly_the_96_with_their_times_and_none_today(self, history):
        found = windows(fault="holder")
        assert exposure.terminals(found) == len(found) == 96
        assert {w.terminal for w in found} == {f"NW-2{n:03d}" for n in range(96)}
        first = next(w for w in found if w.terminal == "NW-2033")
        assert (first.begins, first.ends) == (
            TRANSFER + timedelta(days=3),
            PUT_RIGHT + timedelta(days=33 % 7),
        )
        assert [w for w in found if w.contains(timezone.now())] == []

    def test_is_cut_to_the_period_that_was_asked_for(self, history):
        since, until = datetime(2024, 8, 1, tzinfo=UTC), datetime(2024, 8, 2, tzinfo=UTC)
        found = windows(since=since, until=until, fault="holder")
        assert len(found) == 96
        assert {(w.begins, w.ends) for w in found} == {(since, until)}
        assert windows(since=datetime(2025, 1, 1, tzinfo=UTC), fault="holder") == []

    def test_the_officer_reads_96_and_a_present_of_none_from_the_page(self, history):
        page = history.officer().gets("/exposure/?fault=holder").content.decode()
        assert "<dt>端末</dt><dd>96" in page
        assert "<dt>現在</dt><dd>0" in page
        file = history.officer().gets("/exposure/?fault=holder&format=csv")
        assert len(file.content.decode("utf-8-sig").strip().split("\r\n")) == 97


class TestZones:
    def test_an_nw_terminal_in_a_room_that_was_shared_for_a_time(self, region):
        zone = ZoneOwnership.objects.get(place=region.places["nw"])
        zone.during = DateTimeTZRange(SINCE, TRANSFER)
        zone.save()
        ZoneOwnership.objects.create(
            place=region.places["nw"], kind="shared", during=DateTimeTZRange(TRANSFER, PUT_RIGHT)
        )
        ZoneOwnership.objects.create(
            place=region.places["nw"], kind="nw", during=DateTimeTZRange(PUT_RIGHT, None)
        )
        (found,) = windows(fault="zone")
        assert (found.terminal, found.begins, found.ends) == ("NW-0118", TRANSFER, PUT_RIGHT)


class TestKnowledge:
    def test_what_was_entered_late_is_not_known_before_it_was_entered(self, region):
        before = timezone.now()
        goes_to_retail(region, region.nw_terminal, TRANSFER)
        assert windows(known_at=before, fault="holder") == []
        (found,) = windows(fault="holder")
        assert (found.terminal, found.begins, found.ends) == ("NW-0118", TRANSFER, None)

    def test_what_was_taken_back_is_still_in_what_was_known(self, region):
        goes_to_retail(region, region.nw_terminal, TRANSFER)
        wrong = timezone.now()
        mistaken = Deployment.objects.get(terminal=region.nw_terminal, holder=region.retail)
        mistaken.holder, mistaken.place = region.nw, region.places["nw"]
        mistaken.save()
        assert windows() == []
        assert [w.terminal for w in windows(known_at=wrong, fault="holder")] == ["NW-0118"]

    def test_no_login_of_the_product_can_change_what_was_known(self, region, as_login):
        with as_login("eigyo_app") as login, pytest.raises(Exception, match="permission denied"):
            login.execute("UPDATE terminals_deploymentversion SET recorded = 'empty'")


def test_a_period_that_ends_before_it_begins_is_refused_in_words(region):
    answer = region.officer().gets("/exposure/?since=2024-09-01&until=2024-08-01")
    assert answer.status_code == 400
    assert "より後にしてください" in answer.content.decode()
