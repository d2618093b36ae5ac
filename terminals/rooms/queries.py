"""Rooms: who owned them when, what stands there, who was in, and the buildings both companies share."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet

from accesscontrol.models import Organisation
from terminals.choices import AssignedSide, TerminalStatus, ZoneKind
from terminals.models import (
    Building,
    Deployment,
    LuRegistration,
    Place,
    PresenceFinding,
    RoomAdmission,
    RoomEntry,
    RoomEntryFile,
    StockTake,
    Terminal,
    ZoneOwnership,
)

_NW_SIDE = Q(kind=ZoneKind.NW) | Q(assigned_side=AssignedSide.NW)
_RETAIL_SIDE = Q(kind=ZoneKind.RETAIL) | Q(assigned_side=AssignedSide.RETAIL)


def owners(place: Place) -> QuerySet[ZoneOwnership]:
    """Return whose zone a place was and will be, oldest first."""
    return ZoneOwnership.objects.filter(place=place).order_by("during")


def owner(place: Place, at: datetime) -> ZoneOwnership | None:
    """Return whose zone a place is at an instant."""
    return ZoneOwnership.objects.filter(place=place, during__contains=at).first()


def standing(places: Iterable[int], at: datetime) -> QuerySet[Terminal]:
    """Return the terminals in use that stand in any of these places at an instant."""
    here = Deployment.objects.filter(place__in=places, during__contains=at)
    return Terminal.objects.filter(status=TerminalStatus.DEPLOYED, deployments__in=here).order_by("number")


def places_changing(*, after: datetime, until: datetime) -> list[int]:
    """Return the places whose owner begins in a stretch of time."""
    begun = ZoneOwnership.objects.filter(during__startswith__gt=after, during__startswith__lte=until)
    return list(begun.values_list("place_id", flat=True).distinct())


def terminals_at(place: Place, at: datetime) -> list[dict[str, Any]]:
    """Return what stands in a place at an instant, whatever its status, as plain values."""
    here = (
        Deployment.objects.filter(place=place, during__contains=at)
        .select_related("terminal", "holder")
        .prefetch_related(_registrations(at))
        .order_by("terminal__number")
    )
    return [_standing(deployment) for deployment in here]


def _registrations(at: datetime) -> "Prefetch[Any]":
    current = LuRegistration.objects.filter(during__contains=at).order_by("lu")
    return Prefetch("terminal__registrations", current, to_attr="current")


def _standing(deployment: Deployment) -> dict[str, Any]:
    terminal: Any = deployment.terminal
    classes = {found.terminal_class: found.get_terminal_class_display() for found in terminal.current}
    return {
        "pk": terminal.pk,
        "number": terminal.number,
        "holder": str(deployment.holder),
        "status": terminal.get_status_display(),
        "suspended": terminal.suspended_reason,
        "classes": list(classes.items()),
        "lu": "、".join(found.lu for found in terminal.current),
    }


def admissions(place: Place) -> QuerySet[RoomAdmission]:
    """Return the admission list of a place, newest first."""
    return RoomAdmission.objects.filter(place=place).select_related("company").order_by("-during", "pk")


def entries(place: Place, *, since: datetime, until: datetime) -> QuerySet[RoomEntry]:
    """Return the records of who was in a place in a stretch of time, by the time of entering."""
    return (
        RoomEntry.objects.filter(place=place, entered_at__lt=until)
        .filter(Q(entered_at__gte=since) | Q(left_at__gte=since))
        .select_related("company")
        .order_by("entered_at", "person_number")
    )


def waiting_findings() -> QuerySet[PresenceFinding]:
    """Return the findings nobody has reviewed, newest first."""
    return _findings().filter(reviewed_at__isnull=True).order_by("-during", "pk")


def reviewed_findings() -> QuerySet[PresenceFinding]:
    """Return the findings an officer has reviewed, the latest review first."""
    return _findings().filter(reviewed_at__isnull=False).order_by("-reviewed_at", "pk")


def findings_at(place: Place) -> QuerySet[PresenceFinding]:
    """Return the findings in one room, newest first."""
    return _findings().filter(place=place).order_by("-during", "pk")


def _findings() -> QuerySet[PresenceFinding]:
    return PresenceFinding.objects.select_related("place__building", "reviewed_by")


def stock_takes(place: Place) -> QuerySet[StockTake]:
    """Return the stock-takes of a place with how many codes were read, newest first."""
    taken = StockTake.objects.filter(place=place).select_related("by")
    return taken.annotate(read=Count("sightings")).order_by("-started_at")


def files() -> QuerySet[RoomEntryFile]:
    """Return the deliveries of entry records, newest first."""
    return RoomEntryFile.objects.select_related("received_by").order_by("-pk")


def places_named(names: set[tuple[str, str, str]]) -> dict[tuple[str, str, str], Place]:
    """Return the places by building code, floor and room, of those that are asked for."""
    wanted = Place.objects.filter(building__code__in={code for code, _, _ in names})
    found = {(p.building.code, p.floor, p.name): p for p in wanted.select_related("building")}
    return {name: found[name] for name in names if name in found}


def companies_coded(codes: set[str]) -> dict[str, Organisation]:
    """Return the organisations by code, of those that are asked for."""
    return {found.code: found for found in Organisation.objects.filter(code__in=codes)}


def shared_buildings(at: datetime) -> list[dict[str, Any]]:
    """Return the buildings with zones of both companies, zone by zone with what stands there (LOC-01)."""
    current = ZoneOwnership.objects.filter(during__contains=at)
    shared = Building.objects.filter(pk__in=current.filter(_NW_SIDE).values("place__building")).filter(
        pk__in=current.filter(_RETAIL_SIDE).values("place__building")
    )
    deployed = Deployment.objects.filter(during__contains=at).select_related("terminal", "holder")
    places = (
        Place.objects.filter(building__in=shared)
        .prefetch_related(
            Prefetch("ownerships", current, to_attr="current_owner"),
            Prefetch(
                "deployment_set",
                deployed.prefetch_related(_registrations(at)).order_by("terminal__number"),
                to_attr="here",
            ),
        )
        .order_by("-floor", "name")
    )
    by_building: dict[int, list[dict[str, Any]]] = {}
    for place in places:
        by_building.setdefault(place.building_id, []).append(_zone(place))
    return [
        {"code": b.code, "name": b.name, "address": b.address, "zones": by_building[b.pk]}
        for b in shared.order_by("code")
    ]


def _zone(place: Any) -> dict[str, Any]:
    current = next(iter(place.current_owner), None)
    standing_here = [_standing(deployment) for deployment in place.here]
    side = (current.assigned_side or current.kind) if current else ""
    return {
        "pk": place.pk,
        "floor": place.floor,
        "name": place.name,
        "kind": current.kind if current else "",
        "owner": current.get_kind_display() if current else "",
        "slot": current.get_assigned_side_display() if current and current.assigned_side else "",
        "terminals": [
            each | {"is_wrong": any(name != side for name, _ in each["classes"])} for each in standing_here
        ],
    }
