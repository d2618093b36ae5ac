"""A rule that exists only on a page does not exist: every operation asks for the duty itself."""

import importlib
import inspect
import pkgutil

import pytest
from django.core.exceptions import ValidationError
from django.core.handlers.exception import response_for_exception
from django.test import RequestFactory
from django.utils import timezone

import accesscontrol
import terminals
from accesscontrol.choices import DESK, PERMISSIONS, REVIEW, Duty
from accesscontrol.duties import OutsideDuty, may, must_have
from accesscontrol.problems import problem_details
from accesscontrol.registers import CARDS
from terminals.changed import TASK
from terminals.choices import KEEP, MANAGE, Trigger
from terminals.ledger import operations as ledgers
from terminals.ledger import views
from terminals.models import Building
from terminals.reconciliation import operations as reconciliation
from terminals.registers import BUILDINGS
from tests.people import ends_now
from tests.terminals.deeds import DEEDS, HAYASHI, Scene
from tests.terminals.life import Life, outside_duty
from tests.terminals.pages import text

NO_DEED = {
    "accesscontrol.changes.record": "writes one row for an operation or a register that has asked",
    "accesscontrol.changes.resume": "writes one row for an operation that has asked",
    "accesscontrol.changes.save": "writes one row for an operation that has asked",
    "accesscontrol.changes.suspend": "writes one row for an operation that has asked, or for the system",
    "terminals.changed.ask_for_run": "tells the worker of a change that was allowed; asking is reconciliation's",
    "terminals.lifecycle.effects.put_to_use": "a part of accept",
    "terminals.lifecycle.effects.take_back": "a part of accept",
    "terminals.lifecycle.effects.undo": "a part of correct and decline",
    "terminals.lifecycle.journal.deploy": "a part of a step",
    "terminals.lifecycle.journal.end": "a part of a step",
    "terminals.lifecycle.journal.end_deployments": "a part of a step",
    "terminals.lifecycle.journal.end_registrations": "a part of a step",
    "terminals.lifecycle.journal.enter": "a part of a step",
    "terminals.lifecycle.journal.step": "holds the terminal for an operation that asks",
}


@pytest.fixture
def scene(region, settings) -> Scene:
    return Scene(Life.begins(region), settings, timezone.now())


@pytest.fixture
def state(owner, emptied_tables):
    """Everything that is kept of registry and people, as a digest of each table."""

    def digests() -> dict[str, str]:
        select = " UNION ALL ".join(
            f"SELECT '{table}', coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM {table} t"
            for table in emptied_tables
        )
        return dict(owner.execute(select).fetchall())

    return digests


def public_operations() -> set[str]:
    """Every public function of both apps that somebody does something by, wherever it stands."""
    found = set()
    for package in (terminals, accesscontrol):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" in module.name:
                continue
            for name, function in inspect.getmembers(
                importlib.import_module(module.name), inspect.isfunction
            ):
                if function.__module__ != module.name or name.startswith("_"):
                    continue
                if "by" in inspect.signature(function).parameters:
                    found.add(f"{module.name}.{name}")
    return found


def test_whatever_somebody_can_do_is_tried_here_or_has_a_reason_not_to_be():
    assert public_operations() == set(DEEDS) | set(NO_DEED)
    assert not set(DEEDS) & set(NO_DEED)


@pytest.mark.parametrize(
    "deed", DEEDS.values(), ids=[deed.words.replace(" ", "-") for deed in DEEDS.values()]
)
def test_past_the_page_only_whoever_has_the_duty_can(scene, state, deed):
    """The same deed, made ready once: a clerk and the terminal contractor in vain, then the one it belongs to."""
    do, before = deed.ready(scene), state()
    in_vain = [scene.life.sato] + [scene.life.segawa] * (deed.doer == HAYASHI)
    for person in in_vain:
        with pytest.raises((OutsideDuty, ValidationError), match=deed.said):
            do(by=person, at=scene.at)
        assert state() == before
    do(by=scene.life.person(deed.doer), at=scene.at)


