"""A room: whose zone it is, who may be in, what stands there; 共用 stops what is in it at once."""

from datetime import timedelta

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from accesscontrol.models import Staff
from terminals.choices import TerminalClass, ZoneKind
from terminals.models import (
    Building,
    Notice,
    Place,
    RoomAdmission,
    StockTake,
    Terminal,
    ZoneOwnership,
    ZoneOwnershipVersion,
)
from terminals.rooms.operations import judge_zones
from tests.people import OTHER_LOW, Person, make_terminal
from tests.terminals.pages import form_of, refused, text


@pytest.fixture
def admin(region) -> Person:
    return region.terminal_admin()


def zone_of(place: Place) -> ZoneOwnership:
    return ZoneOwnership.objects.get(place=place)


def local(at) -> str:
    return f"{timezone.localtime(at):%Y-%m-%dT%H:%M}"


def suspended() -> list[str]:
    stopped = Terminal.objects.filter(suspended_at__isnull=False)
    return sorted(stopped.values_list("number", flat=True))


class TestRoomTurnedToShared:
    def turns(self, admin: Person, place: Place, **more):
        """Change the kind of the room's zone on its form, as it stands otherwise."""
        address = f"/zones/{zone_of(place).pk}/edit/"
        given = form_of(text(admin.gets(address))) | {"kind": ZoneKind.SHARED} | more
        return admin.posts(address, given)

    def test_shows_what_it_will_stop_before_anything_is_saved(self, region, admin):
        make_terminal("NW-0119", TerminalClass.NW, region.nw, region.places["nw"])
        answer = self.turns(admin, region.places["nw"])
        body = text(answer)
        assert answer.status_code == 200
        assert "保存すると、2台が利用できなくなります" in body
        for said in ("NW-0118", "NW-0119", "NW用の端末が、共用区画に置かれています。"):
            assert said in body
        assert zone_of(region.places["nw"]).kind == ZoneKind.NW
        assert suspended() == []

    def test_stops_every_nw_terminal_at_once_and_the_open_session_dies_on_its_next_request(
        self, region, admin
    ):
        make_terminal("NW-0119", TerminalClass.NW, region.nw, region.places["nw"])
        clerk = region.nw_clerk()
        assert clerk.gets(f"/points/{OTHER_LOW}/").status_code == 200
        answer = self.turns(admin, region.places["nw"], shown="NW-0118 NW-0119")
        assert answer.headers["Location"] == f"/places/{region.places['nw'].pk}/"
        assert suspended() == ["NW-0118", "NW-0119"]
        page = text(admin.gets(answer.headers["Location"]))
        assert "端末2台の利用を停止しました（NW-0118、NW-0119）。" in page
        refusal = clerk.gets(f"/points/{OTHER_LOW}/")
        assert (refusal.status_code, "T-105" in text(refusal)) == (403, True)
        assert clerk.session is None
        assert "秘密" not in text(refusal)

    def test_asks_again_when_another_terminal_came_in_meanwhile(self, region, admin):
        make_terminal("NW-0119", TerminalClass.NW, region.nw, region.places["nw"])
        body = text(self.turns(admin, region.places["nw"], shown="NW-0118"))
        assert "止まる端末が変わりました" in body
        assert suspended() == []

    def test_goes_back_to_the_form_with_everything_typed(self, region, admin):
        answer = self.turns(admin, region.places["nw"], again="1")
        assert form_of(text(answer))["kind"] == ZoneKind.SHARED
        assert zone_of(region.places["nw"]).kind == ZoneKind.NW

    def test_tells_the_keeper_of_the_building(self, region, admin):
        keeper = Staff.objects.get(number="C-30002")
        Building.objects.update(keeper=keeper)
        self.turns(admin, region.places["nw"], shown="NW-0118")
        notice = Notice.objects.get()
        assert notice.recipient == keeper
        assert "端末NW-0118の利用を停止しました。" in notice.text

    def test_leaves_its_former_owner_as_a_version_on_record(self, region, admin):
        zone = zone_of(region.places["nw"])
        self.turns(admin, region.places["nw"], shown="NW-0118")
        kinds = ZoneOwnershipVersion.objects.filter(origin=zone.pk).order_by("pk")
        assert list(kinds.values_list("kind", flat=True)) == [ZoneKind.NW, ZoneKind.SHARED]

    def test_leaves_terminals_of_other_rooms_alone(self, region, admin):
        self.turns(admin, region.places["nw"], shown="NW-0118")
        assert suspended() == ["NW-0118"]

    def test_stops_nothing_where_nothing_stands_and_asks_nothing(self, region, admin):
        empty = Place.objects.create(building=Building.objects.get(), floor="9F", name="会議室")
        ZoneOwnership.objects.create(
            place=empty, kind=ZoneKind.NW, during=zone_of(region.places["nw"]).during
        )
        assert self.turns(admin, empty).status_code == 302
        assert zone_of(empty).kind == ZoneKind.SHARED


