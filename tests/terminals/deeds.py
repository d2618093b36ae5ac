"""Every deed a person can do to the registry, each made ready up to the moment somebody does it.

`ready` brings the region to that moment and returns the deed, still without its doer; `doer` has the right.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from accesscontrol import changes
from accesscontrol import operations as people
from accesscontrol.clearance import Reason
from accesscontrol.models import Alert
from terminals import operations as registry
from terminals.choices import BulkStep, Channel, Kind, TerminalClass, Trigger, ZoneKind
from terminals.ledger import operations as ledgers
from terminals.lifecycle import bulk, queries, stock_takes
from terminals.lifecycle import operations as lives
from terminals.lifecycle.operations import Inherited
from terminals.models import (
    Discrepancy,
    PresenceFinding,
    RoomAdmission,
    SavedView,
    TerminalCertificate,
    ZoneOwnership,
)
from terminals.reconciliation import operations as reconciliation
from terminals.rooms import operations as rooms
from tests.people import SINCE
from tests.terminals.entries import NW_ROOM, ONISHI, row, sheet
from tests.terminals.ledgers import code_of, honest_lines, ledger_in_force
from tests.terminals.life import Life

Doing = Callable[..., Any]
HAYASHI, SEGAWA, ONISHI_SAN = "terminal_admin", "terminal_contractor", "nw_clerk"
YOSHIOKA, MURAKAMI = "officer", "card_desk"
HOLDERS = "の人だけ|の人か、"  # who holds a terminal is no duty: the words name the company
FOREVER = DateTimeTZRange(SINCE, None, "[)")


@dataclass
class Scene:
    """The region, its people, and the instant at which somebody acts."""

    life: Life
    settings: Any
    at: datetime

    @property
    def region(self):
        return self.life.region

    @property
    def nw(self):
        return self.region.nw_terminal

    def discrepancy(self) -> Discrepancy:
        self.ledger_says_retail()
        reconciliation.reconcile(trigger=Trigger.NIGHTLY, by=None, at=self.at)
        return Discrepancy.objects.get(kind=Kind.NW_AT_RETAIL)

    def ledger_says_retail(self) -> None:
        lines = honest_lines(self.at)
        lines["NW-0118"] = lines["NW-0118"].says(holder_code=code_of("retail"))
        ledger_in_force(list(lines.values()), at=self.at)

    def waiting_run(self):
        self.settings.RECONCILIATION = self.settings.RECONCILIATION | {"mass_least": 0, "mass_share": 0}
        self.ledger_says_retail()
        return reconciliation.reconcile(trigger=Trigger.NIGHTLY, by=None, at=self.at)

    def delivery(self, *, rows: int = 20, as_of=None):
        """A ledger that 瀬川's program delivered; it waits."""
        from tests.terminals.test_ledger import csv, ledger

        return ledgers.receive(
            io.BytesIO(csv(ledger(rows))),
            file_name="haibisaki.csv",
            as_of=as_of or timezone.localdate(self.at),
            channel=Channel.API,
            by=self.life.segawa,
            at=self.at,
        )

    def braked_delivery(self):
        """Half of what is in force."""
        before = self.delivery(as_of=timezone.localdate(self.at) - timedelta(days=1))
        ledgers.accept(before, by=None, at=self.at)
        return self.delivery(rows=10)

    def certificate(self) -> TerminalCertificate:
        return TerminalCertificate.objects.create(
            fingerprint="a" * 64, terminal=self.nw, registered_at=self.at
        )

    def suspended(self, row):
        changes.suspend(row, reason="試験", by=None, at=self.at)
        return row

    def zone(self) -> ZoneOwnership:
        owner = ZoneOwnership.objects.get(place=self.region.places["training"])
        owner.kind, owner.assigned_side = ZoneKind.NW, ""
        return owner

    def admission(self) -> RoomAdmission:
        return RoomAdmission(
            place=self.region.places["training"], company=self.region.nw, during=FOREVER, reason="試験"
        )

    def admitted(self) -> RoomAdmission:
        admission = self.admission()
        admission.save()
        return admission

    def finding(self) -> PresenceFinding:
        return PresenceFinding.objects.create(
            place=self.region.places["nw"],
            person_number="R-20001",
            company="試験電力",
            during=DateTimeTZRange(self.at - timedelta(hours=1), self.at, "[)"),
            found_at=self.at,
        )

    def own_views(self) -> Callable[..., None]:
        """Everybody here has a view of their own."""
        made = {
            card.staff.number: SavedView.objects.create(person=card.staff.number, name="x", query="").pk
            for card in self.region.cards.values()
            if card.staff
        }
        return lambda *, by, at: registry.forget_view(made[by.number], by=by, at=at)

    def alert(self) -> Alert:
        return people.raise_alert(Reason("K-101", "試験", "", ""), at=self.at)

    def stock_take(self):
        return stock_takes.begin_stock_take(self.region.places["nw"], by=self.life.segawa, at=self.at)

    def take_over(self) -> Doing:
        inherited = Inherited(
            status="deployed",
            holder=self.region.nw,
            place=self.region.places["nw"],
            lu="LU0777",
            terminal_class=TerminalClass.NW,
        )
        return partial(lives.take_over, self.life.bought(), inherited=inherited, since=SINCE, reason="引継ぎ")

    def configure(self) -> Doing:
        return partial(lives.configure, self.life.in_stock(), to=self.life.to("nw", "nw"), lu="LU0777")

    def accept_return(self) -> Doing:
        return partial(lives.accept, self.life.gives_back(self.nw))

    def returned_and_deleted(self):
        terminal = self.life.returned()
        self.life.deletes(terminal)
        return terminal

    def read_back(self):
        terminal = self.returned_and_deleted()
        self.life.reads_back(terminal)
        return terminal


