"""Tell a responsible person something: kept for the product's pages, sent by mail and to a webhook by a job."""

from datetime import datetime

from accesscontrol.models import Staff
from terminals.models import Notice


def tell(recipient: Staff | None, text: str, *, link: str = "", at: datetime) -> Notice:
    """Keep a notice for a person; without one it goes to the recipients of alerts."""
    return Notice.objects.create(recipient=recipient, text=text[:300], link=link, made_at=at)