class TestNewOwner:
    def gives(self, admin: Person, place: Place, since, **more):
        given = {
            "place": place.pk,
            "kind": ZoneKind.SHARED,
            "assigned_side": "",
            "since": local(since),
            "until": "",
        }
        return admin.posts("/zones/new/", given | more)

    def test_ends_the_owner_before_where_it_begins(self, region, admin):
        place, yesterday = region.places["nw"], timezone.now() - timedelta(days=1)
        answer = self.gives(admin, place, yesterday, ends_current="on", shown="NW-0118")
        assert answer.status_code == 302
        before, after = ZoneOwnership.objects.filter(place=place).order_by("during")
        assert before.during.upper == after.during.lower
        assert [before.kind, after.kind] == [ZoneKind.NW, ZoneKind.SHARED]
        assert suspended() == ["NW-0118"]

    def test_is_refused_over_the_owner_before_unless_that_one_ends(self, region, admin):
        answer = self.gives(admin, region.places["nw"], timezone.now())
        body = refused(answer, "同じ期間に別の持ち主があります。")
        assert form_of(body)["kind"] == ZoneKind.SHARED

    def test_of_a_later_date_stops_nothing_until_then_and_is_foretold(self, region, admin):
        place, tomorrow = region.places["nw"], timezone.now() + timedelta(days=1)
        body = text(self.gives(admin, place, tomorrow, ends_current="on"))
        assert "それまでは、いまの持ち主のまま使えます。" in body
        assert "NW-0118" in body
        self.gives(admin, place, tomorrow, ends_current="on", shown="NW-0118")
        assert suspended() == []
        clerk = region.nw_clerk()
        assert clerk.gets(f"/points/{OTHER_LOW}/").status_code == 200

    def test_of_a_later_date_suspends_at_the_boundary_and_once(self, region, admin):
        place, tomorrow = region.places["nw"], timezone.now() + timedelta(days=1)
        self.gives(admin, place, tomorrow, ends_current="on", shown="NW-0118")
        boundary = ZoneOwnership.objects.get(place=place, kind=ZoneKind.SHARED).during.lower
        assert judge_zones(at=boundary - timedelta(microseconds=1)) == 0
        assert judge_zones(at=boundary) == 1
        assert suspended() == ["NW-0118"]
        assert judge_zones(at=boundary + timedelta(minutes=1)) == 0

    def test_is_chosen_from_the_room_the_administrator_came_from(self, region, admin):
        place = region.places["training"]
        assert form_of(text(admin.gets("/zones/new/", data={"place": place.pk})))["place"] == str(place.pk)


