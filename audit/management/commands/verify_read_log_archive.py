"""保管の検証: verify an archived month of the read log from its file, also after the month was dropped."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import archive
from audit.archive import ArchiveRefused


class Command(BaseCommand):
    """Verify what a manifest names."""

    help = "保管した月のファイルを、封印・タイル・署名つきチェックポイントと比べます。廃棄した月も確かめられます。"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Read which file."""
        parser.add_argument("manifest", type=Path, help="目録（read-log-YYYY-MM.json）")

    def handle(self, *args: Any, manifest: Path, **options: Any) -> None:
        """Do it, or say what is wrong."""
        try:
            verified = archive.verify(manifest)
        except ArchiveRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{verified.month} の{verified.count:,}件は、封印した時と同じです。")
