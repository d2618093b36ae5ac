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
    fields = models.TextField()

    class Meta:
        managed = False
        db_table = "entry"
        default_permissions = ()
        permissions = [("read_log", "閲覧記録を見る"), ("withhold_readings", "本人への開示を保留する")]

    def __str__(self) -> str:
        return f"{self.id} {self.action} {self.point}"


class SavedCondition(models.Model):
    """A search one officer keeps under a name: the query of the page, relative periods as they are."""

    id = models.BigAutoField(primary_key=True)
    person = models.CharField(max_length=7)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=1000)
    saved_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(name="one_condition_of_a_name", fields=["person", "name"])]

    def __str__(self) -> str:
        return self.name
