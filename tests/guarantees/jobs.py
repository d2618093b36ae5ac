"""A look-up outside any request, as a nightly job would do it."""

from celery import shared_task
from django.utils import timezone

from accesscontrol.models import WorkSession
from accesscontrol.queries import card_facts
from accesscontrol.situation import Situation, clearance
from accesscontrol.viewer import Viewer
from eigyo import inquiries
from terminals.models import Terminal
from terminals.queries import recognise


@shared_task
def look_up(card: str, number: str) -> str:
    """Return the holder's name of a point, for the person whose card has a session open."""
    record = inquiries.open_point(viewer_of(card), number)
    return record.fields["holder_name"]


def viewer_of(card: str) -> Viewer:
    at = timezone.now()
    session = WorkSession.objects.get(card__number=card, ended_at__isnull=True)
    terminal = recognise(Terminal.objects.get(number=session.terminal_number), at)
    facts = card_facts(session.card, at)
    return Viewer(
        card=facts,
        terminal=terminal,
        clearance=clearance(Situation(terminal=terminal, card=facts, at=at)),
        purpose=session.purpose,
        purpose_reference=session.purpose_reference,
        at=at,
        request="job",
    )
