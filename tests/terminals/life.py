"""The life of a terminal as the people of the tests lead it: 林 sets, 瀬川 hands over, 大西 accepts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accesscontrol.choices import Duty
from accesscontrol.duties import OutsideDuty
from accesscontrol.models import Organisation, Staff
from terminals.choices import EntryControl
from terminals.lifecycle import operations
from terminals.lifecycle.rules import Destination
from terminals.models import Handover, LifeEvent, Place, Terminal
from tests.people import Region, make_card


def another_admin(region: Region) -> Staff:
    """東, who manages terminals beside 林."""
    card = make_card("1000000033", region.nw, "N-10033", "東 直樹", "情報システム室", Duty.TERMINAL_ADMIN)
    return card.staff


@dataclass
class Life:
    """The people around terminals in a region, and a clock that goes on with every step."""

    region: Region
    at: datetime

    @classmethod
    def begins(cls, region: Region) -> "Life":
        another_admin(region)
        return cls(region, timezone.now() - timedelta(days=30))

    def person(self, who: str) -> Staff:
        return self.region.cards[who].staff

    @property
    def hayashi(self) -> Staff:
        return self.person("terminal_admin")

    @property
    def azuma(self) -> Staff:
        return Staff.objects.get(number="N-10033")

    @property
    def segawa(self) -> Staff:
        return self.person("terminal_contractor")

    @property
    def onishi(self) -> Staff:
        return self.person("nw_clerk")

    @property
    def sato(self) -> Staff:
        return self.person("retail_clerk")

    def then(self) -> datetime:
        """A minute later."""
        self.at += timedelta(minutes=1)
        return self.at

    def to(self, holder: str, place: str, **more) -> Destination:
        given = {"who_can_enter": "区画の人と清掃員", "controls": [EntryControl.LOCKED], **more}
        return Destination(holder=self.company(holder), place=self.place(place), **given)

    def company(self, name: str) -> Organisation:
        return getattr(self.region, name)

    def place(self, name: str) -> Place:
        return self.region.places[name]

    def bought(self, number: str = "NW-0777") -> Terminal:
        return Terminal.objects.create(number=number, asset_number=f"A-{number}", serial_number=f"S-{number}")

    def in_stock(self, number: str = "NW-0777") -> Terminal:
        terminal = self.bought(number)
        operations.receive(terminal, by=self.segawa, at=self.then())
        return terminal

    def configured(
        self, number: str = "NW-0777", *, holder: str = "nw", place: str = "nw", lu: str = ""
    ) -> Terminal:
        terminal = self.in_stock(number)
        self.configures(terminal, holder=holder, place=place, lu=lu)
        return terminal

    def configures(
        self, terminal: Terminal, *, holder: str = "nw", place: str = "nw", lu: str = ""
    ) -> LifeEvent:
        name = lu or f"LU{terminal.number[-4:]}"
        to = self.to(holder, place)
        return operations.configure(terminal, to=to, lu=name, by=self.hayashi, at=self.then())

    def hands_over(self, terminal: Terminal, *, by: Staff | None = None) -> Handover:
        giver = by or self.segawa
        return operations.hand_over(terminal, reason="新規配備", by=giver, at=self.then())

    def accepts(self, handover: Handover, by: Staff) -> LifeEvent:
        return operations.accept(handover, by=by, at=self.then())

    def deployed(self, number: str = "NW-0777", *, holder: str = "nw", place: str = "nw") -> Terminal:
        terminal = self.configured(number, holder=holder, place=place)
        self.accepts(self.hands_over(terminal), {"nw": self.onishi, "retail": self.sato}[holder])
        return terminal

    def gives_back(self, terminal: Terminal, *, by: Staff | None = None) -> Handover:
        giver = by or self.onishi
        keeper = self.region.contractor
        return operations.hand_back(terminal, to=keeper, reason="更新", by=giver, at=self.then())

    def returned(self, number: str = "NW-0777", *, holder: str = "nw", place: str = "nw") -> Terminal:
        terminal = self.deployed(number, holder=holder, place=place)
        giver = {"nw": self.onishi, "retail": self.sato}[holder]
        self.accepts(self.gives_back(terminal, by=giver), self.segawa)
        return terminal

    def deletes(self, terminal: Terminal) -> None:
        operations.delete_lu(terminal, by=self.hayashi, at=self.then())

    def reads_back(self, terminal: Terminal, *, by: Staff | None = None) -> None:
        operations.confirm_lu_deletion(terminal, by=by or self.segawa, at=self.then())

    def reusable(self, number: str = "NW-0777") -> Terminal:
        terminal = self.returned(number)
        self.deletes(terminal)
        self.reads_back(terminal)
        operations.clear_for_reuse(terminal, by=self.hayashi, at=self.then())
        return terminal

    def asks_to_move(self, terminal: Terminal, place: str = "office", *, by: Staff | None = None) -> Handover:
        to = self.to("nw", place)
        return operations.start_move(terminal, to=to, reason="席替え", by=by or self.onishi, at=self.then())


def status(terminal: Terminal) -> str:
    """Where the database says a terminal is."""
    return Terminal.objects.get(pk=terminal.pk).status


def refused(words: str):
    """The step is refused, and the words say why."""
    return pytest.raises(ValidationError, match=words)


def outside_duty(words: str):
    """The step is not this person's to take, and the words say whose it is."""
    return pytest.raises(OutsideDuty, match=words)
