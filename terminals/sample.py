"""The sample registry of `make run`: fictitious companies, people, places and terminals.

It holds each row of the decision table: right pairs, and the wrong bindings of cases ① and ②.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from accesscontrol import operations as people
from accesscontrol.choices import CardKind, Duty, EngagedFor, OrganisationKind
from accesscontrol.models import Card, Organisation, Posting, Staff
from terminals import operations
from terminals.choices import AssignedSide, EntryControl, TerminalClass, TerminalStatus, ZoneKind
from terminals.lifecycle.operations import Inherited, configure, hand_over, receive, take_over
from terminals.lifecycle.rules import Destination
from terminals.lifecycle.stock_takes import begin_stock_take, finish_stock_take, sight
from terminals.models import Building, Place, StockTake, Terminal, ZoneOwnership

SINCE = datetime(2023, 12, 1, tzinfo=UTC)
PERIOD = DateTimeTZRange(SINCE, None, "[)")

ORGANISATIONS = {
    "NW": ("みずほ野電力ネットワーク", OrganisationKind.NW),
    "RT": ("みずほ野電力", OrganisationKind.RETAIL),
    "CT": ("川端サービス", OrganisationKind.CONTRACTOR),
}
PLACES = {
    "nw": ("港町合同庁舎", "2F", "配電センター執務室", ZoneKind.NW, ""),
    "retail": ("港町合同庁舎", "3F", "営業所執務室", ZoneKind.RETAIL, ""),
    "lobby": ("港町合同庁舎", "1F", "来訪者対応スペース", ZoneKind.SHARED, ""),
    "office": ("本店", "5F", "情報管理室", ZoneKind.NW, ""),
    "training": ("川端ビル", "4F", "研修室", ZoneKind.CONTRACTOR, AssignedSide.NW),
}
COUNTED = {
    "nw": ("NW-0118",),
    "retail": ("RT-0412", "NW-0187"),
    "lobby": ("NW-0231",),
    "office": ("NW-0001", "RT-0420"),
}


@dataclass(frozen=True, slots=True)
class SampleTerminal:
    """A terminal to try, and what it shows."""

    number: str
    terminal_class: str
    holder: str
    place: str
    meaning: str
    status: str = TerminalStatus.DEPLOYED


@dataclass(frozen=True, slots=True)
class SampleCard:
    """A card to try, and whose it is."""

    number: str
    staff: str
    name: str
    kana: str
    company: str
    department: str
    duty: str
    meaning: str
    kind: str = CardKind.INDIVIDUAL
    engaged_for: str = ""


TERMINALS = (
    SampleTerminal("NW-0118", TerminalClass.NW, "NW", "nw", "NW用：NW区画（正しい）"),
    SampleTerminal("RT-0412", TerminalClass.RETAIL, "RT", "retail", "小売用：小売区画（正しい）"),
    SampleTerminal("NW-0001", TerminalClass.NW, "NW", "office", "NW用：本店の情報管理室（点検・管理の担当）"),
    SampleTerminal("NW-0231", TerminalClass.NW, "NW", "lobby", "NW用が共用の来訪者対応スペースに（事案①）"),
    SampleTerminal("NW-0187", TerminalClass.NW, "RT", "retail", "NW用のまま小売へ配備（事案②）"),
    SampleTerminal(
        "NW-0142", TerminalClass.NW, "NW", "nw", "返却済みなのにLUが残る", TerminalStatus.RETURNED
    ),
    SampleTerminal("RT-0420", TerminalClass.RETAIL, "RT", "retail", "小売用：棚卸では本店で見つかった"),
    SampleTerminal("NW-0305", TerminalClass.NW, "CT", "training", "NW用：委託会社の研修室（NWの枠）"),
)
CARDS = (
    SampleCard(
        "1000000001",
        "N-10001",
        "大西 誠",
        "オオニシ マコト",
        "NW",
        "託送契約課",
        Duty.INQUIRY,
        "NWの照会担当",
    ),
    SampleCard(
        "2000000001", "R-20001", "佐藤 花子", "サトウ ハナコ", "RT", "営業部", Duty.INQUIRY, "小売の照会担当"
    ),
    SampleCard("2000000009", "", "", "", "RT", "", "", "小売の共用カード", CardKind.SHARED),
    SampleCard(
        "3000000001",
        "C-30001",
        "木下 早苗",
        "キノシタ サナエ",
        "CT",
        "受付一課",
        Duty.INQUIRY,
        "委託員（NWの受託）",
        engaged_for=EngagedFor.NW,
    ),
    SampleCard(
        "1000000002",
        "N-10002",
        "吉岡 慎一",
        "ヨシオカ シンイチ",
        "NW",
        "情報管理室",
        Duty.COMPLIANCE,
        "情報管理の担当",
    ),
    SampleCard(
        "1000000005",
        "N-10005",
        "菅原 律子",
        "スガワラ リツコ",
        "NW",
        "考査室",
        Duty.INTERNAL_AUDITOR,
        "考査の担当（閲覧記録の出力の承認）",
    ),
    SampleCard(
        "1000000003",
        "N-10003",
        "林 亜希子",
        "ハヤシ アキコ",
        "NW",
        "情報システム室",
        Duty.TERMINAL_ADMIN,
        "端末管理の担当",
    ),
    SampleCard(
        "1000000006",
        "N-10006",
        "東 直樹",
        "アズマ ナオキ",
        "NW",
        "情報システム室",
        Duty.TERMINAL_ADMIN,
        "端末管理の担当（承認・読み返し）",
    ),
    SampleCard(
        "3000000002",
        "C-30002",
        "瀬川 徹",
        "セガワ トオル",
        "CT",
        "端末管理課",
        Duty.TERMINAL_CONTRACTOR,
        "端末の受け渡しと棚卸（委託）",
        engaged_for=EngagedFor.NW,
    ),
    SampleCard(
        "1000000004",
        "N-10004",
        "村上 健",
        "ムラカミ ケン",
        "NW",
        "総務課",
        Duty.CARD_DESK,
        "職員証の発行窓口",
    ),
)


def prepare(*, at: datetime) -> tuple[dict[str, str], dict[str, str]]:
    """Make sure the sample is there; return fresh enrolment codes and PINs by number."""
    with transaction.atomic():
        organisations = {code: _organisation(code) for code in ORGANISATIONS}
        places = {key: _place(key) for key in PLACES}
        terminals = [_terminal(sample, organisations, places) for sample in TERMINALS]
        cards = [_card(sample, organisations) for sample in CARDS]
        _young_terminals(organisations, places, at)
        _counted(places, at)
        _keep(places["nw"].building)
    codes = {
        terminal.number: operations.issue_enrolment_code(terminal, by=None, at=at) for terminal in terminals
    }
    return codes, {card.number: _new_pin(card, at) for card in cards}


def _young_terminals(organisations: dict[str, Organisation], places: dict[str, Place], at: datetime) -> None:
    """Three terminals at the beginning of their life: bought, in stock, and on its way to its first place."""
    hayashi, segawa = Staff.objects.get(number="N-10003"), Staff.objects.get(number="C-30002")
    to = Destination(
        holder=organisations["NW"],
        place=places["nw"],
        who_can_enter="区画の人と清掃員",
        controls=[EntryControl.LOCKED],
    )
    for step, number in enumerate(("NW-0801", "NW-0802", "NW-0803")):
        terminal, created = Terminal.objects.get_or_create(
            number=number, defaults={"asset_number": f"A-{number}", "serial_number": f"SN{number[-4:]}NW"}
        )
        if created and step >= 1:
            receive(terminal, by=segawa, at=at)
        if created and step == 2:
            configure(terminal, to=to, lu="NWU0803", by=hayashi, at=at)
            hand_over(terminal, reason="新規配備", by=segawa, at=at)


def _counted(places: dict[str, Place], at: datetime) -> None:
    """A stock-take of yesterday: everything but the training room, and RT-0420 where it does not belong."""
    if StockTake.objects.exists():
        return
    segawa, yesterday = Staff.objects.get(number="C-30002"), at - timedelta(days=1)
    for key, numbers in COUNTED.items():
        found = begin_stock_take(places[key], by=segawa, at=yesterday)
        for number in numbers:
            sight(found, code=number, by=segawa, at=yesterday)
        finish_stock_take(found, by=segawa, at=yesterday)


def _keep(building: Building) -> None:
    """Somebody answers for the terminals of the shared building, so that a discrepancy has an owner."""
    Building.objects.filter(pk=building.pk, keeper__isnull=True).update(
        keeper=Staff.objects.get(number="N-10003")
    )


def _organisation(code: str) -> Organisation:
    name, kind = ORGANISATIONS[code]
    return Organisation.objects.get_or_create(code=code, defaults={"name": name, "kind": kind})[0]


def _place(key: str) -> Place:
    building_name, floor, name, kind, side = PLACES[key]
    building, _ = Building.objects.get_or_create(
        name=building_name,
        defaults={"code": f"B-{len(Building.objects.all()) + 1:02d}", "address": "宮城県みずほ野市港町1丁目"},
    )
    place, created = Place.objects.get_or_create(building=building, floor=floor, name=name)
    if created:
        ZoneOwnership.objects.create(place=place, kind=kind, assigned_side=side, during=PERIOD)
    return place


def _terminal(
    sample: SampleTerminal, organisations: dict[str, Organisation], places: dict[str, Place]
) -> Terminal:
    digits = sample.number[-4:]
    terminal, created = Terminal.objects.get_or_create(
        number=sample.number,
        defaults={
            "asset_number": f"A-{sample.number}",
            "serial_number": f"SN{digits}{sample.number[:2]}",
        },
    )
    if created:
        inherited = Inherited(
            status=sample.status,
            holder=organisations[sample.holder],
            place=places[sample.place],
            lu=f"{sample.number[:2]}U{digits}",
            terminal_class=sample.terminal_class,
        )
        take_over(terminal, inherited=inherited, since=SINCE, reason="お試し環境", by=None, at=SINCE)
    return terminal


def _card(sample: SampleCard, organisations: dict[str, Organisation]) -> Card:
    staff = None
    if sample.staff:
        staff, created = Staff.objects.get_or_create(
            number=sample.staff, defaults={"name": sample.name, "kana": sample.kana}
        )
        if created:
            Posting.objects.create(
                staff=staff,
                organisation=organisations[sample.company],
                department=sample.department,
                duty=sample.duty,
                engaged_for=sample.engaged_for,
                during=PERIOD,
            )
    card, _ = Card.objects.get_or_create(
        number=sample.number,
        defaults={
            "kind": sample.kind,
            "company": organisations[sample.company],
            "staff": staff,
            "valid": PERIOD,
        },
    )
    return card


def _new_pin(card: Card, at: datetime) -> str:
    pin = ""
    while not people.acceptable_pin(pin):
        pin = "".join(secrets.choice("0123456789") for _ in range(people.PIN_DIGITS))
    people.set_pin(card, pin=pin, by=None, at=at)
    return pin
