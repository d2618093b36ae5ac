"""An alert may stand for trouble with the read log: one for each occurrence."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accesscontrol", "0003_numbers_stay")]
    operations = [
        migrations.AddField(
            "alert", "occurrence", models.CharField(max_length=80, blank=True, default=""), False
        ),
        migrations.AddConstraint(
            "alert",
            models.UniqueConstraint(
                fields=["occurrence"], condition=~models.Q(occurrence=""), name="one_alert_per_occurrence"
            ),
        ),
    ]
