"""`manage.py receive_ledger FILE --as-of DATE`: check a ledger of the terminal contractor, and put it in force."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from terminals.choices import Channel, FileState
from terminals.ledger import operations, queries

SHOWN = 20


class Command(BaseCommand):
    """Parse the arguments, make one call, say what happened."""

    help = "端末配備先情報のCSV（CP932・UTF-8）を受け取って検査します。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, help="受け取るCSV")
        parser.add_argument("--as-of", type=_day, required=True, help="基準日（2026-11-23の形）")
        parser.add_argument("--accept", action="store_true", help="検査のあと、そのまま反映する")

    def handle(self, *args: Any, **options: Any) -> None:
        """Receive the file."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"{path} が見つかりません。")
        at = timezone.now()
        with path.open("rb") as stream:
            file = operations.receive(
                stream,
                file_name=path.name,
                as_of=options["as_of"],
                channel=Channel.COMMAND,
                by=None,
                at=at,
            )
        if file.state == FileState.REFUSED:
            for error in queries.errors(file)[:SHOWN]:
                self.stderr.write(f"{error.line}行目 {error.column}: {error.message}")
            raise CommandError(file.outcome)
        if options["accept"]:
            try:
                operations.accept(file, by=None, at=at)
            except operations.LedgerRefused as refusal:
                raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{file.rows:,}行（{file.encoding}）：{file.get_state_display()}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("基準日を「2026-11-23」の形で指定してください。") from error
