"""New case 2: a retail person in the room during an NW session is a finding whoever's card was used."""

from datetime import timedelta

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from accesscontrol.choices import EngagedFor
from accesscontrol.models import Alert, Posting, WorkSession
from audit.choices import Outcome
from terminals.models import Notice, PresenceFinding
from tests.people import OTHER_HIGH, OTHER_LOW
from tests.terminals.entries import (
    KINOSHITA,
    NW_ROOM,
    ONISHI,
    SATO,
    TRAINING,
    Morning,
    deliver,
    moved,
    row,
    to_the_second,
)

MARGIN = timedelta(minutes=2)


@pytest.fixture
def morning(region) -> Morning:
    return Morning(region, timezone.now() - timedelta(minutes=10))


def the_finding() -> PresenceFinding:
    return PresenceFinding.objects.get()


class TestMeeting:
    @pytest.mark.parametrize("side", ["nw", "retail"])
    def test_is_found_once_with_the_points_displayed_whoevers_card_it_was(self, morning, side):
        who = morning.newcomer(side, "71" if side == "nw" else "72")
        morning.session(who)
        morning.reads(who, OTHER_LOW, OTHER_HIGH)
        deliver(row(TRAINING, SATO, morning.minute(5), morning.minute(20)), at=morning.noon)
        assert morning.finds() == 1
        found = the_finding()
        card = morning.region.cards[who]
        assert (found.person_number, found.person_name, found.company) == ("R-20001", "佐藤 花子", "試験電力")
        assert (found.terminal_number, found.card_number) == ("NW-0305", card.number)
        assert found.user_name == card.staff.name
        assert found.during.lower == to_the_second(morning.minute(5)) - MARGIN
        assert found.during.upper == to_the_second(morning.minute(20)) + MARGIN
        assert found.points == 2
        assert not found.is_open

    def test_counts_only_what_this_card_was_shown_meanwhile(self, morning):
        who, colleague = morning.newcomer("nw", "73"), morning.newcomer("nw", "74")
        morning.session(who)
        morning.reads(who, OTHER_LOW)
        morning.reads(who, OTHER_HIGH, outcome=Outcome.REFUSED)
        morning.reads(colleague, OTHER_HIGH)
        deliver(
            row(TRAINING, SATO, morning.minute(5), morning.minute(20)),
            row(TRAINING, ("R-20002", "中村 亮", "RT"), morning.minute(20), morning.minute(25)),
            at=morning.noon,
        )
        morning.finds()
        points = PresenceFinding.objects.order_by("person_number").values_list("person_number", "points")
        assert list(points) == [("R-20001", 1), ("R-20002", 0)]

    def test_is_none_where_nobody_of_retail_was_in(self, morning):
        morning.session("contractor_clerk")
        deliver(
            row(TRAINING, ONISHI, morning.minute(5), morning.minute(20)),
            row(TRAINING, KINOSHITA, morning.minute(5), morning.minute(20)),
            row(NW_ROOM, SATO, morning.minute(5), morning.minute(20)),
            at=morning.noon,
        )
        assert morning.finds() == 0

    def test_is_none_without_a_session(self, morning):
        morning.session("contractor_clerk", since=60, until=90)
        deliver(row(TRAINING, SATO, morning.minute(5), morning.minute(20)), at=morning.noon)
        assert morning.finds() == 0

    def test_is_none_on_a_retail_terminal(self, morning):
        morning.session("retail_clerk")
        WorkSession.objects.update(terminal_number="RT-0412")
        deliver(row(("B-01", "3F", "営業所"), SATO, morning.minute(5), morning.minute(20)), at=morning.noon)
        assert morning.finds() == 0

    def test_made_again_changes_nothing(self, morning):
        morning.session("contractor_clerk")
        deliver(row(TRAINING, SATO, morning.minute(5), morning.minute(20)), at=morning.noon)
        assert [morning.finds(120), morning.finds(121), morning.finds(600)] == [1, 0, 0]
        assert (PresenceFinding.objects.count(), Alert.objects.count(), Notice.objects.count()) == (1, 1, 1)

    def test_of_two_stays_within_one_session_that_touch_is_one(self, morning):
        morning.session("contractor_clerk")
        deliver(
            row(TRAINING, SATO, morning.minute(5), morning.minute(10)),
            row(TRAINING, SATO, morning.minute(12), morning.minute(20)),
            at=morning.noon,
        )
        assert [morning.finds(), morning.finds()] == [1, 0]
        assert the_finding().during.upper == to_the_second(morning.minute(20)) + MARGIN


