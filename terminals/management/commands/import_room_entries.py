"""`manage.py import_room_entries FILE`: take a delivery of entry records."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audit.textfile import Unreadable
from terminals.choices import Channel
from terminals.rooms import operations

SHOWN = 20


class Command(BaseCommand):
    """Parse the arguments, make one call, say what happened."""

    help = "入退室記録のCSV（CP932・UTF-8）を検査し、誤りがなければ取り込みます。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, help="取り込むCSV")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the file."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"{path} が見つかりません。")
        try:
            taken = operations.take_entries(
                path.read_bytes(), file_name=path.name, channel=Channel.COMMAND, by=None, at=timezone.now()
            )
        except Unreadable as error:
            raise CommandError(str(error)) from error
        except operations.EntriesRefused as refused:
            for fault in refused.errors[:SHOWN]:
                self.stderr.write(f"{fault.line}行目 {fault.column}: {fault.message}（{fault.value}）")
            raise CommandError(str(refused)) from refused
        self.stdout.write(operations.outcome(taken))
