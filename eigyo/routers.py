"""No log entry without naming the login role it is read with; tables are changed by their owner only."""

from typing import Any

from django.conf import settings
from django.db.models import Model

GUARDED = {"audit.logentry"}


class RoleNotNamed(RuntimeError):
    """A guarded row was asked for without `.using(alias)`: a bug, and refused."""


class OneDoorRouter:
    """Send the registry to `default`, refuse to guess for guarded rows, migrate as an owner only.

    The read log may have a cluster of its own (docs/scale.md): its tables are made there, and read there.
    """

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        """Refuse guarded rows; leave the rest to `default`."""
        return _role_for(model)

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        """Refuse guarded rows; leave the rest to `default`."""
        return _role_for(model)

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool | None:
        """Have no say: guarded models carry no relations."""
        return None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Only the owner changes tables, those of the log where the log is."""
        apart = app_label == "audit" and "log_owner" in settings.DATABASES
        return db == ("log_owner" if apart else "owner")


def _role_for(model: type[Model]) -> str | None:
    if model._meta.label_lower in GUARDED:
        raise RoleNotNamed(f"{model._meta.label} is read through its own door, with .using(alias)")
    return settings.READ_LOG_APP_ALIAS if model._meta.app_label == "audit" else None
