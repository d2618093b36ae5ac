"""A terminal's life, step by step: who may, what is refused and in which words, and what each step leaves behind."""

from datetime import timedelta

import pytest

from terminals.choices import EntryControl, EventKind
from terminals.lifecycle import operations, queries
from terminals.models import (
    Deployment,
    Handover,
    LifeEvent,
    LuRegistration,
    ZoneOwnership,
)
from tests.people import OTHER_LOW, make_terminal
from tests.terminals.life import Life, outside_duty, refused, status


@pytest.fixture
def life(region) -> Life:
    return Life.begins(region)


class TestWholeLife:
    def test_from_purchase_to_scrap_through_two_companies(self, life):
        terminal = life.bought()
        assert status(terminal) == "procured"
        operations.receive(terminal, by=life.segawa, at=life.then())
        life.configures(terminal, holder="nw", place="nw")
        life.accepts(life.hands_over(terminal), life.onishi)
        assert status(terminal) == "deployed"
        move = life.asks_to_move(terminal, "office")
        operations.approve_move(move, by=life.hayashi, at=life.then())
        life.accepts(move, life.person("officer"))
        life.accepts(life.gives_back(terminal, by=life.onishi), life.segawa)
        life.deletes(terminal)
        life.reads_back(terminal)
        operations.clear_for_reuse(terminal, by=life.hayashi, at=life.then())
        life.configures(terminal, holder="retail", place="retail", lu="RTNEW")
        life.accepts(life.hands_over(terminal), life.sato)
        life.accepts(life.gives_back(terminal, by=life.sato), life.segawa)
        life.deletes(terminal)
        life.reads_back(terminal)
        operations.retire(terminal, reason="耐用年数", by=life.hayashi, at=life.then())
        assert status(terminal) == "retired"
        kinds = LifeEvent.objects.filter(terminal=terminal).order_by("pk").values_list("kind", flat=True)
        assert list(kinds) == [
            *("received", "configured", "deployed", "moving", "moved", "returned", "lu_confirmed", "cleared"),
            *("configured", "deployed", "returned", "lu_confirmed", "retired"),
        ]
        classes = LuRegistration.objects.filter(terminal=terminal).order_by("pk")
        assert [(row.lu, row.terminal_class) for row in classes] == [("LU0777", "nw"), ("RTNEW", "retail")]
        stays = Deployment.objects.filter(terminal=terminal).order_by("pk")
        assert [stay.place.name for stay in stays] == ["配電センター", "情報管理室", "営業所"]
        assert all(row.during.upper for row in [*classes, *stays])

    def test_opens_customer_rows_only_while_it_is_deployed(self, life, region):
        terminal = life.configured()
        clerk = region.person("nw_clerk").sits_at(terminal)
        assert "T-102" in clerk.gets("/start/").content.decode()
        life.accepts(life.hands_over(terminal), life.onishi)
        clerk.terminal.refresh_from_db()
        assert "秘密　太郎" in clerk.signs_in().gets(f"/points/{OTHER_LOW}/").content.decode()
        life.accepts(life.gives_back(terminal, by=life.person("officer")), life.segawa)
        assert "秘密" not in clerk.gets(f"/points/{OTHER_LOW}/").content.decode()


class TestReceive:
    def test_is_for_those_who_keep_terminals(self, life):
        terminal = life.bought()
        with outside_duty("端末管理か、端末管理の受託の担当だけ"):
            operations.receive(terminal, by=life.onishi, at=life.then())
        assert status(terminal) == "procured"

    def test_is_done_once_and_the_second_is_told_where_the_terminal_is(self, life):
        terminal = life.in_stock()
        with refused("いま「在庫」です"):
            operations.receive(terminal, by=life.segawa, at=life.then())


