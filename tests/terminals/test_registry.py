"""The terminal administrator keeps every register through the pages; the auditor only reads."""

import pytest
from django.utils import timezone

from accesscontrol.models import Organisation
from terminals.models import Building, Deployment, Place, Terminal, ZoneOwnership
from terminals.operations import issue_enrolment_code
from tests.people import OTHER_LOW, Person, make_terminal
from tests.terminals.pages import form_of, refused, saved, text

SINCE, UNTIL = "2024-04-01T09:00", "2025-04-01T09:00"
FINGERPRINT = "0123456789abcdef" * 4


@pytest.fixture
def admin(region) -> Person:
    return region.terminal_admin()


class TestAdministrator:
    def test_registers_a_room_and_a_terminal_that_may_do_nothing_yet(self, admin):
        saved(admin, "buildings", code="B-77", name="港町ビル", address="宮城県仙台市宮城野区港一丁目1番1号")
        saved(
            admin,
            "places",
            building=Building.objects.get(code="B-77").pk,
            floor="2F",
            name="配電センター分室",
        )
        place = Place.objects.get(name="配電センター分室")
        saved(admin, "zones", place=place.pk, kind="nw", assigned_side="", since=SINCE, until="")
        saved(admin, "terminals", number="NW-0777", asset_number="A-777", serial_number="S-777")
        terminal = Terminal.objects.get(number="NW-0777")
        assert terminal.status == "procured"
        page = text(admin.gets(f"/terminals/{terminal.pk}/"))
        assert "調達" in page
        assert "在庫に受け入れる" in page

    @pytest.mark.parametrize(
        ("register", "words"),
        [("buildings", "なし"), ("places", "選んでください"), ("organisations", "選んでください")],
    )
    def test_reads_in_words_what_choosing_nothing_means(self, region, admin, register, words):
        who = region.card_desk() if register == "organisations" else admin
        page = text(who.gets(f"/{register}/new/"))
        assert "-----" not in page
        assert f'<option value="" selected>{words}</option>' in page

    def test_finds_a_row_by_a_part_of_it(self, admin):
        for register, words, found in (
            ("terminals", "0412", "RT-0412"),
            ("deployments", "営業所", "RT-0412"),
            ("registrations", "LU0305", "NW-0305"),
            ("buildings", "合同", "B-01"),
            ("places", "来訪者", "来訪者対応スペース"),
            ("zones", "研修", "委託会社区画"),
        ):
            assert found in text(admin.gets(f"/{register}/", data={"q": words})), register
            nothing = text(admin.gets(f"/{register}/", data={"q": "そのような行はない"}))
            assert "当てはまるものはありません" in nothing, register

    def test_sees_in_the_list_what_both_ledgers_say(self, region, admin):
        make_terminal("NW-0500", "", region.nw, region.places["nw"], status="returned")
        body = text(admin.gets("/terminals/", data={"q": "NW-0500"}))
        for said in ("登録なし", "試験電力ネットワーク", "配電センター", "返却"):
            assert said in body

    def test_changes_a_row_and_finds_the_change_in_its_history_with_a_name(self, region, admin):
        page = f"/terminals/{region.nw_terminal.pk}/"
        given = {"number": "NW-0118", "asset_number": "A-新", "serial_number": "S-NW-0118"}
        assert admin.posts(f"{page}edit/", given).headers["Location"] == page
        history = text(admin.gets(page)).split("変更の履歴")[1]
        assert "林 亜希子（N-10003）" in history
        assert "資産番号：A-NW-0118 → A-新" in history

    def test_cannot_type_in_a_status_even_where_the_form_would_be_willing(self, region, admin):
        page = f"/terminals/{region.nw_terminal.pk}/"
        given = {"number": "NW-0118", "asset_number": "A-新", "serial_number": "S-新", "status": "returned"}
        assert admin.posts(f"{page}edit/", given).headers["Location"] == page
        assert Terminal.objects.get(pk=region.nw_terminal.pk).status == "deployed"

    @pytest.mark.parametrize("register", ["buildings", "places", "zones"])
    def test_edits_a_row_of_every_register_and_nothing_changes_by_itself(self, admin, register):
        row = {"buildings": Building, "places": Place, "zones": ZoneOwnership}[register].objects.first()
        address = f"/{register}/{row.pk}/edit/"
        given = form_of(text(admin.gets(address)))
        before = type(row).objects.values().get(pk=row.pk)
        assert admin.posts(address, given).status_code == 302
        assert type(row).objects.values().get(pk=row.pk) == before

    @pytest.mark.parametrize("register", ["deployments", "registrations"])
    def test_finds_no_form_for_what_only_the_life_cycle_brings_about(self, admin, register):
        assert "登録する" not in text(admin.gets(f"/{register}/"))
        for address in (f"/{register}/new/", f"/{register}/1/edit/"):
            assert admin.gets(address).status_code == 404
            assert admin.posts(address).status_code == 404

    def test_ends_a_zones_ownership_and_begins_the_next_at_the_same_moment(self, region, admin):
        current = ZoneOwnership.objects.get(place=region.places["lobby"])
        given = form_of(text(admin.gets(f"/zones/{current.pk}/edit/"))) | {"until": UNTIL}
        assert admin.posts(f"/zones/{current.pk}/edit/", given).status_code == 302
        history = text(admin.gets(f"/zones/{current.pk}/edit/")).split("変更の履歴")[1]
        assert "→ 2023/12/01 09:00 ～ 2025/04/01 09:00" in history
        next_owner = given | {"kind": "retail", "since": UNTIL, "until": "", "shown": "NW-0118"}
        saved(admin, "zones", **next_owner)
        assert ZoneOwnership.objects.filter(place=region.places["lobby"]).count() == 2


