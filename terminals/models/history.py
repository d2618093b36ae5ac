"""What the registry held to be true, and from when to when it did (bitemporal).

`during` is when something was so, `recorded` when the system took it to be so. The database writes
these rows itself on every change of the row they come from; no login but its owner can.
"""

from typing import ClassVar

from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models

from terminals.choices import AssignedSide, TerminalClass, ZoneKind


class Version(models.Model):
    """One state of a dated row; `origin` is that row's key."""

    origin = models.BigIntegerField()
    during = DateTimeRangeField("期間")
    recorded = DateTimeRangeField("記録の期間")

    class Meta:
        abstract = True
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["origin"], name="%(class)s_origin")]


class LuRegistrationVersion(Version):
    """A state of an LU registration."""

    terminal_id = models.BigIntegerField()
    lu = models.CharField(max_length=8)
    terminal_class = models.CharField(max_length=8, choices=TerminalClass.choices)

    def __str__(self) -> str:
        return f"{self.lu} {self.get_terminal_class_display()}"


class DeploymentVersion(Version):
    """A state of a deployment."""

    terminal_id = models.BigIntegerField()
    holder_id = models.BigIntegerField()
    place_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.terminal_id} {self.holder_id} {self.place_id}"


class ZoneOwnershipVersion(Version):
    """A state of a zone's ownership."""

    place_id = models.BigIntegerField()
    kind = models.CharField(max_length=12, choices=ZoneKind.choices)
    assigned_side = models.CharField(max_length=8, choices=AssignedSide.choices, blank=True)

    def __str__(self) -> str:
        return f"{self.place_id} {self.get_kind_display()}"
