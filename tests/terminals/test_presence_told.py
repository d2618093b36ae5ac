"""Who is on no admission list, and what follows from a finding: an alert, a notice, an officer's words."""

from datetime import timedelta

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from accesscontrol.models import Alert, Staff, WorkSession
from terminals.models import Building, Notice, PresenceFinding, RoomAdmission
from tests.terminals.entries import ONISHI, SATO, TRAINING, Morning, deliver, moved, row
from tests.terminals.pages import refused, text


@pytest.fixture
def morning(region) -> Morning:
    return Morning(region, timezone.now() - timedelta(minutes=10))


def the_finding() -> PresenceFinding:
    return PresenceFinding.objects.get()


class TestAdmission:
    def admits(self, morning, company, person="", since=None):
        during = DateTimeTZRange(since or morning.ten - timedelta(days=9), None, "[)")
        place = morning.region.places["training"]
        RoomAdmission.objects.create(
            place=place, company=company, person_number=person, during=during, reason="試験"
        )

    def enters(self, morning, who) -> int:
        deliver(row(TRAINING, who, morning.minute(5), morning.minute(20)), at=morning.noon)
        return morning.finds()

    def test_of_a_company_lets_its_people_in_and_finds_the_others(self, morning):
        self.admits(morning, morning.region.nw)
        assert self.enters(morning, ONISHI) == 0
        assert self.enters(morning, SATO) == 1
        found = the_finding()
        assert (found.person_number, found.terminal_number, found.points) == ("R-20001", "", 0)
        assert Alert.objects.get().codes == ["R-102"]

    def test_of_one_person_lets_only_that_one_in(self, morning):
        self.admits(morning, morning.region.retail, person="R-20001")
        assert self.enters(morning, SATO) == 0
        assert self.enters(morning, ("R-20002", "中村 亮", "RT")) == 1

    def test_of_the_company_somebody_left_no_longer_counts(self, morning):
        moved(ONISHI, morning.region.retail, morning.ten - timedelta(days=1))
        self.admits(morning, morning.region.nw)
        assert self.enters(morning, ONISHI) == 1

    def test_a_room_without_a_list_finds_nobody(self, morning):
        assert self.enters(morning, SATO) == 0

    def test_that_begins_later_does_not_judge_what_was_before(self, morning):
        self.admits(morning, morning.region.nw, since=morning.minute(60))
        assert self.enters(morning, SATO) == 0

    def test_does_not_excuse_a_retail_person_from_an_nw_session(self, morning):
        self.admits(morning, morning.region.retail)
        morning.session("contractor_clerk")
        assert self.enters(morning, SATO) == 1
        assert the_finding().terminal_number == "NW-0305"


class TestTelling:
    @pytest.fixture
    def found(self, morning) -> PresenceFinding:
        Building.objects.update(keeper=Staff.objects.get(number="C-30002"))
        morning.session("contractor_clerk")
        deliver(row(TRAINING, SATO, morning.minute(5), morning.minute(20)), at=morning.noon)
        morning.finds()
        return the_finding()

    def test_raises_an_alert_and_tells_the_keeper_of_the_building(self, region, found):
        alert = Alert.objects.get()
        assert (alert.codes, alert.terminal_number) == (["R-101"], "NW-0305")
        assert alert.place == "合同庁舎 4F 研修室"
        notice = Notice.objects.get()
        assert notice.recipient.number == "C-30002"
        assert "佐藤 花子（R-20001）" in notice.text
        assert 'href="/presence/"' in text(region.officer().gets("/alerts/")).split("R-101")[1]

    def test_the_officer_reviews_it_and_the_words_stay(self, region, morning, found):
        officer = region.officer()
        body = text(officer.gets("/presence/"))
        for said in (
            "佐藤 花子（R-20001）",
            "合同庁舎 4F 研修室",
            "NW-0305",
            "木下 早苗",
            "NWの利用中に同室",
        ):
            assert said in body
        address = f"/presence/{found.pk}/review/"
        assert officer.posts(address, {"words": "講師の監督下。画面は見えない席"}).status_code == 302
        assert officer.posts(address, {"words": "書き直し"}).status_code == 302
        found.refresh_from_db()
        assert (found.review, found.reviewed_by.number) == ("講師の監督下。画面は見えない席", "N-10002")
        assert "未確認の検知はありません" in text(officer.gets("/presence/"))
        assert morning.finds() == 0

    def test_a_review_without_words_is_refused(self, region, found):
        officer = region.officer()
        refused(
            officer.posts(f"/presence/{found.pk}/review/", {"words": " "}), "確認の内容を入力してください。"
        )
        found.refresh_from_db()
        assert found.reviewed_at is None

    def test_the_administrator_looks_and_does_not_review(self, region, found):
        admin = region.terminal_admin()
        page = text(admin.gets("/presence/"))
        assert "佐藤 花子" in page
        assert "確認した</button>" not in page
        assert admin.posts(f"/presence/{found.pk}/review/", {"words": "済"}).status_code == 403

    def test_stands_on_the_page_of_the_room(self, region, found):
        page = text(region.terminal_admin().gets(f"/places/{region.places['training'].pk}/"))
        assert "NWの利用中に同室" in page

    def test_what_comes_after_the_review_is_a_finding_of_its_own(self, region, morning):
        morning.session("contractor_clerk", until=None)
        WorkSession.objects.update(last_seen_at=morning.minute(15))
        deliver(row(TRAINING, SATO, morning.minute(5)), at=morning.noon)
        morning.finds(16)
        first = the_finding()
        region.officer().posts(f"/presence/{first.pk}/review/", {"words": "退室を確認中"})
        WorkSession.objects.filter(terminal_number="NW-0305").update(last_seen_at=morning.minute(45))
        assert [morning.finds(46), morning.finds(47)] == [1, 0]
        second = PresenceFinding.objects.get(reviewed_at__isnull=True)
        assert (second.during.lower, second.during.upper) == (morning.minute(15), morning.minute(45))
