"""The nightly run lays the ledger, the registry, the postings and what was seen beside each other."""

from datetime import timedelta

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from accesscontrol.models import Alert, Posting, WorkSession
from terminals.choices import Kind, LedgerState, Outcome, State, TerminalClass, Trigger
from terminals.models import (
    Deployment,
    Discrepancy,
    LuRegistration,
    Notice,
    Run,
    Sighting,
    StockTake,
    Terminal,
    TerminalLastSeen,
    ZoneOwnership,
)
from terminals.reconciliation import operations
from terminals.reconciliation.queries import open_discrepancies
from tests.people import SINCE, make_terminal
from tests.terminals.ledgers import Line, code_of, honest_lines, ledger_in_force
from tests.terminals.life import another_admin


@pytest.fixture
def at():
    return timezone.now()


@pytest.fixture
def audited(region, at):
    """Everything was seen and counted yesterday, so that only what a test plants is wrong."""
    seen(region, at - timedelta(days=1))
    return region


def seen(region, when) -> None:
    by = region.cards["terminal_contractor"].staff
    for deployed in Deployment.objects.filter(during__contains=when):
        take = StockTake.objects.create(place=deployed.place, by=by, started_at=when, finished_at=when)
        Sighting.objects.create(
            stock_take=take, code=deployed.terminal.number, terminal=deployed.terminal, seen_at=when
        )
        TerminalLastSeen.objects.update_or_create(terminal=deployed.terminal, defaults={"seen_at": when})


def run(at, **options) -> Run:
    made = operations.reconcile(trigger=Trigger.NIGHTLY, by=None, at=at, **options)
    made.refresh_from_db()
    return made


def found() -> set[tuple[str, str]]:
    return {(each.kind, each.terminal_number) for each in open_discrepancies()}


def with_line(at, number: str, **says) -> None:
    lines = honest_lines(at)
    lines[number] = lines[number].says(**says)
    ledger_in_force(list(lines.values()))


class TestAgreement:
    def test_two_ledgers_that_agree_leave_a_run_without_a_difference_as_evidence(self, audited, at):
        ledger = ledger_in_force(list(honest_lines(at).values()))
        made = run(at)
        assert (made.outcome, made.found, made.opened) == (Outcome.DONE, 0, 0)
        assert made.checked == 4
        assert made.sources["ledger"] == {
            "file": ledger.file_name,
            "sha256": ledger.sha256,
            "as_of": str(ledger.as_of),
            "rows": 4,
        }
        assert made.sources["online"]["rows"] == 4
        assert len(made.sources["online"]["sha256"]) == 64
        assert [(site["site"], site["alike"]) for site in made.sites] == [("合同庁舎", 4)]


