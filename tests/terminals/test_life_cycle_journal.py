"""The journal alone moves a terminal, for every login; and whatever people do in whatever order, a terminal in use
has exactly one LU, of the class of its room."""

import threading
from datetime import timedelta
from itertools import count, product

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accesscontrol.duties import OutsideDuty
from terminals.choices import TRANSITIONS, EventKind, TerminalStatus
from terminals.lifecycle import journal, operations, queries
from terminals.lifecycle.rules import class_at
from terminals.models import Handover, LifeEvent, LuRegistration, Terminal
from tests.people import SINCE, make_terminal
from tests.terminals.life import Life, status

ENTRY = (
    "INSERT INTO app.terminals_lifeevent (terminal_id, kind, from_status, to_status, at, reason, evidence, corrects_id)"
    " VALUES (%s, %s, %s, %s, now(), '試験', '{}', %s)"
)


@pytest.fixture
def app(as_login):
    """A connection of the web process's own login."""
    with as_login("eigyo_app") as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def life(region) -> Life:
    return Life.begins(region)


def writes(app, terminal, kind, before, after, corrects=None) -> None:
    app.execute(ENTRY, [terminal.pk, kind, before, after, corrects])


class TestEveryPairOfStates:
    def test_only_the_transitions_of_the_list_pass_the_database(self, app, region):
        passed = set()
        for number, (before, after) in enumerate(product(TerminalStatus.values, repeat=2)):
            in_use = after in {TerminalStatus.DEPLOYED, TerminalStatus.RELOCATING}
            terminal = make_terminal(
                f"PR-{number:04d}", "nw" if in_use else "", region.nw, region.places["nw"], status=before
            )
            try:
                writes(app, terminal, "moved", before, after)
            except psycopg.errors.RestrictViolation:
                assert status(terminal) == before
            else:
                assert status(terminal) == after
                passed.add((before, after))
        assert number + 1 == 81
        assert passed == TRANSITIONS

    def test_an_entry_that_begins_elsewhere_than_the_terminal_is_refused(self, app, region):
        with pytest.raises(psycopg.errors.SerializationFailure):
            writes(app, region.nw_terminal, "received", "procured", "in_stock")

    def test_a_returned_terminal_is_never_deployed_again_directly(self, app, region):
        terminal = make_terminal("NW-0142", "nw", region.nw, region.places["nw"], status="returned")
        with pytest.raises(psycopg.errors.RestrictViolation, match="deployed cannot follow returned"):
            writes(app, terminal, "deployed", "returned", "deployed")


class TestDirectWrites:
    def test_a_status_is_never_typed_in(self, app, region):
        with pytest.raises(psycopg.errors.RestrictViolation, match="follows from its journal"):
            app.execute(
                "UPDATE app.terminals_terminal SET status = 'retired' WHERE id = %s", [region.nw_terminal.pk]
            )
        with pytest.raises(psycopg.errors.RestrictViolation, match="begins as procured"):
            app.execute(
                "INSERT INTO app.terminals_terminal (number, asset_number, serial_number, status, suspended_reason)"
                " VALUES ('NW-0999', 'A', 'S', 'deployed', '')"
            )
        assert status(region.nw_terminal) == "deployed"

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE app.terminals_lifeevent SET reason = '書き換え'",
            "DELETE FROM app.terminals_lifeevent",
            "TRUNCATE app.terminals_lifeevent",
            "DELETE FROM app.terminals_luregistration",
            "DELETE FROM app.terminals_deployment",
            "DELETE FROM app.terminals_handover",
            "DELETE FROM app.terminals_ludeletion",
            "UPDATE app.terminals_deploymentversion SET holder_id = 1",
            "DELETE FROM app.terminals_luregistrationversion",
            "ALTER TABLE app.terminals_lifeevent DISABLE TRIGGER live_on",
        ],
    )
    def test_what_has_happened_is_neither_changed_nor_removed(self, app, region, statement):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)