class TestFaults:
    def test_two_owners_of_one_place_at_once_are_refused(self, region, admin):
        given = {"place": region.places["nw"].pk, "kind": "retail", "assigned_side": "", "since": SINCE}
        body = refused(admin.posts("/zones/new/", given), "同じ期間に別の持ち主があります。")
        assert form_of(body)["kind"] == "retail"

    def test_one_lu_on_two_terminals_is_kept_because_it_has_to_be_found(self, region):
        make_terminal("NW-0600", "nw", region.nw, region.places["nw"], lu="LU0118")
        clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
        assert "T-104" in text(clerk.gets("/start/"))

    def test_a_slot_outside_a_contractors_room_is_refused(self, region, admin):
        place = Place.objects.create(building=Building.objects.get(), floor="9F", name="倉庫")
        given = {"place": place.pk, "kind": "nw", "assigned_side": "retail", "since": SINCE}
        refused(admin.posts("/zones/new/", given), "使用枠は委託会社区画だけに指定できます。")

    @pytest.mark.parametrize("until", [SINCE, "2020-01-01T00:00"])
    def test_an_end_before_the_beginning_is_refused(self, region, admin, until):
        place = Place.objects.create(building=Building.objects.get(), floor="9F", name="倉庫")
        given = {"place": place.pk, "kind": "contractor", "assigned_side": "retail", "since": SINCE}
        body = refused(
            admin.posts("/zones/new/", given | {"until": until}), "終了は開始より後の日時にしてください。"
        )
        assert form_of(body)["assigned_side"] == "retail"

    @pytest.mark.parametrize(
        ("register", "given", "message"),
        [
            ("terminals", {"number": "118"}, "端末番号は「NW-0118」の形で入力してください。"),
            ("terminals", {"number": "NW-0118"}, "既に存在します"),
            ("terminals", {"serial_number": "S-NW-0118"}, "既に存在します"),
            ("zones", {"kind": "both"}, "正しく選択してください"),
            ("zones", {"since": ""}, "開始の日時を入力してください。"),
            ("zones", {"since": "昨日"}, "日時を正しく入力してください。"),
            ("buildings", {"code": "B-01"}, "既に存在します"),
            ("buildings", {"name": ""}, "必須です。"),
            ("places", {"floor": "2F", "name": "配電センター"}, "同じ建物・階に同じ名前の区画があります。"),
        ],
    )
    def test_a_fault_is_named_in_japanese_beside_what_was_typed(
        self, region, admin, register, given, message
    ):
        right = {
            "terminals": {"number": "NW-0700", "asset_number": "A-700", "serial_number": "S-700"},
            "zones": {
                "place": region.places["nw"].pk, "kind": "nw", "assigned_side": "", "since": "2022-01-01T00:00",
            },
            "buildings": {"code": "B-70", "name": "別館", "address": "宮城県仙台市"},
            "places": {"building": region.places["nw"].building_id, "floor": "8F", "name": "倉庫"},
        }[register]  # fmt: skip
        body = refused(admin.posts(f"/{register}/new/", right | given), message)
        kept = form_of(body)
        assert [name for name in right if name not in given and kept[name] != str(right[name])] == []


