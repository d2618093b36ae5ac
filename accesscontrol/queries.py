"""Current facts about cards, people, sessions and alerts."""

from datetime import datetime

from django.db.models import QuerySet

from accesscontrol.choices import CardKind
from accesscontrol.models import Alert, Card, Organisation, Posting, Staff, WorkSession
from accesscontrol.situation import CardFacts, PostingFacts


def card_facts(card: Card, at: datetime) -> CardFacts:
    """Read what the claims need to know of a card, its holder and the holder's posting at an instant."""
    return CardFacts(
        number=card.number,
        kind=CardKind(card.kind),
        company=card.company.name,
        company_kind=card.company.kind,
        valid=covers(card.valid, at),
        suspended=card.suspended_at is not None,
        staff_number=card.staff.number if card.staff else "",
        staff_name=card.staff.name if card.staff else "",
        posting=_posting(card.staff, at) if card.staff else None,
    )


def _posting(staff: Staff, at: datetime) -> PostingFacts | None:
    current = Posting.objects.filter(staff=staff, during__contains=at).select_related("organisation").first()
    if current is None:
        return None
    return PostingFacts(
        organisation=current.organisation.name,
        organisation_kind=current.organisation.kind,
        department=current.department,
        duty=current.duty,
        engaged_for=current.engaged_for,
    )


def covers(period: object, at: datetime) -> bool:
    """Tell whether a half-open period contains an instant."""
    lower, upper = getattr(period, "lower", None), getattr(period, "upper", None)
    return (lower is None or lower <= at) and (upper is None or at < upper)


def card_by_number(number: str) -> Card | None:
    """Return the card with its company and holder."""
    return Card.objects.select_related("company", "staff").filter(number=number).first()


def open_session(token_hash: str) -> WorkSession | None:
    """Return the open session of a token."""
    return (
        WorkSession.objects.select_related("card__company", "card__staff")
        .filter(token_hash=token_hash, ended_at__isnull=True)
        .first()
    )


def ended_session(token_hash: str) -> WorkSession | None:
    """Return the session of a token that has ended, so that the start page can say why."""
    return WorkSession.objects.filter(token_hash=token_hash, ended_at__isnull=False).first()


def last_purpose(card: Card) -> str:
    """Return the purpose this card chose last, to be offered first."""
    chosen = WorkSession.objects.filter(card=card).exclude(purpose="").order_by("-started_at")
    return chosen.values_list("purpose", flat=True).first() or ""


def waiting_alerts() -> QuerySet[Alert]:
    """Return the alerts nobody has acknowledged, newest first."""
    return Alert.objects.filter(acknowledged_at__isnull=True).order_by("-raised_at")


def alert_waits(codes: tuple[str, ...], *, terminal: str, card: str, since: datetime) -> bool:
    """Tell whether the same alert has been raised since then and nobody has acknowledged it."""
    same = waiting_alerts().filter(codes=list(codes), terminal_number=terminal, card_number=card)
    return same.filter(raised_at__gt=since).exists()


def seen_alerts() -> QuerySet[Alert]:
    """Return the alerts somebody has acknowledged, newest first."""
    return Alert.objects.filter(acknowledged_at__isnull=False).order_by("-raised_at")


def organisations() -> QuerySet[Organisation]:
    """Return all organisations by code."""
    return Organisation.objects.order_by("code")


def staff() -> QuerySet[Staff]:
    """Return all staff by number."""
    return Staff.objects.order_by("number")


def postings() -> QuerySet[Posting]:
    """Return all postings, newest first."""
    return Posting.objects.select_related("staff", "organisation").order_by("-during", "staff__number")


def cards() -> QuerySet[Card]:
    """Return all cards by number."""
    return Card.objects.select_related("company", "staff").order_by("number")


def alerts_to_review(staff_number: str) -> int:
    """Return how many alerts nobody has seen yet, for the menu."""
    return waiting_alerts().count()