class TestResidualLu:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("in_stock", "configuring"),
            ("reusable", "configuring"),
            ("returned", "lu_deleted"),
            ("lu_deleted", "reusable"),
            ("lu_deleted", "retired"),
            ("in_stock", "retired"),
        ],
    )
    def test_blocks_what_comes_after_a_deletion(self, app, region, before, after):
        terminal = make_terminal("NW-0142", "nw", region.nw, region.places["nw"], status=before)
        with pytest.raises(psycopg.errors.RestrictViolation, match="LU of the terminal is still in force"):
            writes(app, terminal, "cleared", before, after)

    @pytest.mark.parametrize("lus", [0, 2])
    def test_a_terminal_goes_into_use_with_exactly_one(self, app, region, lus):
        terminal = make_terminal("NW-0142", "", region.nw, region.places["nw"], status="configuring")
        for number in range(lus):
            LuRegistration.objects.create(
                terminal=terminal,
                lu=f"LU{number}",
                terminal_class="nw",
                during=DateTimeTZRange(SINCE, None, "[)"),
            )
        with pytest.raises(psycopg.errors.RestrictViolation, match="exactly one LU"):
            writes(app, terminal, "deployed", "configuring", "deployed")

    def test_one_that_begins_later_counts_as_well(self, app, region):
        terminal = make_terminal("NW-0142", "", region.nw, region.places["nw"], status="returned")
        later = timezone.now() + timedelta(days=30)
        LuRegistration.objects.create(
            terminal=terminal,
            lu="LULATER",
            terminal_class="nw",
            during=DateTimeTZRange(later, later + timedelta(days=1), "[)"),
        )
        with pytest.raises(psycopg.errors.RestrictViolation, match="LU of the terminal is still in force"):
            writes(app, terminal, "lu_confirmed", "returned", "lu_deleted")


class TestCorrection:
    def test_takes_back_the_latest_entry_and_only_that(self, app, life):
        terminal = life.in_stock()
        received = LifeEvent.objects.get(terminal=terminal)
        with pytest.raises(psycopg.errors.RestrictViolation, match="takes back the latest"):
            writes(app, terminal, "corrected", "in_stock", "retired", received.pk)
        with pytest.raises(psycopg.errors.RestrictViolation, match="takes back the latest"):
            writes(app, terminal, "corrected", "in_stock", "procured", None)
        writes(app, terminal, "corrected", "in_stock", "procured", received.pk)
        correction = LifeEvent.objects.get(terminal=terminal, kind="corrected")
        with pytest.raises(psycopg.errors.RestrictViolation, match="takes back the latest"):
            writes(app, terminal, "corrected", "procured", "in_stock", correction.pk)

    def test_a_terminal_is_taken_over_only_once_and_before_anything_else(self, app, life):
        terminal = life.in_stock()
        with pytest.raises(psycopg.errors.RestrictViolation, match="without a past"):
            writes(app, terminal, "taken_over", "in_stock", "deployed")


