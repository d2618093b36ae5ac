"""Named people, terminals and supply points of the tests.

An NW clerk (大西), a retail clerk (佐藤), a compliance officer (吉岡), a terminal administrator (林),
a card-desk clerk (村上), a contractor's clerk (木下), the terminal contractor (瀬川) and an outsider without any card or terminal.
"""

import io
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.test import Client
from django.utils import timezone

from accesscontrol.choices import CardKind, Duty, EngagedFor, OrganisationKind
from accesscontrol.http import SESSION_COOKIE
from accesscontrol.models import Card, Organisation, Posting, Staff, WorkSession
from accesscontrol.operations import Attempt, sign_in
from eigyo import exchange, operations
from terminals.choices import AssignedSide, EventKind, TerminalClass, TerminalStatus, ZoneKind
from terminals.lifecycle.operations import Inherited, take_over
from terminals.middleware import DEVICE_COOKIE
from terminals.models import Building, LifeEvent, Place, Terminal, ZoneOwnership
from terminals.operations import enrol, issue_enrolment_code
from terminals.queries import recognise

PIN = "135790"
SINCE = datetime(2023, 12, 1, tzinfo=UTC)
ALWAYS = DateTimeTZRange(SINCE, None, "[)")

OWN_LOW = "0210000000000000000001"
OTHER_LOW = "0210000000000000000002"
OWN_HIGH = "0210000000000000000003"
OTHER_HIGH = "0210000000000000000004"
OTHER_VACANT = "0210000000000000000005"
OWN_VACANT = "0210000000000000000006"
UNKNOWN_NUMBER = "0299999999999999999999"

POINTS = (
    exchange.ExchangeRow(
        OWN_LOW,
        "髙橋　花子",
        "タカハシ ハナコ",
        "980-0811",
        "宮城県仙台市青葉区一番町二丁目3番1号",
        "022-012-3456",
        "low",
        30000,
        "A",
        None,
        "",
        30000,
        "A",
        True,
    ),
    exchange.ExchangeRow(
        OTHER_LOW,
        "秘密　太郎",
        "ヒミツ タロウ",
        "980-0811",
        "宮城県仙台市青葉区一番町二丁目3番2号",
        "022-098-7654",
        "low",
        40000,
        "A",
        None,
        "",
        40000,
        "A",
        False,
    ),
    exchange.ExchangeRow(
        OWN_HIGH,
        "株式会社青葉製作所",
        "カブシキガイシャアオバセイサクショ",
        "980-0811",
        "宮城県仙台市青葉区一番町二丁目4番8号",
        "022-055-0148",
        "high",
        480000,
        "kW",
        612500,
        "kW",
        200000,
        "A",
        True,
    ),
    exchange.ExchangeRow(
        OTHER_HIGH,
        "株式会社機密冷蔵",
        "カブシキガイシャキミツレイゾウ",
        "020-0021",
        "岩手県盛岡市中央通三丁目1番1号",
        "019-000-0001",
        "high",
        999000,
        "kW",
        888000,
        "kW",
        777000,
        "A",
        False,
    ),
    exchange.ExchangeRow(
        OTHER_VACANT,
        "",
        "",
        "020-0021",
        "岩手県盛岡市中央通三丁目1番2号",
        "",
        "",
        None,
        "",
        None,
        "",
        None,
        "",
        False,
    ),
    exchange.ExchangeRow(
        OWN_VACANT,
        "",
        "",
        "020-0021",
        "岩手県盛岡市中央通三丁目1番3号",
        "",
        "",
        None,
        "",
        None,
        "",
        None,
        "",
        True,
    ),
)
HIDDEN_FROM_RETAIL = (
    "秘密",
    "ヒミツ",
    "0220987654",
    "022-098-7654",
    "機密冷蔵",
    "キミツ",
    "019-000-0001",
)


@cache
def _pin_hash() -> str:
    """A real Argon2id hash, with costs that let hundreds of people sign in within a test run."""
    return f"argon2{PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PIN)}"


