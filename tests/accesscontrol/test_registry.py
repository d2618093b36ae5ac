"""The card desk keeps companies, people, postings and cards through the pages."""

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, ProgrammingError
from django.utils import timezone

from accesscontrol import changes
from accesscontrol.models import Card, Organisation, Posting, Staff
from terminals.models import Terminal
from tests.people import OTHER_LOW, PIN, Person
from tests.terminals.pages import form_of, refused, saved, text

SINCE, UNTIL = "2024-04-01T09:00", "2025-04-01T09:00"
GOOD_PIN = "246813"
STAYS = "番号は登録した後に変えられません。閲覧記録がこの番号で残っているためです。"


@pytest.fixture
def desk(region) -> Person:
    return region.card_desk()


def pin_page(card: Card) -> str:
    return f"/cards/{card.pk}/pin/"


def sets_pin(desk: Person, card: Card, pin: str, again: str = ""):
    return desk.posts(pin_page(card), {"pin": pin, "again": again or pin})


class TestDesk:
    def test_takes_a_newcomer_from_nothing_to_the_first_look_up(self, region, desk):
        saved(desk, "staff", number="N-10099", name="新井 望", kana="アライ ノゾミ")
        newcomer = Staff.objects.get(number="N-10099")
        saved(
            desk,
            "postings",
            staff=newcomer.pk,
            organisation=region.nw.pk,
            department="託送契約課",
            duty="inquiry",
            since=SINCE,
        )
        saved(
            desk,
            "cards",
            number="1000000099",
            kind="individual",
            company=region.nw.pk,
            staff=newcomer.pk,
            since=SINCE,
        )
        card = Card.objects.get(number="1000000099")
        assert "未設定" in text(desk.gets(f"/cards/{card.pk}/"))
        assert sets_pin(desk, card, GOOD_PIN).headers["Location"] == f"/cards/{card.pk}/"
        assert "設定済み" in text(desk.gets(f"/cards/{card.pk}/"))
        clerk = Person(card).sits_at(region.nw_terminal)
        assert clerk.tries_to_sign_in(GOOD_PIN).status_code == 302
        clerk.posts("/start/purpose/", {"purpose": "contract_inquiry"})
        assert "秘密　太郎" in text(clerk.gets(f"/points/{OTHER_LOW}/"))

    def test_moves_a_person_to_the_other_company_and_the_old_rights_are_gone(self, region, desk):
        clerk = region.nw_clerk()
        posting = Posting.objects.get(staff=clerk.card.staff)
        address = f"/postings/{posting.pk}/edit/"
        now = f"{timezone.localtime():%Y-%m-%dT%H:%M}"
        given = form_of(text(desk.gets(address)))
        assert desk.posts(address, given | {"until": now}).status_code == 302
        saved(desk, "postings", **(given | {"organisation": region.retail.pk, "since": now}))
        answer = clerk.gets(f"/points/{OTHER_LOW}/")
        assert answer.status_code == 403
        assert "秘密" not in text(answer)
        assert {str(row.organisation) for row in Posting.objects.filter(staff=clerk.card.staff)} == {
            "試験電力ネットワーク",
            "試験電力",
        }

    def test_finds_a_row_by_a_part_of_it(self, desk):
        for register, words, found in (
            ("organisations", "サービス", "CT"),
            ("staff", "佐藤", "R-20001"),
            ("postings", "託送契約", "大西 誠"),
            ("cards", "300000", "木下 早苗"),
        ):
            assert found in text(desk.gets(f"/{register}/", data={"q": words})), register
            assert "当てはまるものはありません" in text(
                desk.gets(f"/{register}/", data={"q": "だれもいない"})
            )

    def test_finds_every_change_in_the_history_with_the_name_of_who_made_it(self, region, desk):
        row = Organisation.objects.get(code="CT")
        given = {"code": "CT", "name": "試験サービス東", "kind": "contractor"}
        assert desk.posts(f"/organisations/{row.pk}/edit/", given).status_code == 302
        history = text(desk.gets(f"/organisations/{row.pk}/edit/")).split("変更の履歴")[1]
        assert "名称：試験サービス → 試験サービス東" in history
        assert "村上 健（N-10004）" in history

    @pytest.mark.parametrize("register", ["organisations", "staff", "postings", "cards"])
    def test_saves_a_row_as_it_stands_and_nothing_changes_by_itself(self, desk, register):
        model = {"organisations": Organisation, "staff": Staff, "postings": Posting, "cards": Card}[register]
        row = model.objects.exclude(pk=desk.card.pk).first()
        address = f"/{register}/{row.pk}/edit/"
        before = model.objects.values().get(pk=row.pk)
        assert desk.posts(address, form_of(text(desk.gets(address)))).status_code == 302
        assert model.objects.values().get(pk=row.pk) == before


