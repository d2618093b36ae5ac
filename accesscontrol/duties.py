"""Who may do what: a duty of the posting of the instant carries it, or nobody does it.

Operations ask here first, so that a rule holds past the page as well; the views' guards only spare a form
that could not be sent. Where the system itself acts (`by` is None), there is nobody to ask for.
"""

from datetime import datetime

from django.core.exceptions import PermissionDenied

from accesscontrol.choices import PERMISSIONS, Duty
from accesscontrol.models import Posting, Staff


class OutsideDuty(PermissionDenied):
    """The duty of the moment does not carry this; nothing has changed, and the words name the duty that does."""


def may(person: Staff | None, permission: str, at: datetime) -> bool:
    """Tell whether a person's posting of the instant carries a permission."""
    held = Posting.objects.filter(staff=person, during__contains=at).values_list("duty", flat=True)
    return any(permission in PERMISSIONS.get(duty, ()) for duty in held)


def must_have(person: Staff | None, permission: str, at: datetime) -> None:
    """Refuse whoever's posting of the instant does not carry a permission. Raises OutsideDuty, a 403."""
    if not may(person, permission, at):
        duties = "か、".join(duty.label for duty in Duty if permission in PERMISSIONS[duty])
        raise OutsideDuty(f"この操作は、{duties}の担当だけができます。担当へ依頼してください。")


def person_must_have(number: str, permission: str, at: datetime) -> None:
    """Refuse by staff number; nobody has a number that no staff member has. Raises OutsideDuty."""
    must_have(Staff.objects.filter(number=number).first(), permission, at)