@dataclass
class Person:
    """Somebody with a card, sitting at terminals through a browser that keeps cookies."""

    card: Card
    client: Client = field(default_factory=Client)

    def sits_at(self, terminal: Terminal) -> "Person":
        """Make this person's browser the terminal's enrolled device."""
        at = timezone.now()
        _, cookie = enrol(issue_enrolment_code(terminal, by=None, at=at), at=at)
        self.client.cookies[DEVICE_COOKIE] = cookie
        self.terminal = terminal
        return self

    def signs_in(self, purpose: str = "contract_inquiry") -> "Person":
        """Open a session as the sign-in page does, with a purpose."""
        at = timezone.now()
        token = sign_in(
            Attempt(self.card.number, PIN),
            terminal=recognise(self.terminal, at),
            purpose=purpose,
            reference="試験" if purpose else "",
            at=at,
            request="test",
        )
        self.client.cookies[SESSION_COOKIE] = token
        return self

    def gets(self, url: str, **kwargs):
        return self.client.get(url, **kwargs)

    def posts(self, url: str, data=None, **kwargs):
        return self.client.post(url, data or {}, **kwargs)

    def tries_to_sign_in(self, pin: str = PIN, card: str = ""):
        """Send the sign-in form."""
        return self.client.post("/start/", {"card": card or self.card.number, "pin": pin})

    @property
    def session(self) -> WorkSession | None:
        return WorkSession.objects.filter(card=self.card, ended_at__isnull=True).first()


@dataclass
class Region:
    """Companies, places, terminals and cards, all agreeing."""

    nw: Organisation
    retail: Organisation
    contractor: Organisation
    places: dict[str, Place]
    nw_terminal: Terminal
    retail_terminal: Terminal
    office_terminal: Terminal
    contractor_terminal: Terminal
    cards: dict[str, Card]

    def person(self, who: str) -> Person:
        return Person(Card.objects.get(pk=self.cards[who].pk))

    def nw_clerk(self) -> Person:
        return self.person("nw_clerk").sits_at(self.nw_terminal).signs_in()

    def retail_clerk(self) -> Person:
        return self.person("retail_clerk").sits_at(self.retail_terminal).signs_in()

    def officer(self) -> Person:
        return self.person("officer").sits_at(self.office_terminal).signs_in("log_review")

    def terminal_admin(self) -> Person:
        return self.person("terminal_admin").sits_at(self.office_terminal).signs_in("registry")

    def card_desk(self) -> Person:
        return self.person("card_desk").sits_at(self.office_terminal).signs_in("registry")

    def outsider(self) -> Client:
        return Client()


@transaction.atomic
def build_region() -> Region:
    """Make the region afresh."""
    nw = Organisation.objects.create(code="NW", name="試験電力ネットワーク", kind=OrganisationKind.NW)
    retail = Organisation.objects.create(code="RT", name="試験電力", kind=OrganisationKind.RETAIL)
    contractor = Organisation.objects.create(code="CT", name="試験サービス", kind=OrganisationKind.CONTRACTOR)
    building = Building.objects.create(code="B-01", name="合同庁舎", address="宮城県仙台市")
    places = {
        "nw": _place(building, "2F", "配電センター", ZoneKind.NW),
        "retail": _place(building, "3F", "営業所", ZoneKind.RETAIL),
        "lobby": _place(building, "1F", "来訪者対応スペース", ZoneKind.SHARED),
        "office": _place(building, "5F", "情報管理室", ZoneKind.NW),
        "training": _place(building, "4F", "研修室", ZoneKind.CONTRACTOR, AssignedSide.NW),
    }
    load_points(POINTS)
    return Region(
        nw=nw,
        retail=retail,
        contractor=contractor,
        places=places,
        nw_terminal=make_terminal("NW-0118", TerminalClass.NW, nw, places["nw"]),
        retail_terminal=make_terminal("RT-0412", TerminalClass.RETAIL, retail, places["retail"]),
        office_terminal=make_terminal("NW-0001", TerminalClass.NW, nw, places["office"]),
        contractor_terminal=make_terminal("NW-0305", TerminalClass.NW, contractor, places["training"]),
        cards={
            "nw_clerk": make_card("1000000001", nw, "N-10001", "大西 誠", "託送契約課", Duty.INQUIRY),
            "retail_clerk": make_card("2000000001", retail, "R-20001", "佐藤 花子", "営業部", Duty.INQUIRY),
            "other_retail_clerk": make_card(
                "2000000002", retail, "R-20002", "中村 亮", "営業部", Duty.INQUIRY
            ),
            "contractor_clerk": make_card(
                "3000000001", contractor, "C-30001", "木下 早苗", "受付", Duty.INQUIRY, EngagedFor.NW
            ),
            "officer": make_card("1000000002", nw, "N-10002", "吉岡 慎一", "情報管理室", Duty.COMPLIANCE),
            "terminal_admin": make_card(
                "1000000003", nw, "N-10003", "林 亜希子", "情報システム室", Duty.TERMINAL_ADMIN
            ),
            "card_desk": make_card("1000000004", nw, "N-10004", "村上 健", "総務課", Duty.CARD_DESK),
            "auditor": make_card("1000000005", nw, "N-10005", "考査 一郎", "考査室", Duty.INTERNAL_AUDITOR),
            "terminal_contractor": make_card(
                "3000000002",
                contractor,
                "C-30002",
                "瀬川 徹",
                "端末管理課",
                Duty.TERMINAL_CONTRACTOR,
                EngagedFor.NW,
            ),
            "shared": make_shared_card("2000000009", retail),
        },
    )


