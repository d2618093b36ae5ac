"""Tell a responsible person something: kept for the product's pages, sent by mail and to a webhook by a job."""

import json
import urllib.request
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from structlog.stdlib import get_logger

from accesscontrol.models import Staff
from terminals.models import Notice

logger = get_logger(__name__)
WEBHOOK_SECONDS = 5
AT_ONCE = 50
SHOWN = 100


def tell(recipient: Staff | None, text: str, *, link: str = "", at: datetime) -> Notice:
    """Keep a notice for a person; without one it goes to the recipients of alerts."""
    return Notice.objects.create(recipient=recipient, text=text[:300], link=link, made_at=at)


def unread(staff: Staff) -> QuerySet[Notice]:
    """Return what a person has not read yet, newest first."""
    return Notice.objects.filter(recipient=staff, read_at__isnull=True).order_by("-made_at", "-pk")


def unread_by(staff_number: str) -> int:
    """Return how much a person has not read yet, for the menu."""
    return Notice.objects.filter(recipient__number=staff_number, read_at__isnull=True).count()


def latest(staff: Staff) -> QuerySet[Notice]:
    """Return what a person was told lately, newest first."""
    return Notice.objects.filter(recipient=staff).order_by("-made_at", "-pk")[:SHOWN]


def read_all(staff: Staff, *, at: datetime) -> None:
    """Note that a person has read what there is."""
    unread(staff).update(read_at=at)


def send_waiting(*, at: datetime) -> int:
    """Send the notices not yet sent; each is marked in the transaction that sends it, so none is lost."""
    sent = 0
    with transaction.atomic():
        waiting = Notice.objects.select_for_update(skip_locked=True, of=("self",)).select_related("recipient")
        for notice in waiting.filter(sent_at__isnull=True).order_by("pk")[:AT_ONCE]:
            send_mail(
                "【お知らせ】営業オンライン 端末", f"{notice.text}\n{notice.link}\n", None, _addresses(notice)
            )
            _call_webhook(notice)
            notice.sent_at = at
            notice.save(update_fields=["sent_at"])
            sent += 1
    return sent


def _addresses(notice: Notice) -> list[str]:
    if notice.recipient and notice.recipient.email:
        return [notice.recipient.email]
    return list(settings.ALERT_RECIPIENTS)


def _call_webhook(notice: Notice) -> None:
    """Post the notice as JSON; a receiver that is away does not keep the mail from going."""
    if not settings.NOTICE_WEBHOOK:
        return
    body = json.dumps({"text": notice.text, "link": notice.link, "at": notice.made_at.isoformat()})
    request = urllib.request.Request(  # noqa: S310 - the address is a setting
        settings.NOTICE_WEBHOOK, body.encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS):  # noqa: S310 - the address is a setting
            pass
    except OSError as error:
        logger.warning("notice_webhook_failed", error=type(error).__name__)
