"""`manage.py prove_entry ID`: write the proof of one entry."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import proofs


class Command(BaseCommand):
    """Write a .tlog-proof file."""

    help = (
        "1件の記録が閲覧記録にあることの証明（.tlog-proof）を書き出します。eigyo_verify.py で確かめられます。"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("number", type=int, help="記録番号")
        parser.add_argument("--output", type=Path, help="書き出すファイル（省略時は 記録番号.tlog-proof）")

    def handle(self, *args: Any, number: int, output: Path | None, **options: Any) -> None:
        """Prove, or say why not."""
        try:
            proof = proofs.prove(number)
        except proofs.NotProvable as reason:
            raise CommandError(str(reason)) from reason
        target = output or Path(f"{number}.tlog-proof")
        target.write_text(proof.text())
        self.stdout.write(f"{target} に書き出しました（封印番号 {proof.index:,}）。")