def make_terminal(
    number: str,
    terminal_class: str,
    holder: Organisation,
    place: Place,
    *,
    status: str = TerminalStatus.DEPLOYED,
    lu: str = "",
) -> Terminal:
    terminal = Terminal.objects.create(number=number, asset_number=f"A-{number}", serial_number=f"S-{number}")
    inherited = Inherited(
        status=status,
        holder=holder,
        place=place,
        lu=(lu or f"LU{number[-4:]}") if terminal_class else "",
        terminal_class=terminal_class,
    )
    take_over(terminal, inherited=inherited, since=SINCE, reason="試験", by=None, at=SINCE)
    return terminal


def is_returned(terminal: Terminal) -> None:
    """Write the return of a terminal into its journal, at this moment."""
    LifeEvent.objects.create(
        terminal=terminal,
        kind=EventKind.RETURNED,
        from_status=TerminalStatus.DEPLOYED,
        to_status=TerminalStatus.RETURNED,
        at=timezone.now(),
        reason="試験",
    )


def make_card(
    number: str,
    company: Organisation,
    staff_number: str,
    name: str,
    department: str,
    duty: str,
    engaged_for: str = "",
) -> Card:
    staff = Staff.objects.create(number=staff_number, name=name)
    Posting.objects.create(
        staff=staff,
        organisation=company,
        department=department,
        duty=duty,
        engaged_for=engaged_for,
        during=ALWAYS,
    )
    return Card.objects.create(
        number=number,
        kind=CardKind.INDIVIDUAL,
        company=company,
        staff=staff,
        valid=ALWAYS,
        pin_hash=_pin_hash(),
    )


def make_shared_card(number: str, company: Organisation) -> Card:
    return Card.objects.create(
        number=number, kind=CardKind.SHARED, company=company, valid=ALWAYS, pin_hash=_pin_hash()
    )


def load_points(rows, **options):
    """Bring supply points in by the real import."""
    content = csv_bytes([exchange.format_row(row) for row in rows])
    return import_bytes(content, **options)


def csv_bytes(rows, encoding: str = "utf-8", header=exchange.HEADER) -> bytes:
    import csv

    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def import_bytes(content: bytes, *, skip_bad: bool = False, accept_shrink: bool = False):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.csv"
        path.write_bytes(content)
        return operations.import_file(
            path,
            skip_bad=skip_bad,
            accept_shrink=accept_shrink,
            at=timezone.now(),
            progress=lambda rows: None,
        )


def ends_now(row) -> None:
    """End a dated row a moment ago."""
    row.during = DateTimeTZRange(row.during.lower, timezone.now() - timedelta(seconds=1), "[)")
    row.save()


def _place(building: Building, floor: str, name: str, kind: str, side: str = "") -> Place:
    place = Place.objects.create(building=building, floor=floor, name=name)
    ZoneOwnership.objects.create(place=place, kind=kind, assigned_side=side, during=ALWAYS)
    return place
