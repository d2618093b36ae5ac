"""What the life cycle has to know at an instant: who somebody is, what is in force, what is under way."""

from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Now

from accesscontrol.choices import PERMISSIONS, OrganisationKind
from accesscontrol.models import Organisation, Posting, Staff
from terminals.choices import KEEP, EventKind, HandoverKind, ZoneKind
from terminals.models import (
    Deployment,
    Handover,
    LifeEvent,
    LuDeletion,
    LuRegistration,
    Place,
    Terminal,
    ZoneOwnership,
)

_ZONE_WORDS = Case(
    *(When(zone_kind=kind, then=Value(str(label))) for kind, label in ZoneKind.choices),
    default=Value("持ち主なし"),
)


def choices(at: datetime) -> dict[str, Any]:
    """Return what a step may choose from: companies, rooms with their zone, keepers."""
    owner = ZoneOwnership.objects.filter(place=OuterRef("pk"), during__contains=at)
    rooms = Place.objects.select_related("building").order_by("building__code", "floor", "name")
    return {
        "holder": Organisation.objects.exclude(kind=OrganisationKind.OTHER).order_by("code"),
        "place": rooms.annotate(zone_kind=Subquery(owner.values("kind")[:1])).annotate(
            zone_words=_ZONE_WORDS
        ),
        "to": keepers(at),
    }


def posting(person: Staff, at: datetime) -> Posting | None:
    """Return where a person works at an instant."""
    return Posting.objects.select_related("organisation").filter(staff=person, during__contains=at).first()


def company_of(person: Staff, at: datetime) -> Organisation | None:
    """Return the company a person works in at an instant."""
    found = posting(person, at)
    return found.organisation if found else None


def keepers(at: datetime) -> QuerySet[Organisation]:
    """Return the companies that keep terminals: a returned one goes to one of them."""
    duties = [duty for duty, held in PERMISSIONS.items() if KEEP in held]
    keeping = Posting.objects.filter(duty__in=duties, during__contains=at)
    return Organisation.objects.filter(pk__in=keeping.values("organisation")).order_by("kind", "code")


def zone(place: Place, at: datetime) -> ZoneOwnership | None:
    """Return whose zone a place is at an instant."""
    return ZoneOwnership.objects.filter(place=place, during__contains=at).first()


def in_force(at: datetime) -> Q:
    """Return the condition of a dated row that holds now or will: what the database counts as well."""
    return Q(during__upper_inf=True) | Q(during__endswith__gt=at)


def registrations(terminal: Terminal, at: datetime) -> list[LuRegistration]:
    """Read back, from the side that grants, the LUs of a terminal that are in force."""
    return list(LuRegistration.objects.filter(in_force(at), terminal=terminal).order_by("lu"))


def deployment(terminal: Terminal, at: datetime) -> Deployment | None:
    """Return the deployment in force."""
    rows = Deployment.objects.select_related("holder", "place__building")
    return rows.filter(in_force(at), terminal=terminal).order_by("during").first()


def open_deletion(terminal: Terminal) -> LuDeletion | None:
    """Return the LU deletion that waits for its read-back."""
    return open_deletions().filter(terminal=terminal).first()


def open_deletions() -> QuerySet[LuDeletion]:
    """Return every LU deletion that waits for its read-back, oldest first."""
    return (
        LuDeletion.objects.filter(confirmed_at__isnull=True, withdrawn_at__isnull=True)
        .select_related("terminal", "deleted_by")
        .order_by("opened_at", "pk")
    )


def under_way(terminal: Terminal) -> Handover | None:
    """Return the hand-over of a terminal that nobody has answered yet."""
    return handovers().filter(terminal=terminal).first()


def handovers() -> QuerySet[Handover]:
    """Return every hand-over nobody has answered yet, oldest first."""
    return (
        Handover.objects.filter(accepted_at__isnull=True, declined_at__isnull=True)
        .select_related("terminal", "holder", "place__building", "handed_by", "approved_by")
        .order_by("handed_at", "pk")
    )


def latest(terminal: Terminal) -> LifeEvent | None:
    """Return the newest entry of a terminal's journal."""
    return events(terminal).first()


def events(terminal: Terminal) -> QuerySet[LifeEvent]:
    """Return a terminal's journal, newest first."""
    return (
        LifeEvent.objects.filter(terminal=terminal)
        .select_related("by", "holder", "place__building", "handover__handed_by", "handover__accepted_by")
        .order_by("-pk")
    )


def configured(terminal: Terminal) -> LifeEvent | None:
    """Return how a terminal was set last, and by whom."""
    return events(terminal).filter(kind=EventKind.CONFIGURED).first()


def moves_to_approve() -> QuerySet[Handover]:
    """Return the moves nobody has approved yet, oldest first."""
    return handovers().filter(kind=HandoverKind.MOVE, approved_by__isnull=True)


def waits_for(handover: Handover, person: Staff, at: datetime) -> bool:
    """Tell whether a hand-over is addressed to a person: their company receives it, and they may."""
    found = posting(person, at)
    if found is None or found.organisation.pk != handover.holder_id:
        return False
    return handover.kind != HandoverKind.RETURN or KEEP in PERMISSIONS.get(found.duty, ())


def waiting(person: Staff, at: datetime) -> list[Handover]:
    """Return the hand-overs a person may answer, oldest first."""
    company = company_of(person, at)
    if company is None:
        return []
    return [each for each in handovers().filter(holder=company) if waits_for(each, person, at)]


def to_answer(staff_number: str) -> int:
    """Return how many hand-overs wait for a person at this moment, as the menu says."""
    works = Posting.objects.filter(
        staff__number=staff_number, during__contains=Now(), organisation=OuterRef("holder")
    )
    keeping = [duty for duty, held in PERMISSIONS.items() if KEEP in held]
    addressed = Exists(works.filter(duty__in=keeping)) | (~Q(kind=HandoverKind.RETURN) & Exists(works))
    open_ones = Handover.objects.filter(accepted_at__isnull=True, declined_at__isnull=True)
    return open_ones.filter(addressed).exclude(handed_by__number=staff_number).count()


def to_read_back(staff_number: str) -> int:
    """Return how many LU deletions wait, as the menu says to everybody who has that line."""
    return open_deletions().count()


def given(person: Staff) -> list[Handover]:
    """Return the hand-overs a person has given and nobody has answered yet."""
    return list(handovers().filter(handed_by=person))


def holds(person: Staff, terminal: Terminal, at: datetime) -> bool:
    """Tell whether a person's company holds a terminal."""
    company, held = company_of(person, at), deployment(terminal, at)
    return company is not None and held is not None and held.holder_id == company.pk
