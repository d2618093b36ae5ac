"""The clock of a room's entry reader may be off by a known number of seconds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("terminals", "0006_lu_deletion_withdrawn")]
    operations = [
        migrations.AddField(
            model_name="place",
            name="clock_offset",
            field=models.IntegerField(default=0, verbose_name="入退室の時計の進み（秒）"),
        ),
    ]
