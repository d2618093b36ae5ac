"""How a terminal's use ends: return, deletion of its LU and its read-back, and what a correction puts right."""

import pytest

from terminals.choices import EventKind, HandoverKind
from terminals.lifecycle import operations, queries
from terminals.models import (
    Deployment,
    DeploymentVersion,
    EnrolledDevice,
    EnrolmentCode,
    Handover,
    LifeEvent,
    LuDeletion,
    LuRegistration,
    LuRegistrationVersion,
    Terminal,
    TerminalCertificate,
)
from terminals.operations import issue_enrolment_code
from tests.people import make_terminal
from tests.terminals.life import Life, outside_duty, refused, status


@pytest.fixture
def life(region) -> Life:
    return Life.begins(region)


class TestReturn:
    def test_opens_the_lu_deletion_and_ends_everything_the_terminal_was_good_for(self, life, region):
        terminal = life.deployed()
        region.person("nw_clerk").sits_at(terminal)
        TerminalCertificate.objects.create(terminal=terminal, fingerprint="a" * 64, registered_at=life.at)
        issue_enrolment_code(terminal, by=None, at=life.at)
        life.accepts(life.gives_back(terminal), life.segawa)
        assert LuDeletion.objects.get(terminal=terminal).opened_at == life.at
        assert queries.deployment(terminal, life.at) is None
        assert EnrolledDevice.objects.get(terminal=terminal).revoked_at
        assert TerminalCertificate.objects.get(terminal=terminal).revoked_at
        assert not EnrolmentCode.objects.filter(
            terminal=terminal, expires_at__gt=life.at, used_at=None
        ).exists()

    def test_is_accepted_only_by_those_who_keep_terminals(self, life):
        handover = life.gives_back(life.deployed())
        for person in (life.hayashi, life.person("contractor_clerk")):
            with refused("試験サービスの人だけが受け取れます"):
                life.accepts(handover, person)

    def test_is_given_by_the_holding_company_or_a_keeper_and_to_a_keeper(self, life):
        terminal = life.deployed()
        with refused("配備先の会社の人か"):
            life.gives_back(terminal, by=life.sato)
        with refused("端末を預かる会社ではありません"):
            operations.hand_back(
                terminal, to=life.company("retail"), reason="更新", by=life.onishi, at=life.then()
            )

    def test_never_goes_straight_back_into_use(self, life):
        terminal = life.returned()
        with refused("いま「返却」です"):
            life.configures(terminal)
        with refused("いま「返却」です"):
            life.hands_over(terminal)


class TestLuDeletion:
    def test_is_not_confirmed_while_an_lu_is_left_and_says_which(self, life):
        terminal = life.returned()
        with refused("LU「LU0777」がまだ登録されています"):
            life.reads_back(terminal)
        with refused("いま「返却」です"):
            operations.clear_for_reuse(terminal, by=life.hayashi, at=life.then())

    def test_is_read_back_by_somebody_else_than_who_deleted(self, life):
        terminal = life.returned()
        life.deletes(terminal)
        with refused("削除した人は自分で読み返せません"):
            life.reads_back(terminal, by=life.hayashi)
        life.reads_back(terminal)
        event = queries.latest(terminal)
        assert event.evidence == {"registrations": 0, "read_at": life.at.isoformat()}
        assert status(terminal) == "lu_deleted"

    def test_is_not_confirmed_before_anybody_deleted(self, life, region):
        terminal = make_terminal("NW-0700", "", region.nw, region.places["nw"], status="returned")
        with refused("先に、端末管理の担当が「LUを削除」"):
            life.reads_back(terminal)

    def test_does_not_touch_a_terminal_in_use(self, life):
        with refused("先に返却してください"):
            life.deletes(life.deployed())

    def test_of_a_terminal_taken_over_as_returned_waits_from_the_beginning(self, life, region):
        terminal = make_terminal("NW-0142", "nw", region.nw, region.places["nw"], status="returned")
        assert queries.open_deletion(terminal)
        life.deletes(terminal)
        life.reads_back(terminal)
        assert status(terminal) == "lu_deleted"