class TestRace:
    def test_an_entry_that_came_too_late_is_a_message_and_changes_nothing(self, life):
        terminal = life.in_stock()

        def enters_what_an_old_page_says() -> None:
            with journal.step(terminal, by=life.segawa) as held:
                held.status = TerminalStatus.PROCURED
                journal.enter(
                    held, EventKind.RECEIVED, TerminalStatus.IN_STOCK, by=life.segawa, at=life.then()
                )

        with pytest.raises(ValidationError, match="ほかの人が先にこの端末を進めました"):
            enters_what_an_old_page_says()
        assert LifeEvent.objects.filter(terminal=terminal).count() == 1

    def test_of_two_people_who_accept_at_once_one_gets_it_and_the_other_is_told(self, life):
        handover = life.hands_over(life.configured())
        at, together, told = life.then(), threading.Barrier(2), []

        def accepts(person) -> None:
            together.wait()
            try:
                operations.accept(handover, by=person, at=at)
                told.append("受け取りました")
            except ValidationError as error:
                told.append(error.message)
            finally:
                connections.close_all()

        people = [life.onishi, life.person("officer")]
        threads = [threading.Thread(target=accepts, args=[person]) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == sorted(
            ["受け取りました", "この受け渡しは、もう終わっています。画面を開き直してください。"]
        )
        assert LifeEvent.objects.filter(kind=EventKind.DEPLOYED).count() == 1


NUMBERS = count(1)
PEOPLE = ("terminal_admin", "terminal_contractor", "nw_clerk", "retail_clerk", "contractor_clerk", "officer")
HOLDERS, ROOMS = ("nw", "retail", "contractor"), ("nw", "retail", "lobby", "office", "training")
STEPS = st.one_of(
    st.just(("goes on",)),
    st.just(("goes on",)),
    st.tuples(st.just("receive"), st.sampled_from(PEOPLE)),
    st.tuples(
        st.just("configure"), st.sampled_from(PEOPLE), st.sampled_from(HOLDERS), st.sampled_from(ROOMS)
    ),
    st.tuples(st.just("hand over"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("move"), st.sampled_from(PEOPLE), st.sampled_from(HOLDERS), st.sampled_from(ROOMS)),
    st.tuples(st.just("hand back"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("approve"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("accept"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("decline"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("delete"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("read back"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("clear"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("correct"), st.sampled_from(PEOPLE)),
)


def natural_step(terminal: Terminal, handover: Handover | None) -> tuple[str, ...]:
    """What an office without mistakes would do next."""
    if handover:
        if handover.kind == "move" and handover.approved_by is None:
            return ("approve", "terminal_admin")
        keeper = "terminal_contractor" if handover.handed_by.number != "C-30002" else "contractor_clerk"
        return ("accept", {"NW": "nw_clerk", "RT": "retail_clerk", "CT": keeper}[handover.holder.code])
    deleted = (deletion := queries.open_deletion(terminal)) and deletion.deleted_at
    return {
        "procured": ("receive", "terminal_contractor"),
        "in_stock": ("configure", "terminal_admin", "nw", "nw"),
        "configuring": ("hand over", "terminal_contractor"),
        "deployed": ("hand back", "nw_clerk"),
        "relocating": ("hand back", "nw_clerk"),
        "returned": ("read back", "terminal_contractor") if deleted else ("delete", "terminal_admin"),
        "lu_deleted": ("clear", "terminal_admin"),
        "reusable": ("configure", "terminal_admin", "retail", "retail"),
    }[terminal.status]


def tries(life: Life, terminal: Terminal, step: tuple[str, ...]) -> None:
    """One person tries one step; a refusal is an answer as well."""
    handover = queries.under_way(terminal)
    what, who, *rest = natural_step(terminal, handover) if step == ("goes on",) else step
    by, at = life.person(who), life.then()
    stand_in = handover or Handover(terminal=terminal)
    steps = {
        "receive": lambda: operations.receive(terminal, by=by, at=at),
        "configure": lambda: operations.configure(
            terminal, to=life.to(*rest), lu=f"L{terminal.number[-4:]}", by=by, at=at
        ),
        "hand over": lambda: operations.hand_over(terminal, reason="x", by=by, at=at),
        "move": lambda: operations.start_move(terminal, to=life.to(*rest), reason="x", by=by, at=at),
        "hand back": lambda: operations.hand_back(
            terminal, to=life.company("contractor"), reason="x", by=by, at=at
        ),
        "approve": lambda: operations.approve_move(stand_in, by=by, at=at),
        "accept": lambda: operations.accept(stand_in, by=by, at=at),
        "decline": lambda: operations.decline(stand_in, reason="x", by=by, at=at),
        "delete": lambda: operations.delete_lu(terminal, by=by, at=at),
        "read back": lambda: operations.confirm_lu_deletion(terminal, by=by, at=at),
        "clear": lambda: operations.clear_for_reuse(terminal, by=by, at=at),
        "correct": lambda: operations.correct(queries.latest(terminal), reason="x", by=by, at=at),
    }
    if what in {"approve", "accept", "decline"} and handover is None:
        return
    if what == "correct" and queries.latest(terminal) is None:
        return
    try:
        steps[what]()
    except ValidationError as error:
        assert error.messages
    except OutsideDuty as error:
        assert "担当だけができます" in str(error)


def holds_together(terminal: Terminal, at) -> None:
    """In use: one LU, one deployment, and the class the room asks for. Out of use: no deployment."""
    granted, held = queries.registrations(terminal, at), queries.deployment(terminal, at)
    newest = queries.latest(terminal)
    assert terminal.status == (newest.to_status if newest else "procured")
    if terminal.status in {"deployed", "relocating"}:
        assert held
        wanted = class_at(held.holder, held.place, queries.zone(held.place, at))
        assert [each.terminal_class for each in granted] == [wanted]
    else:
        assert held is None
    if terminal.status in {"procured", "in_stock", "lu_deleted", "reusable"}:
        assert granted == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=8, max_size=30))
def test_in_whatever_order_people_act_a_terminal_in_use_has_one_lu_of_its_rooms_class(life, steps):
    terminal = life.bought(f"HY-{next(NUMBERS):04d}")
    for step in steps:
        tries(life, terminal, step)
        terminal.refresh_from_db()
        holds_together(terminal, life.at)