class TestByName:
    def test_a_terminal_contractor_cannot_lift_the_brake_even_past_the_page(self, scene, state):
        file = scene.braked_delivery()
        before = state()
        with outside_duty("端末管理の担当だけ"):
            ledgers.accept(file, by=scene.life.segawa, at=scene.at, accept_anyway="港町営業所の廃止")
        assert state() == before

    def test_a_terminal_contractor_cannot_approve_a_run_even_past_the_page(self, scene, state):
        waiting = scene.waiting_run()
        before = state()
        with outside_duty("端末管理の担当だけ"):
            reconciliation.approve(waiting, by=scene.life.segawa, at=scene.at)
        assert state() == before

    def test_a_run_that_was_refused_never_reaches_the_worker(self, scene, asked_of_worker):
        with outside_duty("端末管理の担当だけ"):
            reconciliation.ask(is_dry=False, only_kind="", by=scene.life.segawa, at=scene.at)
        reconciliation.ask(is_dry=False, only_kind="", by=scene.life.hayashi, at=scene.at)
        assert [run["asked_by"] for _, run in asked_of_worker(TASK)] == [scene.life.hayashi.pk]

    def test_the_nobody_of_a_job_approves_no_run(self, scene, state):
        waiting = scene.waiting_run()
        before = state()
        with outside_duty("端末管理の担当だけ"):
            reconciliation.approve(waiting, by=None, at=scene.at)
        assert state() == before

    def test_a_row_of_a_register_is_saved_by_its_keepers_only(self, scene, state):
        building, card = Building.objects.get(), scene.region.cards["nw_clerk"]
        building.name, card.company = "別の庁舎", scene.region.retail
        before = state()
        for register, row, by in (
            (BUILDINGS, building, scene.life.segawa),
            (CARDS, card, scene.life.hayashi),
        ):
            with outside_duty("担当だけができます"):
                register.save(row, by=by, at=scene.at)
        assert state() == before
        BUILDINGS.save(building, by=scene.life.hayashi, at=scene.at)
        assert Building.objects.get().name == "別の庁舎"


class TestTheSystemItself:
    """Jobs and commands have no posting, and go on working."""

    def test_takes_a_ledger_in_and_puts_it_in_force(self, scene):
        file = scene.delivery()
        assert ledgers.accept(file, by=None, at=scene.at).state == "accepted"

    def test_makes_the_nightly_run(self, scene):
        scene.ledger_says_retail()
        assert reconciliation.reconcile(trigger=Trigger.NIGHTLY, by=None, at=scene.at).outcome == "done"


def test_a_duty_ends_with_the_posting(scene):
    ends_now(scene.life.hayashi.postings.get())
    with outside_duty("端末管理の担当だけ"):
        must_have(scene.life.hayashi, MANAGE, timezone.now())


class TestWords:
    """What whoever is refused reads."""

    @pytest.mark.parametrize(
        ("permission", "duties"),
        [
            (MANAGE, "端末管理の担当"),
            (KEEP, "端末管理か、端末管理の受託の担当"),
            (REVIEW, "情報管理・点検の担当"),
            (DESK, "職員証の発行の担当"),
        ],
    )
    def test_name_the_duties_that_may(self, scene, permission, duties):
        with outside_duty(f"^この操作は、{duties}だけができます。担当へ依頼してください。$"):
            must_have(scene.life.sato, permission, scene.at)

    def test_come_on_a_page_with_403_although_the_pages_own_guard_let_it_through(self, scene, state):
        file = scene.braked_delivery()
        request = RequestFactory().post(f"/ledger/{file.pk}/accept/", {"reason": "廃止のため"})
        request.user, request.at, request.viewer, request.id = scene.life.segawa, scene.at, None, "試験"
        request.user.act_under(Duty.TERMINAL_ADMIN)
        before = state()
        with pytest.raises(OutsideDuty) as refused:
            views.accept(request, pk=file.pk)
        answer = response_for_exception(request, refused.value)
        assert answer.status_code == 403
        assert "この操作は担当の業務に含まれていません" in text(answer)
        assert "この操作は、端末管理の担当だけができます。担当へ依頼してください。" in text(answer)
        assert state() == before

    def test_come_from_the_api_as_a_problem_document(self):
        answer = problem_details(OutsideDuty("この操作は、端末管理の担当だけができます。"), {})
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
        assert "端末管理の担当だけができます" in answer.content.decode()


@pytest.mark.parametrize("duty", Duty)
def test_a_duty_carries_exactly_its_permissions(scene, duty):
    """The operations and the pages read one table."""
    sato = scene.life.sato
    posting = sato.postings.get()
    posting.duty = duty
    posting.save()
    every = set().union(*PERMISSIONS.values())
    assert {permission for permission in every if may(sato, permission, scene.at)} == PERMISSIONS[duty]