class TestFaults:
    def test_two_postings_at_once_are_refused_and_the_form_keeps_all(self, region, desk):
        given = {
            "staff": region.cards["nw_clerk"].staff_id,
            "organisation": region.retail.pk,
            "department": "営業部",
            "duty": "inquiry",
            "engaged_for": "",
            "since": SINCE,
            "until": UNTIL,
        }
        body = refused(
            desk.posts("/postings/new/", given),
            "同じ期間に別の所属があります。前の所属の終わりを先に入れてください。",
        )
        assert form_of(body) == {name: str(value) for name, value in given.items()}
        assert Posting.objects.filter(staff=given["staff"]).count() == 1

    @pytest.mark.parametrize(
        ("register", "given", "message"),
        [
            ("staff", {"number": "10099"}, "職員番号は「N-12345」の形で入力してください。"),
            ("staff", {"number": "N-10001"}, "既に存在します"),
            ("cards", {"number": "123"}, "職員証番号は10桁の数字で入力してください。"),
            ("cards", {"staff": ""}, "個人の職員証には職員を指定してください。"),
            ("cards", {"until": "2020-01-01T00:00"}, "終了は開始より後の日時にしてください。"),
            ("organisations", {"kind": "police"}, "正しく選択してください"),
        ],
    )
    def test_a_fault_is_named_in_japanese_beside_what_was_typed(self, region, desk, register, given, message):
        right = {
            "staff": {"number": "N-10098", "name": "新井 望"},
            "cards": {
                "number": "1000000098",
                "kind": "individual",
                "company": region.nw.pk,
                "staff": region.cards["nw_clerk"].staff_id,
                "since": SINCE,
            },
            "organisations": {"code": "XX", "name": "ある会社", "kind": "other"},
        }[register]
        body = refused(desk.posts(f"/{register}/new/", right | given), message)
        kept = form_of(body)
        assert [name for name in right if name not in given and kept[name] != str(right[name])] == []


class TestCardNumber:
    @pytest.fixture
    def given(self, region) -> dict[str, object]:
        """What the desk would type to give the NW clerk's number to the retail clerk."""
        staff = region.cards["retail_clerk"].staff_id
        return {
            "number": "1000000001",
            "kind": "individual",
            "company": region.retail.pk,
            "staff": staff,
            "since": SINCE,
        }

    def test_is_never_given_again(self, desk, given):
        refused(desk.posts("/cards/new/", given), "既に存在します")

    def test_is_never_given_again_after_the_card_is_over(self, region, desk, given):
        card = region.cards["nw_clerk"]
        address = f"/cards/{card.pk}/edit/"
        assert desk.posts(address, form_of(text(desk.gets(address))) | {"until": UNTIL}).status_code == 302
        desk.posts(f"/cards/{card.pk}/suspend/", {"reason": "返却"})
        refused(desk.posts("/cards/new/", given), "既に存在します")

    def test_cannot_be_freed_by_changing_it_on_the_old_card(self, region, desk, given):
        card = region.cards["nw_clerk"]
        address = f"/cards/{card.pk}/edit/"
        changed = form_of(text(desk.gets(address))) | {"number": "1000000077"}
        refused(desk.posts(address, changed), STAYS)
        assert Card.objects.get(pk=card.pk).number == "1000000001"
        refused(desk.posts("/cards/new/", given), "既に存在します")


