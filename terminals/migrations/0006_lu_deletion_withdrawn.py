"""A return that is taken back takes its LU deletion with it, which stays on record as withdrawn."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("terminals", "0005_findings")]
    operations = [
        migrations.AddField(
            model_name="ludeletion",
            name="withdrawn_at",
            field=models.DateTimeField(null=True, verbose_name="取り下げ日時"),
        ),
        migrations.RemoveConstraint(model_name="ludeletion", name="one_open_lu_deletion"),
        migrations.AddConstraint(
            model_name="ludeletion",
            constraint=models.UniqueConstraint(
                name="one_open_lu_deletion",
                fields=["terminal"],
                condition=Q(confirmed_at__isnull=True, withdrawn_at__isnull=True),
            ),
        ),
    ]
