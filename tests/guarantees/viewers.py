"""Everybody who could ask: each card at each terminal in each place, and the few who belong there."""

from dataclasses import dataclass, field
from itertools import product

from django.test import Client
from django.utils import timezone

from accesscontrol import queries
from accesscontrol import registers as people_registers
from accesscontrol.choices import Duty, EngagedFor, OrganisationKind
from accesscontrol.clearance import Clearance
from accesscontrol.http import SESSION_COOKIE
from accesscontrol.models import Alert, Card, Organisation, TerminalGuard, WorkSession
from accesscontrol.operations import _dummy_hash
from accesscontrol.situation import Situation, clearance
from terminals import registers as terminal_registers
from terminals.choices import AssignedSide, TerminalClass, ZoneKind
from terminals.models import Building, Place, Terminal, TerminalCertificate, ZoneOwnership
from terminals.queries import recognise
from tests.guarantees.observation import pinned
from tests.guarantees.twins import BOTH, Twins
from tests.people import ALWAYS, Person, Region, build_region, make_card, make_shared_card, make_terminal
from tests.town import rows_of_the_registry

HOLDERS = ("nw", "retail", "contractor")
ZONES = ("nw", "retail", "lobby", "training", "retail_training", "nowhere")
SETTLED = {
    "retail_clerk": "contract_inquiry",
    "retail_contractor": "contract_inquiry",
    "nw_clerk": "contract_inquiry",
    "contractor_clerk": "contract_inquiry",
    "officer": "log_review",
    "auditor": "log_review",
    "terminal_admin": "registry",
    "card_desk": "registry",
    "terminal_contractor": "registry",
}


@dataclass(frozen=True)
class Viewer:
    """A card (or none) at a terminal (or none); whoever is visiting signs in anew each time."""

    name: str
    clearance: Clearance = field(repr=False)
    terminal: str = ""
    card: str = ""
    visiting: bool = False


@dataclass
class Town:
    """The viewers, and the rows a URL may name without disturbing them."""

    settled: list[Viewer] = field(default_factory=list)
    visitors: list[Viewer] = field(default_factory=list)
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    spare: dict[str, int] = field(default_factory=dict)

    def viewer(self, name: str) -> Viewer:
        (found,) = [viewer for viewer in self.settled if viewer.name == name]
        return found


def build_town(town: Town) -> None:
    """Make the region with a terminal of its own for each person, and a terminal of each kind."""
    _dummy_hash()
    region = build_region()
    nobody = clearance(Situation(terminal=None, card=None, at=timezone.now()))
    town.settled.append(Viewer("outsider", nobody))
    _settle(town, region)
    _fill_with_visitors(town, region)
    _make_spare_rows(town, region)


def _settle(town: Town, region: Region) -> None:
    _add_places(region)
    region.cards["retail_contractor"] = _contractor("3000000007", region, EngagedFor.RETAIL)
    homes = {
        "retail_clerk": region.retail_terminal,
        "nw_clerk": region.nw_terminal,
        "contractor_clerk": region.contractor_terminal,
        "retail_contractor": make_terminal(
            "RT-0306", TerminalClass.RETAIL, region.contractor, region.places["retail_training"]
        ),
    }
    for step, (name, purpose) in enumerate(SETTLED.items()):
        home = homes.get(name) or make_terminal(
            f"NW-010{step}", TerminalClass.NW, region.nw, region.places["office"]
        )
        person = region.person(name).sits_at(home).signs_in(purpose)
        decided = _clearance(home, region.cards[name])
        town.settled.append(Viewer(name, decided, home.number, region.cards[name].number))
        town.cookies[home.number] = _cookies(person)
    empty = make_terminal("NW-0199", TerminalClass.NW, region.nw, region.places["nw"])
    town.settled.append(Viewer("no_card", _clearance(empty, None), empty.number))
    town.cookies[empty.number] = _cookies(Person(region.cards["officer"]).sits_at(empty))


def _fill_with_visitors(town: Town, region: Region) -> None:
    cards = {"none": None} | _visiting_cards(region)
    organisations = {"nw": region.nw, "retail": region.retail, "contractor": region.contractor}
    at = timezone.now()
    facts = {name: queries.card_facts(_fresh(card), at) if card else None for name, card in cards.items()}
    for step, (side, holder, zone) in enumerate(product(TerminalClass, HOLDERS, ZONES)):
        number = f"X-{step:03}"
        terminal = make_terminal(number, side, organisations[holder], region.places[zone], lu=f"LX{step:04}")
        town.cookies[number] = _cookies(Person(region.cards["officer"]).sits_at(terminal))
        recognised = recognise(terminal, at)
        for name, card in cards.items():
            decided = clearance(Situation(terminal=recognised, card=facts[name], at=at))
            town.visitors.append(
                Viewer(
                    f"{name} / {side}・{holder} / {zone}",
                    decided,
                    number,
                    card.number if card else "",
                    visiting=True,
                )
            )