class TestMissingExit:
    def test_counts_as_being_there_until_now(self, morning):
        morning.session("contractor_clerk")
        deliver(row(TRAINING, SATO, morning.minute(-60)), at=morning.noon)
        assert morning.finds() == 1
        assert the_finding().during.lower == morning.minute(0)
        assert the_finding().during.upper == morning.minute(30)

    def test_ends_with_the_next_movement_anywhere(self, morning):
        morning.session("contractor_clerk")
        deliver(
            row(TRAINING, SATO, morning.minute(-60)),
            row(("B-01", "3F", "営業所"), SATO, morning.minute(-10), morning.minute(60)),
            at=morning.noon,
        )
        assert morning.finds() == 0

    def test_grows_while_the_session_lasts_and_shrinks_when_the_exit_comes(self, morning):
        session = morning.session("contractor_clerk", until=None)
        WorkSession.objects.update(last_seen_at=morning.minute(15))
        deliver(row(TRAINING, SATO, morning.minute(5)), at=morning.noon)
        assert morning.finds(16) == 1
        assert the_finding().during.upper == morning.minute(15)
        WorkSession.objects.filter(pk=session.pk).update(ended_at=morning.minute(60), end_reason="signed_out")
        assert morning.finds() == 0
        assert (the_finding().during.upper, the_finding().is_open) == (morning.minute(60), False)
        deliver(row(TRAINING, SATO, morning.minute(5), morning.minute(20)), at=morning.noon)
        assert morning.finds() == 0
        assert the_finding().during.upper == to_the_second(morning.minute(20)) + MARGIN

    def test_is_told_on_the_finding_while_it_lasts(self, morning):
        morning.session("contractor_clerk", until=240)
        deliver(row(TRAINING, SATO, morning.minute(5)), at=morning.noon)
        morning.finds(90)
        assert (the_finding().is_open, the_finding().during.upper) == (True, morning.minute(90))


class TestClock:
    def test_that_may_differ_by_two_minutes_is_taken_at_its_worst(self, morning):
        morning.session("contractor_clerk")
        deliver(
            row(TRAINING, SATO, morning.minute(-20), morning.minute(-1.9)),
            row(TRAINING, ("R-20002", "中村 亮", "RT"), morning.minute(31.9), morning.minute(40)),
            at=morning.noon,
        )
        assert morning.finds() == 2

    def test_that_differs_by_no_more_than_that_finds_nobody_who_had_left(self, morning):
        morning.session("contractor_clerk")
        deliver(row(TRAINING, SATO, morning.minute(-20), morning.minute(-2.1)), at=morning.noon)
        assert morning.finds() == 0

    @pytest.mark.parametrize("behind", [600, -600])
    def test_of_a_room_that_is_off_widens_the_stay_and_never_narrows_it(self, morning, behind):
        place = morning.region.places["training"]
        place.clock_offset = -behind
        place.save()
        morning.session("contractor_clerk")
        early, late = (morning.minute(-20), morning.minute(-5)), (morning.minute(35), morning.minute(50))
        deliver(
            row(TRAINING, SATO, *(early if behind > 0 else late)),
            row(TRAINING, ("R-20002", "中村 亮", "RT"), morning.minute(5), morning.minute(20)),
            at=morning.noon,
        )
        assert morning.finds() == 2
        inside = PresenceFinding.objects.get(person_number="R-20002").during
        assert inside.lower <= to_the_second(morning.minute(5)) - MARGIN
        assert inside.upper >= to_the_second(morning.minute(20)) + MARGIN


class TestCompany:
    def found(self, morning, who) -> int:
        morning.session("contractor_clerk")
        deliver(row(TRAINING, who, morning.minute(5), morning.minute(20)), at=morning.noon)
        return morning.finds()

    def test_of_a_person_who_went_from_retail_to_nw_yesterday_is_nw(self, morning):
        moved(SATO, morning.region.nw, morning.ten - timedelta(days=1))
        assert self.found(morning, (*SATO[:2], "NW")) == 0

    def test_of_a_person_who_went_yesterday_is_nw_although_the_gate_has_not_heard_of_it(self, morning):
        moved(SATO, morning.region.nw, morning.ten - timedelta(days=1))
        assert self.found(morning, SATO) == 0

    def test_of_a_person_who_went_from_nw_to_retail_yesterday_is_retail_whatever_the_gate_says(self, morning):
        moved(ONISHI, morning.region.retail, morning.ten - timedelta(days=1))
        assert self.found(morning, ONISHI) == 1
        assert the_finding().company == "試験電力"

    def test_of_a_person_who_changes_sides_in_the_middle_counts_as_retail(self, morning):
        moved(SATO, morning.region.nw, morning.minute(10))
        assert self.found(morning, SATO) == 1

    def test_of_a_contractor_engaged_for_retail_is_retail(self, morning):
        contractor = morning.region.contractor
        moved(KINOSHITA, contractor, morning.ten - timedelta(days=1), engaged_for=EngagedFor.RETAIL)
        assert self.found(morning, KINOSHITA) == 1
        assert the_finding().company == "試験サービス（小売からの受託）"

    def test_of_a_person_the_personnel_office_does_not_know_is_the_records(self, morning):
        assert self.found(morning, ("X-1", "臨時 職員", "RT")) == 1

    def test_of_the_record_counts_where_the_posting_has_ended(self, morning):
        before = Posting.objects.get(staff__number="R-20001")
        before.during = DateTimeTZRange(before.during.lower, morning.ten - timedelta(days=1), "[)")
        before.save()
        assert self.found(morning, SATO) == 1