class TestConfigure:
    @pytest.mark.parametrize(
        ("holder", "place", "wanted"),
        [("nw", "nw", "nw"), ("retail", "retail", "retail"), ("contractor", "training", "nw")],
    )
    def test_gives_the_class_of_the_destination_and_nobody_chooses_it(self, life, holder, place, wanted):
        terminal = life.configured(holder=holder, place=place)
        row = LuRegistration.objects.get(terminal=terminal)
        event = LifeEvent.objects.get(terminal=terminal, kind=EventKind.CONFIGURED)
        assert (row.terminal_class, row.during.lower, event.evidence["class"]) == (wanted, life.at, wanted)

    @pytest.mark.parametrize(
        ("holder", "place", "words"),
        [
            ("nw", "lobby", "共用区画です"),
            ("retail", "lobby", "共用区画です"),
            ("retail", "nw", "試験電力の端末は小売用です。.*NW区画のため置けません"),
            ("nw", "retail", "試験電力ネットワークの端末はNW用です。.*小売区画のため置けません"),
            ("retail", "training", "委託会社区画（NWの枠）のため置けません"),
            ("contractor", "nw", "委託会社区画を設置場所に選んで"),
        ],
    )
    def test_refuses_a_room_that_is_not_for_the_company(self, life, holder, place, words):
        terminal = life.in_stock()
        with refused(words):
            life.configures(terminal, holder=holder, place=place)
        assert status(terminal) == "in_stock"
        assert not LuRegistration.objects.filter(terminal=terminal).exists()

    def test_refuses_a_room_nobody_owns(self, life):
        terminal = life.in_stock()
        ZoneOwnership.objects.filter(place=life.place("nw")).update(kind="contractor")
        with refused("使用枠が決まっていません"):
            life.configures(terminal, holder="contractor", place="nw")
        ZoneOwnership.objects.update(during=(None, life.at - timedelta(days=1)))
        with refused("区画の持ち主が登録されていません"):
            life.configures(terminal)

    def test_never_inherits_an_lu_that_was_left_behind(self, life, region):
        left = make_terminal("NW-0142", "nw", region.nw, region.places["nw"], status="in_stock")
        with refused("LU「LU0142」（NW用）が残っています"):
            life.configures(left, holder="retail", place="retail")
        life.deletes(left)
        with refused("読み返しが済んでいません"):
            life.configures(left, holder="retail", place="retail")
        life.reads_back(left)
        life.configures(left, holder="retail", place="retail", lu="RT0142")
        assert [each.lu for each in queries.registrations(left, life.at)] == ["RT0142"]

    def test_refuses_an_lu_in_force_on_another_terminal(self, life):
        terminal = life.in_stock()
        with refused("LU「LU0118」はNW-0118に登録されています"):
            life.configures(terminal, lu="LU0118")
        assert status(terminal) == "in_stock"

    def test_is_not_for_those_who_hand_over(self, life):
        terminal = life.in_stock()
        with outside_duty("端末管理の担当だけ"):
            operations.configure(
                terminal, to=life.to("nw", "nw"), lu="LU0777", by=life.segawa, at=life.then()
            )

    @pytest.mark.parametrize(
        "said", ["", "ワイヤーロックあり", "ワイヤロックで固定済み", "盗難防止のチェーン"]
    )
    def test_asks_who_else_can_enter_and_takes_no_lock_for_an_answer(self, life, said):
        terminal = life.in_stock()
        to = life.to("nw", "nw", who_can_enter=said)
        with refused("この場所に入れる人を書いてください"):
            operations.configure(terminal, to=to, lu="LU0777", by=life.hayashi, at=life.then())

    @pytest.mark.parametrize("controls", [[], [EntryControl.WIRE_LOCK]])
    def test_takes_no_wire_lock_for_the_only_control(self, life, controls):
        terminal = life.in_stock()
        to = life.to("nw", "nw", controls=controls)
        with refused("ワイヤーロックは盗難を防ぐだけ"):
            operations.configure(terminal, to=to, lu="LU0777", by=life.hayashi, at=life.then())

    def test_keeps_a_wire_lock_on_record_beside_a_real_control(self, life):
        terminal = life.in_stock()
        to = life.to("nw", "nw", controls=[EntryControl.WIRE_LOCK, EntryControl.LOCKED])
        event = operations.configure(terminal, to=to, lu="LU0777", by=life.hayashi, at=life.then())
        assert event.evidence["controls"] == ["locked", "wire_lock"]


