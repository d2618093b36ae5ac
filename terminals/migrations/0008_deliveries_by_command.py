"""A file brought in by command says so; before, it was kept as one of the folder."""

from django.db import migrations, models

CHANNELS = [("upload", "画面"), ("folder", "受信フォルダー"), ("api", "API"), ("command", "コマンド")]


class Migration(migrations.Migration):
    dependencies = [("terminals", "0007_room_clocks")]
    operations = [
        migrations.AlterField(
            model_name=name,
            name="channel",
            field=models.CharField(choices=CHANNELS, max_length=8, verbose_name="受け取り方"),
        )
        for name in ("ledgerfile", "roomentryfile")
    ]