class TestPage:
    def test_shows_owners_terminals_and_stock_takes(self, region, admin):
        place = region.places["nw"]
        StockTake.objects.create(
            place=place, by=Staff.objects.get(number="C-30002"), started_at=timezone.now()
        )
        page = text(admin.gets(f"/places/{place.pk}/"))
        for said in ("合同庁舎 2F 配電センター", "NW区画", "NW-0118", "NW用", "LU0118", "瀬川 徹"):
            assert said in page

    def test_says_that_nobody_owns_it(self, region, admin):
        place = Place.objects.create(building=Building.objects.get(), floor="9F", name="倉庫")
        page = text(admin.gets(f"/places/{place.pk}/"))
        assert "持ち主なし" in page
        assert "どの端末も利用できません。" in page

    def test_takes_a_company_onto_the_admission_list_and_ends_it(self, region, admin):
        page = f"/places/{region.places['training'].pk}/"
        given = {
            "company": region.nw.pk,
            "person_number": "",
            "reason": "研修",
            "since": "2024-04-01T09:00",
            "until": "",
        }
        assert admin.posts(f"{page}admissions/", given).headers["Location"] == page
        admission = RoomAdmission.objects.get()
        assert "研修" in text(admin.gets(page))
        assert admin.posts(f"{page}admissions/{admission.pk}/end/").status_code == 302
        admission.refresh_from_db()
        assert admission.during.upper <= timezone.now()

    def test_refuses_a_second_admission_over_the_first_and_keeps_what_was_typed(self, region, admin):
        page = f"/places/{region.places['training'].pk}/"
        given = {"company": region.nw.pk, "reason": "研修の講師", "since": "2024-04-01T09:00", "until": ""}
        admin.posts(f"{page}admissions/", given)
        body = refused(admin.posts(f"{page}admissions/", given), "同じ期間の許可がすでにあります。")
        assert form_of(body)["reason"] == "研修の講師"
        refused(
            admin.posts(f"{page}admissions/", given | {"since": "昨日"}), "日時を正しく入力してください。"
        )

    def test_takes_off_an_admission_that_has_not_begun(self, region, admin):
        place = region.places["training"]
        later = DateTimeTZRange(timezone.now() + timedelta(days=1), None, "[)")
        coming = RoomAdmission.objects.create(place=place, company=region.nw, during=later, reason="来週")
        admin.posts(f"/places/{place.pk}/admissions/{coming.pk}/end/")
        assert not RoomAdmission.objects.exists()

    def test_an_admission_of_another_room_cannot_be_ended_here(self, region, admin):
        always = zone_of(region.places["nw"]).during
        other = RoomAdmission.objects.create(
            place=region.places["nw"], company=region.nw, during=always, reason="常駐"
        )
        answer = admin.posts(f"/places/{region.places['training'].pk}/admissions/{other.pk}/end/")
        assert answer.status_code == 404
        assert RoomAdmission.objects.get().during.upper is None

    def test_a_day_that_is_none_is_refused_in_words(self, region, admin):
        refused(admin.gets(f"/places/{region.places['nw'].pk}/", data={"day": "きのう"}), "日付")

    def test_keeps_how_far_the_clock_of_the_room_is_ahead(self, region, admin):
        place = region.places["nw"]
        given = form_of(text(admin.gets(f"/places/{place.pk}/edit/"))) | {"clock_offset": "-90"}
        assert admin.posts(f"/places/{place.pk}/edit/", given).status_code == 302
        assert Place.objects.get(pk=place.pk).clock_offset == -90
        admin.posts(f"/places/{place.pk}/edit/", given | {"clock_offset": ""})
        assert Place.objects.get(pk=place.pk).clock_offset == 0


class TestSharedBuildings:
    def test_lists_the_building_of_both_companies_zone_by_zone(self, region):
        page = text(region.officer().gets("/buildings/shared/"))
        for said in ("合同庁舎", "NW区画", "小売区画", "共用区画", "委託会社区画", "NW-0118", "RT-0412"):
            assert said in page
        assert "区画と一致しない" not in page

    def test_marks_a_terminal_in_a_zone_that_is_not_its_own(self, region):
        make_terminal("NW-0231", TerminalClass.NW, region.nw, region.places["lobby"])
        page = text(region.officer().gets("/buildings/shared/"))
        assert page.count("区画と一致しない") == 1

    def test_leaves_out_a_building_of_one_company_and_marks_a_room_without_owner(self, region):
        alone = Building.objects.create(code="B-02", name="別館", address="宮城県仙台市")
        room = Place.objects.create(building=alone, floor="1F", name="倉庫")
        ZoneOwnership.objects.create(place=room, kind=ZoneKind.NW, during=zone_of(region.places["nw"]).during)
        Place.objects.create(building=Building.objects.get(code="B-01"), floor="9F", name="空き室")
        page = text(region.officer().gets("/buildings/shared/"))
        assert "別館" not in page
        assert page.count("持ち主なし") == 1


class TestRetailClerk:
    def test_sees_none_of_these_pages(self, region):
        clerk = region.retail_clerk()
        place = region.places["retail"].pk
        for address in (
            f"/places/{place}/",
            "/buildings/shared/",
            "/presence/",
            "/room-entries/",
            "/zones/new/",
            f"/zones/{zone_of(region.places['nw']).pk}/edit/",
        ):
            assert clerk.gets(address).status_code == 403, address
        for address in (f"/places/{place}/admissions/", "/presence/1/review/", "/room-entries/"):
            assert clerk.posts(address).status_code == 403, address
