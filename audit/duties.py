"""Who may do what with the log. The app above knows people and duties: settings.READ_LOG_DUTIES names its function."""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string


def must_have(person: str, permission: str, at: datetime) -> None:
    """Refuse whoever's duty of the instant does not carry a permission; `person` is a staff number.

    Raises django.core.exceptions.PermissionDenied, with words that name the duty.
    """
    asks: Callable[[str, str, datetime], None] = import_string(settings.READ_LOG_DUTIES)
    asks(person, permission, at)