class TestCorrection:
    def test_of_a_setting_ends_its_lu_and_the_terminal_is_in_stock_again(self, life):
        terminal = life.configured()
        operations.correct(queries.latest(terminal), reason="端末違い", by=life.hayashi, at=life.then())
        assert status(terminal) == "in_stock"
        assert LuRegistration.objects.get(terminal=terminal).during.upper == life.at

    def test_of_an_acceptance_ends_the_deployment_and_it_may_be_handed_over_again(self, life):
        terminal = life.deployed()
        operations.correct(queries.latest(terminal), reason="人違い", by=life.hayashi, at=life.then())
        assert (status(terminal), queries.deployment(terminal, life.at)) == ("configuring", None)
        life.accepts(life.hands_over(terminal), life.person("officer"))
        assert status(terminal) == "deployed"

    def test_of_a_return_lets_the_deployment_go_on_without_a_gap(self, life):
        terminal = life.returned()
        ended = Deployment.objects.get(terminal=terminal).during.upper
        operations.correct(queries.latest(terminal), reason="端末違い", by=life.hayashi, at=life.then())
        assert queries.deployment(terminal, life.at).during.lower == ended
        assert queries.open_deletion(terminal) is None
        assert LuDeletion.objects.get(terminal=terminal).withdrawn_at == life.at
        assert status(terminal) == "deployed"

    def test_of_a_return_is_too_late_once_the_lu_is_deleted(self, life):
        terminal = life.returned()
        life.deletes(terminal)
        with refused("LUはすでに削除されています"):
            operations.correct(queries.latest(terminal), reason="端末違い", by=life.hayashi, at=life.then())

    def test_of_a_move_brings_the_terminal_back_and_another_move_may_be_asked_for(self, life):
        terminal = life.deployed()
        move = life.asks_to_move(terminal)
        operations.approve_move(move, by=life.hayashi, at=life.then())
        event = life.accepts(move, life.person("officer"))
        operations.correct(event, reason="部屋違い", by=life.hayashi, at=life.then())
        assert status(terminal) == "relocating"
        assert queries.deployment(terminal, life.at).place == life.place("nw")
        again = life.asks_to_move(terminal)
        operations.approve_move(again, by=life.hayashi, at=life.then())
        life.accepts(again, life.person("officer"))
        assert queries.deployment(terminal, life.at).place == life.place("office")

    def test_ends_a_handover_that_was_under_way(self, life):
        terminal = life.configured()
        handover = life.hands_over(terminal)
        operations.correct(queries.latest(terminal), reason="端末違い", by=life.hayashi, at=life.then())
        assert Handover.objects.get(pk=handover.pk).declined_reason == "記録の訂正"

    def test_takes_back_only_the_latest_entry_and_never_a_correction(self, life):
        terminal = life.configured()
        first = LifeEvent.objects.get(terminal=terminal, kind=EventKind.RECEIVED)
        with refused("最後の記録だけ"):
            operations.correct(first, reason="x", by=life.hayashi, at=life.then())
        done = operations.correct(queries.latest(terminal), reason="x", by=life.hayashi, at=life.then())
        with refused("「訂正」は訂正できません"):
            operations.correct(done, reason="x", by=life.hayashi, at=life.then())

    def test_is_not_for_those_who_hand_over(self, life):
        terminal = life.in_stock()
        with outside_duty("端末管理の担当だけ"):
            operations.correct(queries.latest(terminal), reason="x", by=life.segawa, at=life.then())


class TestVersions:
    def test_every_change_of_an_lu_and_a_deployment_leaves_what_was_held_true_before(self, life):
        terminal = life.returned()
        life.deletes(terminal)
        for row, versions in (
            (LuRegistration.objects.get(terminal=terminal), LuRegistrationVersion),
            (Deployment.objects.get(terminal=terminal), DeploymentVersion),
        ):
            before, now = versions.objects.filter(origin=row.pk).order_by("pk")
            assert (before.during.upper, now.during.upper) == (None, row.during.upper)
            assert before.recorded.upper == now.recorded.lower
            assert now.recorded.upper is None

    def test_a_handover_of_another_kind_is_not_approved(self, life):
        handover = life.hands_over(life.configured())
        assert handover.kind == HandoverKind.DEPLOY
        with refused("承認が要るのは移設・貸替だけ"):
            operations.approve_move(handover, by=life.hayashi, at=life.then())

    def test_a_retired_terminal_stays_on_record(self, life):
        terminal = life.in_stock()
        operations.retire(terminal, reason="故障", by=life.hayashi, at=life.then())
        assert Terminal.objects.get(pk=terminal.pk).status == "retired"
        with refused("いま「廃棄」です"):
            life.configures(terminal)