def _visiting_cards(region: Region) -> dict[str, Card]:
    duties = {
        "nw_clerk": (region.nw, Duty.INQUIRY, ""),
        "retail_clerk": (region.retail, Duty.INQUIRY, ""),
        "nw_contractor": (region.contractor, Duty.INQUIRY, EngagedFor.NW),
        "retail_contractor": (region.contractor, Duty.INQUIRY, EngagedFor.RETAIL),
        "officer": (region.nw, Duty.COMPLIANCE, ""),
        "terminal_admin": (region.nw, Duty.TERMINAL_ADMIN, ""),
        "card_desk": (region.nw, Duty.CARD_DESK, ""),
        "auditor": (region.nw, Duty.INTERNAL_AUDITOR, ""),
        "terminal_contractor": (region.contractor, Duty.TERMINAL_CONTRACTOR, EngagedFor.NW),
    }
    made = {
        name: make_card(f"900000000{step}", company, f"V-{step}", f"巡回 {step}", "巡回", duty, engaged)
        for step, (name, (company, duty, engaged)) in enumerate(duties.items())
    }
    return made | {"shared": make_shared_card("9000000019", region.retail)}


def _add_places(region: Region) -> None:
    building = region.places["nw"].building
    for name, zones in {"retail_training": [AssignedSide.RETAIL], "nowhere": []}.items():
        place = Place.objects.create(building=building, floor="6F", name=name)
        region.places[name] = place
        for side in zones:
            ZoneOwnership.objects.create(
                place=place, kind=ZoneKind.CONTRACTOR, assigned_side=side, during=ALWAYS
            )


def _make_spare_rows(town: Town, region: Region) -> None:
    """The newest row of each table: URLs name these, so no viewer's own terminal or card is changed."""
    at = timezone.now()
    rows = rows_of_the_registry(region)
    building = Building.objects.create(code="ZZ", name="予備", address="予備")
    place = Place.objects.create(building=building, floor="1F", name="予備")
    ZoneOwnership.objects.create(place=place, kind=ZoneKind.NW, during=ALWAYS)
    terminal = make_terminal("Z-0900", TerminalClass.NW, region.nw, place)
    certificate = TerminalCertificate.objects.create(
        terminal=terminal, fingerprint="0" * 64, registered_at=at
    )
    alert = Alert.objects.create(raised_at=at, codes=["C-201"], summary="試験", log_entry=1)
    make_card("9999999999", region.nw, "Z-1", "予備 一", "予備", Duty.INQUIRY)
    Organisation.objects.create(code="ZZ", name="予備", kind=OrganisationKind.CONTRACTOR)
    town.spare = rows | {"certificate": certificate.pk, "alerts": alert.pk, "audit": 1}
    for register in (*people_registers.REGISTERS, *terminal_registers.REGISTERS):
        town.spare[register.name] = register.model.objects.latest("pk").pk


def _contractor(number: str, region: Region, side: str) -> Card:
    return make_card(number, region.contractor, f"C-{number[-5:]}", "小林 光", "受付", Duty.INQUIRY, side)


def _clearance(terminal: Terminal, card: Card | None) -> Clearance:
    at = timezone.now()
    facts = queries.card_facts(_fresh(card), at) if card else None
    return clearance(Situation(terminal=recognise(terminal, at), card=facts, at=at))


def _fresh(card: Card) -> Card:
    return Card.objects.select_related("company", "staff").get(pk=card.pk)


def _cookies(person: Person) -> dict[str, str]:
    return {name: morsel.value for name, morsel in person.client.cookies.items()}


class Browsers:
    """One browser for each terminal in each of the two worlds, kept in step."""

    def __init__(self, twins: Twins, town: Town) -> None:
        self.twins, self.town = twins, town
        self.clients: dict[tuple[str, str], Client] = {}
        self.doubtful: set[str] = set()

    def forget(self) -> None:
        """Begin again, after the copies were made afresh."""
        self.clients.clear()
        self.doubtful.clear()

    def of(self, viewer: Viewer, world: str) -> Client:
        """Return the browser a viewer sits at."""
        key = (viewer.terminal, world)
        if key not in self.clients:
            self.clients[key] = Client(raise_request_exception=False, SERVER_NAME="localhost")
            self.clients[key].cookies.load(self.town.cookies.get(viewer.terminal, {}))
        return self.clients[key]

    def settle(self, viewer: Viewer, *, seed: int) -> None:
        """Have a viewer who posted something signed in again, and pauses for wrong PINs lifted.

        Whoever visits finds no open session in the browser.
        """
        if viewer.visiting:
            for world in BOTH:
                self.of(viewer, world).cookies.pop(SESSION_COOKIE, None)
        if viewer.name not in self.doubtful:
            return
        self.doubtful.discard(viewer.name)
        for world in BOTH:
            with self.twins.inside(world), pinned(seed):
                TerminalGuard.objects.all().delete()
                Card.objects.update(failed_attempts=0, locked_until=None)
                if viewer.name not in SETTLED:
                    continue
                if WorkSession.objects.filter(card__number=viewer.card, ended_at__isnull=True).exists():
                    continue
                terminal = Terminal.objects.get(number=viewer.terminal)
                person = Person(Card.objects.get(number=viewer.card), self.of(viewer, world))
                person.client.cookies.clear()
                person.sits_at(terminal).signs_in(SETTLED[viewer.name])
