"""The read log as rows: read only. Table, triggers and grants are made by migration 0001.

No foreign keys: the log copies what was true and never follows the live tables.
"""

from django.db import models

from audit.choices import Action, Outcome, Purpose


class LogEntry(models.Model):
    """One entry; every column but the first three is generated from `payload` by the database."""

    id = models.BigIntegerField(primary_key=True)
    logged_at = models.DateTimeField()
    payload = models.TextField()
    action = models.TextField(choices=Action.choices)
    outcome = models.TextField(choices=Outcome.choices)
    person = models.TextField()
    company = models.TextField()
    card = models.TextField()
    terminal = models.TextField()
    point = models.TextField()
    purpose = models.TextField(choices=Purpose.choices)
    request = models.TextField()
    fields = models.JSONField()

    class Meta:
        managed = False
        db_table = "entry"
        default_permissions = ()
        permissions = [("read_log", "閲覧記録を見る")]

    def __str__(self) -> str:
        return f"{self.id} {self.action} {self.point}"