class TestSuspension:
    def test_stops_everybody_until_it_is_lifted_and_says_why(self, region, admin):
        clerk = region.nw_clerk()
        page = f"/terminals/{region.nw_terminal.pk}/"
        admin.posts(f"{page}suspend/", {"reason": "盗難の疑い"})
        assert "理由：盗難の疑い" in text(admin.gets(page))
        answer = clerk.gets(f"/points/{OTHER_LOW}/")
        assert (answer.status_code, "T-105" in text(answer)) == (403, True)
        assert clerk.session is None
        admin.posts(f"{page}resume/")
        assert clerk.signs_in().gets(f"/points/{OTHER_LOW}/").status_code == 200
        history = text(admin.gets(page)).split("変更の履歴")[1]
        assert "停止の理由：盗難の疑い" in history
        assert "停止の理由：（空） → 盗難の疑い" in history

    def test_needs_a_reason(self, region, admin):
        page = f"/terminals/{region.nw_terminal.pk}/"
        admin.posts(f"{page}suspend/", {"reason": " "})
        assert "停止の理由を入力してください。" in text(admin.gets(page))
        assert Terminal.objects.get(pk=region.nw_terminal.pk).suspended_at is None

    @pytest.mark.parametrize(
        ("holder", "place", "fault"),
        [("retail", "nw", "試験電力に配備されています"), ("nw", "lobby", "共用区画に置かれています")],
    )
    def test_is_not_lifted_while_its_cause_is_still_there(self, region, admin, holder, place, fault):
        terminal = make_terminal("NW-0187", "nw", getattr(region, holder), region.places[place])
        region.person("nw_clerk").sits_at(terminal).gets("/start/")
        page = f"/terminals/{terminal.pk}/"
        admin.posts(f"{page}resume/")
        body = text(admin.gets(page))
        assert "まだ解消していないため再開できません。" in body
        assert fault in body
        assert Terminal.objects.get(pk=terminal.pk).suspended_at
        self.repair(region, terminal)
        admin.posts(f"{page}resume/")
        assert Terminal.objects.get(pk=terminal.pk).suspended_at is None

    def repair(self, region, terminal: Terminal) -> None:
        deployment = Deployment.objects.get(terminal=terminal)
        deployment.holder, deployment.place = region.nw, region.places["nw"]
        deployment.save()

    def test_is_foretold_where_the_ledgers_contradict_each_other(self, region, admin):
        terminal = make_terminal("NW-0187", "nw", region.retail, region.places["retail"])
        body = text(admin.gets(f"/terminals/{terminal.pk}/"))
        assert "用途区分が食い違っています" in body
        assert "NW用の設定のまま、試験電力に配備されています。" in body