class TestHandOver:
    def test_is_not_done_by_whoever_has_set_the_terminal(self, life):
        terminal = life.configured()
        with refused("設定した人は受け渡しできません"):
            life.hands_over(terminal, by=life.hayashi)

    def test_counts_only_when_the_receiver_accepts_it(self, life):
        terminal = life.configured()
        handover = life.hands_over(terminal)
        assert status(terminal) == "configuring"
        assert not Deployment.objects.filter(terminal=terminal).exists()
        life.accepts(handover, life.onishi)
        assert Deployment.objects.get(terminal=terminal).during.lower == life.at

    def test_is_not_accepted_by_the_giver_though_of_the_same_company(self, life):
        terminal = life.configured(holder="contractor", place="training")
        with refused("渡した人は自分で受け取れません"):
            life.accepts(life.hands_over(terminal), life.segawa)

    def test_is_not_accepted_by_another_company(self, life):
        handover = life.hands_over(life.configured())
        with refused("試験電力ネットワークの人だけ"):
            life.accepts(handover, life.sato)

    def test_is_not_made_twice(self, life):
        terminal = life.configured()
        life.hands_over(terminal)
        with refused("受け渡し（配備）が途中です"):
            life.hands_over(terminal)

    def test_is_not_accepted_twice(self, life):
        handover = life.hands_over(life.configured())
        life.accepts(handover, life.onishi)
        with refused("もう終わっています"):
            life.accepts(handover, life.person("officer"))

    def test_declined_leaves_the_terminal_where_it_was_and_may_be_made_again(self, life):
        terminal = life.configured()
        operations.decline(life.hands_over(terminal), reason="破損", by=life.onishi, at=life.then())
        assert status(terminal) == "configuring"
        life.accepts(life.hands_over(terminal), life.onishi)
        assert status(terminal) == "deployed"

    def test_is_not_accepted_where_the_room_has_become_shared_meanwhile(self, life):
        handover = life.hands_over(life.configured())
        ZoneOwnership.objects.filter(place=life.place("nw")).update(kind="shared")
        with refused("共用区画です"):
            life.accepts(handover, life.onishi)
        assert Handover.objects.get(pk=handover.pk).accepted_at is None


class TestMove:
    def test_needs_somebody_else_to_approve_it(self, life):
        terminal = life.deployed()
        move = life.asks_to_move(terminal, by=life.hayashi)
        assert status(terminal) == "relocating"
        with refused("まだ承認されていません"):
            life.accepts(move, life.onishi)
        with refused("自分の申し出は承認できません"):
            operations.approve_move(move, by=life.hayashi, at=life.then())
        operations.approve_move(move, by=life.azuma, at=life.then())
        life.accepts(move, life.onishi)
        assert queries.deployment(terminal, life.at).place == life.place("office")

    def test_ends_one_deployment_and_begins_the_next_at_the_same_moment(self, life):
        terminal = life.deployed()
        move = life.asks_to_move(terminal)
        operations.approve_move(move, by=life.hayashi, at=life.then())
        life.accepts(move, life.person("officer"))
        first, second = Deployment.objects.filter(terminal=terminal).order_by("pk")
        assert first.during.upper == second.during.lower == life.at

    def test_to_another_company_goes_by_way_of_a_return(self, life):
        terminal = life.deployed()
        to = life.to("retail", "retail")
        with refused("別の会社へは移せません。いったん返却し"):
            operations.start_move(terminal, to=to, reason="移管", by=life.onishi, at=life.then())

    @pytest.mark.parametrize(
        ("place", "words"),
        [("lobby", "共用区画です"), ("retail", "小売区画のため置けません"), ("nw", "いまと同じ場所です")],
    )
    def test_stays_in_rooms_of_its_own_side(self, life, place, words):
        terminal = life.deployed()
        with refused(words):
            life.asks_to_move(terminal, place)
        assert status(terminal) == "deployed"

    def test_is_not_asked_for_by_another_company(self, life):
        with refused("配備先の会社の人か"):
            life.asks_to_move(life.deployed(), by=life.sato)

    def test_declined_puts_the_terminal_back_in_use_where_it_stands(self, life):
        terminal = life.deployed()
        move = life.asks_to_move(terminal)
        operations.decline(move, reason="場所がない", by=life.person("officer"), at=life.then())
        assert status(terminal) == "deployed"
        assert queries.deployment(terminal, life.at).place == life.place("nw")
        assert queries.latest(terminal).kind == EventKind.CORRECTED
