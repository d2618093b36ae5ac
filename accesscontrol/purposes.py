"""利用目的: which ones a duty may choose, and what has to be named with each. One rule for pages and programs."""

from django.core.exceptions import ValidationError

from accesscontrol.choices import PERMISSIONS, Duty
from audit.choices import READ, Purpose

NEEDS_REFERENCE = {
    Purpose.SUPPLY_START: "受付番号",
    Purpose.NEW_INSTALLATION: "受付番号",
    Purpose.OUTAGE: "工事番号または停電番号",
    Purpose.OTHER: "内容",
}
REVIEW_PURPOSES = (Purpose.LOG_REVIEW, Purpose.OTHER)
REGISTRY_PURPOSES = (Purpose.REGISTRY, Purpose.OTHER)
INQUIRY_PURPOSES = tuple(
    purpose for purpose in Purpose if purpose not in {Purpose.LOG_REVIEW, Purpose.REGISTRY}
)


def purposes_of(duty: str) -> tuple[Purpose, ...]:
    """Return the purposes a duty may choose from."""
    if duty == Duty.INQUIRY:
        return INQUIRY_PURPOSES
    return REVIEW_PURPOSES if READ in PERMISSIONS.get(duty, ()) else REGISTRY_PURPOSES


def check_purpose(purpose: str, reference: str, *, duty: str) -> None:
    """Raise ValidationError, by field, for a purpose the duty does not have or whose reference is missing."""
    if not purpose:
        raise ValidationError({"purpose": "利用目的を選んでください。"})
    if purpose not in purposes_of(duty):
        raise ValidationError({"purpose": "一覧にある利用目的を選んでください。"})
    needed = NEEDS_REFERENCE.get(Purpose(purpose))
    if needed and not reference.strip():
        raise ValidationError({"reference": f"この利用目的では{needed}を入力してください。"})