class TestCertificate:
    @pytest.mark.parametrize(
        "typed",
        [
            FINGERPRINT,
            FINGERPRINT.upper(),
            ":".join(FINGERPRINT.upper()[at : at + 2] for at in range(0, 64, 2)),
            f" {FINGERPRINT[:32]}\n{FINGERPRINT[32:]} ",
        ],
    )
    def test_is_taken_in_every_form_a_tool_prints_it(self, region, admin, typed):
        page = f"/terminals/{region.nw_terminal.pk}/"
        assert admin.posts(f"{page}certificates/", {"fingerprint": typed}).headers["Location"] == page
        assert region.nw_terminal.certificates.get().fingerprint == FINGERPRINT
        assert f"{FINGERPRINT[:16]}…" in text(admin.gets(page))

    @pytest.mark.parametrize(
        "typed", ["", FINGERPRINT[:-1], f"{FINGERPRINT}0", FINGERPRINT.replace("a", "g")]
    )
    def test_that_is_no_sha_256_is_refused_and_kept_in_the_form(self, region, admin, typed):
        page = f"/terminals/{region.nw_terminal.pk}/"
        body = refused(admin.posts(f"{page}certificates/", {"fingerprint": typed}))
        assert "16進64桁で入力してください" in body or "必須です" in body
        assert f'value="{typed}"' in body or not typed
        assert not region.nw_terminal.certificates.exists()

    def test_belongs_to_one_terminal_only(self, region, admin):
        admin.posts(f"/terminals/{region.nw_terminal.pk}/certificates/", {"fingerprint": FINGERPRINT})
        again = admin.posts(
            f"/terminals/{region.retail_terminal.pk}/certificates/", {"fingerprint": FINGERPRINT.upper()}
        )
        refused(again, "既に存在します")

    def test_is_revoked_by_a_button_and_stays_on_record(self, region, admin):
        page = f"/terminals/{region.nw_terminal.pk}/"
        admin.posts(f"{page}certificates/", {"fingerprint": FINGERPRINT})
        certificate = region.nw_terminal.certificates.get()
        assert "失効する" in text(admin.gets(page))
        admin.posts(f"{page}certificates/{certificate.pk}/revoke/")
        assert region.nw_terminal.certificates.get().revoked_at
        assert "失効する" not in text(admin.gets(page))

    def test_of_another_terminal_cannot_be_revoked_here(self, region, admin):
        admin.posts(f"/terminals/{region.nw_terminal.pk}/certificates/", {"fingerprint": FINGERPRINT})
        certificate = region.nw_terminal.certificates.get()
        wrong = f"/terminals/{region.retail_terminal.pk}/certificates/{certificate.pk}/revoke/"
        assert admin.posts(wrong).status_code == 404


class TestAuditor:
    def test_sees_the_ledger_and_finds_no_button_on_it(self, region):
        auditor = region.person("auditor").sits_at(region.office_terminal).signs_in("log_review")
        issue_enrolment_code(region.nw_terminal, by=None, at=timezone.now())
        assert "NW-0118" in text(auditor.gets("/terminals/"))
        page = text(auditor.gets(f"/terminals/{region.nw_terminal.pk}/"))
        assert "変更の履歴" in page
        for button in ("登録コードを発行", "利用を停止", "証明書を登録", "機器を失効", "/edit/"):
            assert button not in page
        assert "登録する" not in text(auditor.gets("/terminals/"))

    def test_is_refused_every_change_and_nothing_happens(self, region):
        auditor = region.person("auditor").sits_at(region.office_terminal).signs_in("log_review")
        terminal = f"/terminals/{region.nw_terminal.pk}"
        for address in (f"{terminal}/suspend/", f"{terminal}/code/", f"{terminal}/edit/", "/terminals/new/"):
            assert auditor.posts(address, {"reason": "x"}).status_code == 403
        assert Terminal.objects.get(pk=region.nw_terminal.pk).suspended_at is None
        assert Organisation.objects.count() == 3