@dataclass(frozen=True)
class Deed:
    """One deed: what it is in words, who has the right, how it is made ready, what a refusal says."""

    words: str
    doer: str
    ready: Callable[[Scene], Doing]
    said: str = "担当だけができます"


def _with(operation: Doing, on: Callable[[Scene], Any], **given: Any) -> Callable[[Scene], Doing]:
    return lambda scene: partial(operation, on(scene), **given)


DEEDS: dict[str, Deed] = {
    # the registry
    "terminals.operations.issue_enrolment_code": Deed(
        "issue an enrolment code", HAYASHI, _with(registry.issue_enrolment_code, lambda s: s.nw)
    ),
    "terminals.operations.revoke_devices": Deed(
        "revoke a device", HAYASHI, _with(registry.revoke_devices, lambda s: s.nw, reason="紛失")
    ),
    "terminals.operations.revoke_all": Deed(
        "end all proofs of a terminal", SEGAWA, _with(registry.revoke_all, lambda s: s.nw, reason="返却")
    ),
    "terminals.operations.register_certificate": Deed(
        "bind a certificate",
        HAYASHI,
        lambda s: partial(
            registry.register_certificate, TerminalCertificate(fingerprint="b" * 64), terminal=s.nw
        ),
    ),
    "terminals.operations.revoke_certificate": Deed(
        "revoke a certificate", HAYASHI, _with(registry.revoke_certificate, Scene.certificate)
    ),
    "terminals.operations.suspend": Deed(
        "stop a terminal", HAYASHI, _with(registry.suspend, lambda s: s.nw, reason="紛失")
    ),
    "terminals.operations.resume": Deed(
        "let a stopped terminal work again", HAYASHI, _with(registry.resume, lambda s: s.suspended(s.nw))
    ),
    "terminals.operations.save_view": Deed(
        "save a view of the list", SEGAWA, lambda s: partial(registry.save_view, name="移設中", query="")
    ),
    "terminals.operations.forget_view": Deed("drop a view of the list", SEGAWA, Scene.own_views),
    # the ledger
    "terminals.ledger.operations.receive": Deed(
        "deliver a ledger",
        SEGAWA,
        lambda s: partial(
            ledgers.receive,
            io.BytesIO(b""),
            file_name="haibisaki.csv",
            as_of=timezone.localdate(s.at),
            channel=Channel.UPLOAD,
        ),
    ),
    "terminals.ledger.operations.accept": Deed(
        "lift the brake", HAYASHI, _with(ledgers.accept, Scene.braked_delivery, accept_anyway="廃止のため")
    ),
    "terminals.ledger.operations.refuse": Deed(
        "turn a ledger down", HAYASHI, _with(ledgers.refuse, Scene.delivery, reason="先月の台帳")
    ),
    # the reconciliation
    "terminals.reconciliation.operations.ask": Deed(
        "ask for a run", HAYASHI, lambda s: partial(reconciliation.ask, is_dry=False, only_kind="")
    ),
    "terminals.reconciliation.operations.reconcile": Deed(
        "make a run", HAYASHI, lambda s: partial(reconciliation.reconcile, trigger=Trigger.ASKED)
    ),
    "terminals.reconciliation.operations.approve": Deed(
        "approve a run that waits", HAYASHI, _with(reconciliation.approve, Scene.waiting_run)
    ),
    "terminals.reconciliation.operations.confirm": Deed(
        "confirm a discrepancy", HAYASHI, _with(reconciliation.confirm, Scene.discrepancy)
    ),
    "terminals.reconciliation.operations.begin_correction": Deed(
        "begin to correct a discrepancy",
        HAYASHI,
        _with(reconciliation.begin_correction, Scene.discrepancy, words="設定し直す"),
    ),
    "terminals.reconciliation.operations.assign": Deed(
        "give a discrepancy to somebody",
        HAYASHI,
        lambda s: partial(reconciliation.assign, s.discrepancy(), owner=s.life.hayashi),
    ),
    "terminals.reconciliation.operations.add_note": Deed(
        "add to the story of a discrepancy",
        HAYASHI,
        _with(reconciliation.add_note, Scene.discrepancy, words="連絡した"),
    ),
    "terminals.reconciliation.operations.except_until": Deed(
        "except a discrepancy",
        HAYASHI,
        lambda s: partial(
            reconciliation.except_until, s.discrepancy(), until=s.at + timedelta(days=3), reason="応援"
        ),
    ),
    # the rooms
    "terminals.rooms.operations.assign_zone": Deed(
        "say whose a room is", HAYASHI, _with(rooms.assign_zone, Scene.zone)
    ),
    "terminals.rooms.operations.foresee_zone": Deed(
        "try out whose a room is", HAYASHI, _with(rooms.foresee_zone, Scene.zone)
    ),
    "terminals.rooms.operations.admit": Deed(
        "admit somebody to a room", HAYASHI, _with(rooms.admit, Scene.admission)
    ),
    "terminals.rooms.operations.end_admission": Deed(
        "end an admission", HAYASHI, _with(rooms.end_admission, Scene.admitted)
    ),
    "terminals.rooms.operations.take_entries": Deed(
        "deliver entry records",
        SEGAWA,
        lambda s: partial(
            rooms.take_entries,
            sheet(row(NW_ROOM, ONISHI, s.at - timedelta(hours=2), s.at - timedelta(hours=1))),
            file_name="entries.csv",
            channel=Channel.UPLOAD,
        ),
    ),
    "terminals.rooms.operations.review": Deed(
        "review who was in a room", YOSHIOKA, _with(rooms.review, Scene.finding, words="清掃員")
    ),
    # the life of a terminal
    "terminals.lifecycle.operations.take_over": Deed("take a terminal over", HAYASHI, Scene.take_over),
    "terminals.lifecycle.operations.receive": Deed(
        "receive a terminal", SEGAWA, _with(lives.receive, lambda s: s.life.bought())
    ),
    "terminals.lifecycle.operations.configure": Deed("configure a terminal", HAYASHI, Scene.configure),
    "terminals.lifecycle.operations.hand_over": Deed(
        "hand a terminal over",
        SEGAWA,
        _with(lives.hand_over, lambda s: s.life.configured(), reason="新規配備"),
    ),
    "terminals.lifecycle.operations.start_move": Deed(
        "ask to move a terminal",
        ONISHI_SAN,
        lambda s: partial(lives.start_move, s.nw, to=s.life.to("nw", "office"), reason="席替え"),
        HOLDERS,
    ),
    "terminals.lifecycle.operations.approve_move": Deed(
        "approve a move", HAYASHI, _with(lives.approve_move, lambda s: s.life.asks_to_move(s.nw))
    ),
    "terminals.lifecycle.operations.hand_back": Deed(
        "give a terminal back",
        ONISHI_SAN,
        lambda s: partial(lives.hand_back, s.nw, to=s.region.contractor, reason="更新"),
        HOLDERS,
    ),
    "terminals.lifecycle.operations.accept": Deed("accept a terminal", SEGAWA, Scene.accept_return, HOLDERS),
    "terminals.lifecycle.operations.decline": Deed(
        "decline a terminal",
        SEGAWA,
        _with(lives.decline, lambda s: s.life.gives_back(s.nw), reason="聞いていない"),
        HOLDERS,
    ),
    "terminals.lifecycle.operations.delete_lu": Deed(
        "delete an LU", HAYASHI, _with(lives.delete_lu, lambda s: s.life.returned())
    ),
    "terminals.lifecycle.operations.confirm_lu_deletion": Deed(
        "read an LU deletion back",
        SEGAWA,
        _with(lives.confirm_lu_deletion, Scene.returned_and_deleted),
    ),
    "terminals.lifecycle.operations.clear_for_reuse": Deed(
        "clear a terminal for reuse", HAYASHI, _with(lives.clear_for_reuse, Scene.read_back)
    ),
    "terminals.lifecycle.operations.retire": Deed(
        "retire a terminal", HAYASHI, _with(lives.retire, lambda s: s.life.in_stock(), reason="故障")
    ),
    "terminals.lifecycle.operations.correct": Deed(
        "correct the journal",
        HAYASHI,
        _with(lives.correct, lambda s: queries.latest(s.life.in_stock()), reason="誤り"),
    ),
    "terminals.lifecycle.bulk.carry_out": Deed(
        "take a step with many terminals",
        HAYASHI,
        lambda s: partial(bulk.carry_out, BulkStep.SUSPEND, [s.nw], expected=1, reason="紛失"),
    ),
    "terminals.lifecycle.stock_takes.begin_stock_take": Deed(
        "begin a stock-take", SEGAWA, _with(stock_takes.begin_stock_take, lambda s: s.region.places["nw"])
    ),
    "terminals.lifecycle.stock_takes.sight": Deed(
        "read a code in a stock-take",
        SEGAWA,
        _with(stock_takes.sight, Scene.stock_take, code="NW-0118"),
    ),
    "terminals.lifecycle.stock_takes.finish_stock_take": Deed(
        "finish a stock-take", SEGAWA, _with(stock_takes.finish_stock_take, Scene.stock_take)
    ),
    # cards and alerts
    "accesscontrol.operations.set_pin": Deed(
        "set a PIN", MURAKAMI, _with(people.set_pin, lambda s: s.region.cards["nw_clerk"], pin="246801")
    ),
    "accesscontrol.operations.suspend_card": Deed(
        "stop a card",
        MURAKAMI,
        _with(people.suspend_card, lambda s: s.region.cards["nw_clerk"], reason="紛失"),
    ),
    "accesscontrol.operations.resume_card": Deed(
        "let a stopped card work again",
        MURAKAMI,
        _with(people.resume_card, lambda s: s.suspended(s.region.cards["nw_clerk"])),
    ),
    "accesscontrol.operations.acknowledge_alert": Deed(
        "acknowledge an alert", YOSHIOKA, _with(people.acknowledge_alert, Scene.alert)
    ),
}