class TestKinds:
    """One example of each kind of REC-02, found under its own name and nothing else."""

    def test_an_nw_class_at_a_retail_holder(self, audited, at):
        with_line(at, "NW-0118", holder_code=code_of("retail"))
        run(at)
        assert found() == {(Kind.NW_AT_RETAIL, "NW-0118")}

    def test_a_retail_class_at_an_nw_holder(self, audited, at):
        with_line(at, "RT-0412", holder_code=code_of("nw"))
        run(at)
        assert found() == {(Kind.RETAIL_AT_NW, "RT-0412")}

    def test_an_nw_terminal_that_the_ledger_puts_into_the_lobby(self, audited, at):
        with_line(at, "NW-0118", floor="1F", room="来訪者対応スペース")
        run(at)
        assert found() == {(Kind.NW_ZONE, "NW-0118"), (Kind.PLACE_DIFFERS, "NW-0118")}

    def test_an_nw_terminal_that_a_stock_take_found_in_the_lobby(self, audited, at):
        ledger_in_force(list(honest_lines(at).values()))
        take = StockTake.objects.create(
            place=audited.places["lobby"], by=audited.cards["terminal_contractor"].staff, started_at=at
        )
        Sighting.objects.create(stock_take=take, code="x", terminal=audited.nw_terminal, seen_at=at)
        run(at)
        assert found() == {(Kind.NW_ZONE, "NW-0118"), (Kind.PLACE_DIFFERS, "NW-0118")}
        assert {each.odd_one for each in open_discrepancies()} == {"seen"}

    def test_a_user_who_moved_to_the_other_company_though_both_ledgers_agree(self, audited, at):
        with_line(at, "NW-0118", user_number="R-20001")
        run(at)
        assert found() == {(Kind.TRANSFERRED, "NW-0118")}

    def test_a_user_who_has_left(self, audited, at):
        Posting.objects.filter(staff__number="N-10001").update(
            during=DateTimeTZRange(SINCE, at - timedelta(hours=1))
        )
        with_line(at, "NW-0118", user_number="N-10001")
        run(at)
        assert found() == {(Kind.TRANSFERRED, "NW-0118")}

    def test_a_retail_card_shown_at_an_nw_terminal_though_everything_on_paper_agrees(self, audited, at):
        ledger_in_force(list(honest_lines(at).values()))
        retail = audited.person("retail_clerk").sits_at(audited.nw_terminal)
        retail.tries_to_sign_in()
        run(timezone.now())
        assert found() == {(Kind.OTHER_CARD, "NW-0118")}

    def test_an_nw_card_at_an_nw_terminal_is_nothing(self, audited, at):
        ledger_in_force(list(honest_lines(at).values()))
        audited.nw_clerk()
        assert WorkSession.objects.count() == 1
        run(timezone.now())
        assert found() == set()

    def test_an_lu_that_stayed_on_a_returned_terminal(self, audited, at):
        make_terminal(
            "NW-0142", TerminalClass.NW, audited.nw, audited.places["nw"], status="returned", lu="NWU0142"
        )
        Deployment.objects.filter(terminal__number="NW-0142").update(during=DateTimeTZRange(SINCE, at))
        lines = list(honest_lines(at).values())
        ledger_in_force([*lines, Line("NW-0142", "NWU0142", LedgerState.RETURNED)])
        run(at)
        assert found() == {(Kind.RESIDUAL_LU, "NW-0142")}

    def test_a_deployed_terminal_without_an_lu(self, audited, at):
        LuRegistration.objects.filter(terminal=audited.nw_terminal).update(during=DateTimeTZRange(SINCE, at))
        ledger_in_force([line.says(lu="") for line in honest_lines(at).values()])
        run(at)
        assert found() == {(Kind.UNREGISTERED, "NW-0118")}

    def test_a_terminal_the_registry_has_never_heard_of(self, audited, at):
        lines = list(honest_lines(at).values())
        ledger_in_force([*lines, lines[0].says(terminal_number="NW-9999", lu="NWU9999")])
        run(at)
        assert found() == {(Kind.UNREGISTERED, "NW-9999")}

    def test_a_registered_terminal_the_ledger_does_not_know(self, audited, at):
        lines = honest_lines(at)
        del lines["NW-0118"]
        ledger_in_force(list(lines.values()))
        run(at)
        assert found() == {(Kind.NOT_IN_LEDGER, "NW-0118")}

    def test_one_lu_on_two_terminals(self, audited, at):
        make_terminal("NW-0600", TerminalClass.NW, audited.nw, audited.places["nw"], lu="LU0118")
        seen(audited, at - timedelta(hours=1))
        ledger_in_force(list(honest_lines(at).values()))
        run(at)
        assert found() == {(Kind.DUPLICATE_LU, "NW-0118"), (Kind.DUPLICATE_LU, "NW-0600")}

    def test_an_lu_that_the_ledger_has_on_another_terminal(self, audited, at):
        lines = honest_lines(at)
        ledger_in_force(
            [line.says(lu="LU0001" if number == "NW-0118" else line.lu) for number, line in lines.items()]
        )
        run(at)
        assert found() == {(Kind.LU_MOVED, "NW-0118")}
        assert open_discrepancies().get().lu == "LU0001"

    def test_another_holder_of_the_same_side(self, audited, at):
        with_line(at, "NW-0305", holder_code=code_of("nw"))
        run(at)
        assert found() == {(Kind.HOLDER_DIFFERS, "NW-0305")}

    def test_another_room_than_the_registry_has(self, audited, at):
        with_line(at, "NW-0118", floor="5F", room="情報管理室")
        run(at)
        assert found() == {(Kind.PLACE_DIFFERS, "NW-0118")}

    def test_a_terminal_nobody_has_seen_for_a_month(self, audited, at):
        old = at - timedelta(days=31)
        TerminalLastSeen.objects.filter(terminal=audited.nw_terminal).update(seen_at=old)
        Sighting.objects.filter(terminal=audited.nw_terminal).update(seen_at=old)
        ledger_in_force(list(honest_lines(at).values()))
        run(at)
        assert found() == {(Kind.NOT_SEEN, "NW-0118")}

    def test_a_terminal_nobody_has_ever_counted_is_overdue(self, audited, at):
        Sighting.objects.filter(terminal=audited.nw_terminal).delete()
        ledger_in_force(list(honest_lines(at).values()))
        run(at)
        assert found() == {(Kind.NOT_AUDITED, "NW-0118")}

    def test_a_room_that_became_shared_makes_every_nw_terminal_in_it_a_finding(self, audited, at):
        ZoneOwnership.objects.filter(place=audited.places["nw"]).update(kind="shared")
        ledger_in_force(list(honest_lines(at).values()))
        run(at)
        assert found() == {(Kind.NW_ZONE, "NW-0118")}


