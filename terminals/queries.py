"""Current and past facts about terminals and places."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from terminals.choices import Severity
from terminals.models import (
    Building,
    Deployment,
    Discrepancy,
    EnrolledDevice,
    LuRegistration,
    Place,
    Terminal,
    TerminalCertificate,
    ZoneOwnership,
)
from terminals.recognition import RecognisedTerminal, Registration


def terminal_of_certificate(fingerprint: str) -> Terminal | None:
    """Return the terminal a certificate that is not revoked belongs to."""
    held = TerminalCertificate.objects.filter(fingerprint=fingerprint, revoked_at__isnull=True)
    certificate = held.select_related("terminal").first()
    return certificate.terminal if certificate else None


def device(pk: int) -> EnrolledDevice | None:
    """Return an enrolled device, revoked or not."""
    return EnrolledDevice.objects.select_related("terminal").filter(pk=pk).first()


def recognise(terminal: Terminal, at: datetime) -> RecognisedTerminal:
    """Read everything the claims need of a terminal at an instant."""
    deployment = (
        Deployment.objects.filter(terminal=terminal, during__contains=at)
        .select_related("holder", "place__building")
        .first()
    )
    zone = (
        ZoneOwnership.objects.filter(place=deployment.place, during__contains=at).first()
        if deployment
        else None
    )
    return RecognisedTerminal(
        id=terminal.pk,
        number=terminal.number,
        status=terminal.status,
        suspended=terminal.suspended_at is not None,
        registrations=_registrations(terminal, at),
        holder=deployment.holder.name if deployment else "",
        holder_kind=deployment.holder.kind if deployment else "",
        place_label=str(deployment.place) if deployment else "",
        zone=zone.kind if zone else "",
        assigned_side=zone.assigned_side if zone else "",
    )


def _registrations(terminal: Terminal, at: datetime) -> tuple[Registration, ...]:
    others = LuRegistration.objects.filter(lu=OuterRef("lu"), during__contains=at).exclude(
        terminal=OuterRef("terminal")
    )
    current = LuRegistration.objects.filter(terminal=terminal, during__contains=at)
    return tuple(
        Registration(lu=found.lu, terminal_class=found.terminal_class, elsewhere=found.shared)
        for found in current.annotate(shared=Exists(others)).order_by("lu")
    )


def terminals(at: datetime) -> QuerySet[Terminal]:
    """Return all terminals with what is in force now, for the registry list."""
    return (
        Terminal.objects.select_related("last_seen")
        .prefetch_related(
            Prefetch(
                "registrations",
                LuRegistration.objects.filter(during__contains=at).order_by("lu"),
                to_attr="current_registrations",
            ),
            Prefetch(
                "deployments",
                Deployment.objects.filter(during__contains=at).select_related("holder", "place__building"),
                to_attr="current_deployments",
            ),
        )
        .order_by("number")
    )


def buildings() -> QuerySet[Building]:
    """Return all buildings by code."""
    return Building.objects.order_by("code")


def places() -> QuerySet[Place]:
    """Return all places by building and floor."""
    return Place.objects.select_related("building").order_by("building__code", "floor", "name")


def zone_ownerships() -> QuerySet[ZoneOwnership]:
    """Return all zone ownerships, newest first."""
    return ZoneOwnership.objects.select_related("place__building").order_by("-during", "place")


def deployments() -> QuerySet[Deployment]:
    """Return all deployments, newest first."""
    return Deployment.objects.select_related("terminal", "holder", "place__building").order_by(
        "-during", "terminal__number"
    )


def registrations() -> QuerySet[LuRegistration]:
    """Return all LU registrations, newest first."""
    return LuRegistration.objects.select_related("terminal").order_by("-during", "terminal__number")


def devices(terminal: Terminal) -> QuerySet[EnrolledDevice]:
    """Return the devices ever enrolled as a terminal, newest first."""
    return EnrolledDevice.objects.filter(terminal=terminal).order_by("-enrolled_at")


def certificates(terminal: Terminal) -> QuerySet[TerminalCertificate]:
    """Return the certificates of a terminal, newest first."""
    return TerminalCertificate.objects.filter(terminal=terminal).order_by("-registered_at")


def critical_finding(terminal_number: str, at: datetime) -> str:
    """Say which open critical discrepancy stops a terminal, unless it is excepted for now; or nothing."""
    found = Discrepancy.objects.filter(
        terminal_number=terminal_number, severity=Severity.CRITICAL, closed_run__isnull=True
    ).exclude(excepted_until__gt=at)
    kinds = "、".join(str(each.get_kind_display()) for each in found.order_by("pk"))
    return f"突合の相違（{kinds}）が残っています。是正の後の突合で解消します。" if kinds else ""