class TestNumbers:
    """The read log names people, cards and terminals by their numbers for ever."""

    ROWS = (
        (Card, "1000000001", "1000000077"),
        (Staff, "N-10001", "N-10077"),
        (Terminal, "NW-0118", "NW-0777"),
    )

    @pytest.fixture(params=ROWS, ids=["card", "staff", "terminal"])
    def numbered(self, request, region):
        model, number, other = request.param
        return model.objects.get(number=number), other

    def test_stay_whoever_saves_the_row(self, region, numbered):
        row, other = numbered
        kept, row.number = row.number, other
        with pytest.raises(ValidationError, match=STAYS):
            changes.record(row, by=region.cards["card_desk"].staff, at=timezone.now())
        assert type(row).objects.get(pk=row.pk).number == kept

    def test_stay_whatever_statement_tries_to_change_them(self, numbered):
        row, other = numbered
        with pytest.raises(IntegrityError, match="number"):
            type(row).objects.filter(pk=row.pk).update(number=other)
        assert type(row).objects.filter(pk=row.pk, number=row.number).exists()

    def test_stay_also_against_the_owner_of_the_tables(self, owner, numbered):
        row, other = numbered
        with pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute(
                f"UPDATE app.{row._meta.db_table} SET number = %s WHERE id = %s",
                [other, row.pk],
            )

    def test_are_not_freed_by_deleting_the_row(self, numbered):
        row, _ = numbered
        with pytest.raises(ProgrammingError, match="permission denied"):
            type(row).objects.filter(pk=row.pk)._raw_delete("default")

    def test_may_be_saved_again_as_they_are(self, region, numbered):
        row, _ = numbered
        number = row.number
        changes.record(row, by=region.cards["card_desk"].staff, at=timezone.now())
        row.refresh_from_db()
        assert row.number == number


class TestPin:
    @pytest.mark.parametrize(
        "pin",
        [
            "000000",
            "111111",
            "121212",
            "123456",
            "987654",
            "112211",
            "12345",
            "1234567",
            "abcdef",
            "１３５７９０",
            "13579 ",
            "-13579",
        ],
    )
    def test_that_is_weak_or_no_six_digits_is_refused(self, region, desk, pin):
        card = region.cards["nw_clerk"]
        refused(
            sets_pin(desk, card, pin),
            "暗証番号は数字6桁で、同じ数字ばかりや続き番号にならないように決めてください。",
        )
        assert Card.objects.get(pk=card.pk).pin_hash == card.pin_hash

    def test_that_was_typed_twice_differently_is_refused_and_not_shown(self, region, desk):
        answer = sets_pin(desk, region.cards["nw_clerk"], GOOD_PIN, "246814")
        body = refused(answer, "2回の入力が一致しません。もう一度入力してください。")
        assert GOOD_PIN not in body

    def test_that_is_new_replaces_the_old_one_and_ends_a_pause(self, region, desk):
        clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
        for _ in range(5):
            clerk.tries_to_sign_in("000111")
        assert Card.objects.get(pk=clerk.card.pk).locked_until
        assert sets_pin(desk, clerk.card, GOOD_PIN).status_code == 302
        assert clerk.tries_to_sign_in(PIN).status_code == 400
        assert clerk.tries_to_sign_in(GOOD_PIN).status_code == 302

    def test_leaves_the_fact_in_the_history_and_nothing_of_itself_not_even_a_part_of_its_hash(
        self, region, desk, owner
    ):
        card = region.cards["nw_clerk"]
        sets_pin(desk, card, GOOD_PIN)
        history = text(desk.gets(f"/cards/{card.pk}/")).split("変更の履歴")[1]
        assert "変更" in history
        assert "暗証番号：（値は残しません）" in history
        kept = owner.execute("SELECT changes::text FROM app.auditlog_logentry").fetchall()
        assert len(kept) > 10
        for said in (history, *(row[0] for row in kept)):
            assert GOOD_PIN not in said
            assert Card.objects.get(pk=card.pk).pin_hash[-12:] not in said
            assert card.pin_hash[-12:] not in said


class TestSuspension:
    def test_stops_a_card_at_once_until_it_is_lifted(self, region, desk):
        clerk = region.nw_clerk()
        page = f"/cards/{clerk.card.pk}/"
        desk.posts(f"{page}suspend/", {"reason": "紛失の届け"})
        assert "理由：紛失の届け" in text(desk.gets(page))
        answer = clerk.gets(f"/points/{OTHER_LOW}/")
        assert (answer.status_code, "C-102" in text(answer)) == (403, True)
        assert clerk.session is None
        assert clerk.tries_to_sign_in().status_code == 403
        desk.posts(f"{page}resume/")
        assert clerk.tries_to_sign_in().status_code == 302
        assert "停止の理由：紛失の届け" in text(desk.gets(page)).split("変更の履歴")[1]

    def test_needs_a_reason(self, region, desk):
        card = region.cards["nw_clerk"]
        desk.posts(f"/cards/{card.pk}/suspend/", {"reason": ""})
        assert "停止の理由を入力してください。" in text(desk.gets(f"/cards/{card.pk}/"))
        assert Card.objects.get(pk=card.pk).suspended_at is None