class TestReactions:
    def test_a_critical_finding_stops_the_terminal_and_the_open_session_ends_with_its_next_request(
        self, audited, at
    ):
        clerk = audited.nw_clerk()
        with_line(at, "NW-0118", user_number="R-20001")
        made = run(timezone.now())
        assert made.suspended == 1
        refused = clerk.gets("/points/")
        assert refused.status_code == 403
        assert "T-105" in refused.content.decode()
        stopped = Terminal.objects.get(number="NW-0118")
        assert "使用者の異動" in stopped.suspended_reason
        assert Alert.objects.filter(terminal_number="NW-0118", codes=["K-101"]).count() == 1

    def test_the_alert_of_a_finding_leads_to_the_reconciliation(self, audited, at):
        with_line(at, "NW-0118", user_number="R-20001")
        run(at)
        shown = audited.officer().gets("/alerts/").content.decode().split("K-101")[1].split("</tr>")[0]
        assert 'href="/reconciliation/"' in shown
        assert "/audit/integrity/" not in shown

    def test_a_finding_of_less_weight_gets_an_owner_and_a_date_and_stops_nothing(self, audited, at):
        keeper = audited.cards["terminal_admin"].staff
        audited.places["nw"].building.keeper = keeper
        audited.places["nw"].building.save()
        with_line(at, "NW-0118", floor="5F", room="情報管理室")
        run(at)
        (one,) = open_discrepancies()
        assert one.owner == keeper
        assert one.due_on == (timezone.localtime(at) + timedelta(days=7)).date()
        assert Terminal.objects.filter(suspended_at__isnull=False).count() == 0
        told = Notice.objects.get(recipient=keeper)
        assert "1件" in told.text

    def test_the_same_run_again_changes_nothing(self, audited, at):
        with_line(at, "NW-0118", holder_code=code_of("retail"))
        run(at)
        before = list(
            Discrepancy.objects.values("kind", "terminal_number", "state", "first_run", "suspended_at")
        )
        again = run(at)
        assert (again.opened, again.resolved, again.suspended) == (0, 0, 0)
        after = list(
            Discrepancy.objects.values("kind", "terminal_number", "state", "first_run", "suspended_at")
        )
        assert after == before

    def test_a_suspended_terminal_cannot_work_again_while_its_critical_finding_is_open(self, audited, at):
        with_line(at, "NW-0118", user_number="R-20001")
        run(at)
        admin = audited.terminal_admin()
        admin.posts(f"/terminals/{audited.nw_terminal.pk}/resume/")
        assert Terminal.objects.get(number="NW-0118").suspended_at


class TestLife:
    def test_only_a_later_run_closes_a_discrepancy_and_its_return_is_a_recurrence(self, audited, at):
        with_line(at, "NW-0118", floor="5F", room="情報管理室")
        first = run(at)
        (one,) = open_discrepancies()
        ledger_in_force(list(honest_lines(at).values()))
        second = run(at + timedelta(minutes=1))
        one.refresh_from_db()
        assert (one.state, one.closed_run, one.first_run) == (State.RESOLVED, second, first)
        with_line(at, "NW-0118", floor="5F", room="情報管理室")
        run(at + timedelta(minutes=2))
        (again,) = open_discrepancies()
        assert (again.state, again.reopens) == (State.RECURRED, one)

    def test_the_database_lets_nobody_close_one_without_a_run(self, audited, at):
        with_line(at, "NW-0118", floor="5F", room="情報管理室")
        run(at)
        with pytest.raises(Exception, match="closed_by_a_run"):
            Discrepancy.objects.update(state="resolved", closed_at=at)

    def test_an_exception_needs_another_person_and_ends_by_itself(self, audited, at):
        with_line(at, "NW-0118", user_number="R-20001")
        run(at)
        (one,) = open_discrepancies()
        admin, other = audited.cards["terminal_admin"].staff, another_admin(audited)
        operations.assign(one, owner=admin, by=admin, at=at)
        until = at + timedelta(days=3)
        with pytest.raises(Exception, match="担当者は自分の例外を承認できません"):
            operations.except_until(one, until=until, reason="応援", by=admin, at=at)
        operations.except_until(one, until=until, reason="応援", by=other, at=at)
        terminal = Terminal.objects.get(number="NW-0118")
        terminal.suspended_at, terminal.suspended_reason = None, ""
        terminal.save()
        assert run(at + timedelta(days=2)).suspended == 0
        assert run(until + timedelta(seconds=1)).suspended == 1


class TestBrakes:
    @pytest.mark.parametrize("lines", [None, []])
    def test_without_a_ledger_a_run_fails_and_nothing_changes(self, audited, at, lines):
        if lines is not None:
            ledger_in_force(lines)
        made = run(at)
        assert made.outcome == Outcome.FAILED
        assert "端末配備先情報がありません" in made.message
        assert Discrepancy.objects.count() == 0

    def test_the_same_failure_night_after_night_is_told_once(self, audited, at):
        for night in range(3):
            run(at + timedelta(days=night))
        assert [r.outcome for r in Run.objects.all()] == [Outcome.FAILED] * 3
        assert Notice.objects.count() == 1

    def test_an_old_ledger_closes_nothing(self, audited, at):
        with_line(at, "NW-0118", floor="5F", room="情報管理室")
        run(at)
        made = run(at + timedelta(days=9))
        assert made.outcome == Outcome.FAILED
        assert open_discrepancies().count() == 1

    def test_a_mass_change_waits_for_another_person_and_is_applied_exactly_as_shown(
        self, audited, at, settings
    ):
        settings.RECONCILIATION = settings.RECONCILIATION | {"mass_least": 0, "mass_share": 0}
        with_line(at, "NW-0118", user_number="R-20001")
        asked, other = audited.cards["terminal_admin"].staff, another_admin(audited)
        waiting = operations.reconcile(trigger=Trigger.ASKED, by=asked, at=at)
        assert waiting.outcome == Outcome.WAITING
        assert [c.terminal_number for c in waiting.changes.all()] == ["NW-0118"]
        assert Discrepancy.objects.count() == 0
        assert Terminal.objects.get(number="NW-0118").suspended_at is None
        with pytest.raises(Exception, match="別の担当者"):
            operations.approve(waiting, by=asked, at=at)
        assert operations.approve(waiting, by=other, at=at).outcome == Outcome.DONE
        assert Terminal.objects.get(number="NW-0118").suspended_at

    def test_an_approval_of_something_that_has_become_another_changes_nothing(self, audited, at, settings):
        settings.RECONCILIATION = settings.RECONCILIATION | {"mass_least": 0, "mass_share": 0}
        with_line(at, "NW-0118", user_number="R-20001")
        asked, other = audited.cards["terminal_admin"].staff, another_admin(audited)
        waiting = operations.reconcile(trigger=Trigger.ASKED, by=asked, at=at)
        with_line(at, "NW-0001", user_number="R-20001")
        made = operations.approve(waiting, by=other, at=at)
        assert made.outcome == Outcome.FAILED
        assert "内容が変わっています" in made.message
        assert Discrepancy.objects.count() == 0

    def test_a_dry_run_shows_everything_and_changes_nothing(self, audited, at):
        with_line(at, "NW-0118", holder_code=code_of("retail"))
        made = run(at, is_dry=True)
        assert (made.outcome, made.opened, made.suspended) == (Outcome.DONE, 1, 0)
        assert [f.terminal_number for f in made.findings.all()] == ["NW-0118"]
        assert Discrepancy.objects.count() == 0
        assert Terminal.objects.filter(suspended_at__isnull=False).count() == 0


class TestOneRuleOverAllSites:
    def test_keeps_every_terminal_that_was_looked_at_also_without_a_hit(self, audited, at):
        ledger_in_force(list(honest_lines(at).values()))
        made = run(at, only_kind=Kind.NW_ZONE)
        assert made.found == 0
        assert {(i.terminal_number, i.is_fine) for i in made.inspected.all()} == {
            (number, True) for number in ("NW-0118", "RT-0412", "NW-0001", "NW-0305")
        }

    def test_leaves_the_discrepancies_of_other_rules_alone(self, audited, at):
        with_line(at, "NW-0118", floor="5F", room="情報管理室")
        run(at)
        run(at + timedelta(minutes=1), only_kind=Kind.DUPLICATE_LU)
        assert found() == {(Kind.PLACE_DIFFERS, "NW-0118")}
