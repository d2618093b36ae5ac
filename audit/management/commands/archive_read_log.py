"""月の保管: keep a closed month of the read log as a verified Parquet file."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audit import archive, retention
from audit.archive import ArchiveRefused
from audit.records import Month


class Command(BaseCommand):
    """Write, verify and record one month."""

    help = "終わった月の閲覧記録を Parquet と目録に保管し、保管したファイルから検証します。"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Read which month, and who asks."""
        parser.add_argument("month", type=Month.parse, metavar="YYYY-MM", help="月")
        parser.add_argument("--by", required=True, metavar="職員番号", help="実行する職員の番号")

    def handle(self, *args: Any, month: Month, by: str, **options: Any) -> None:
        """Do it, or say why not."""
        at = timezone.now()
        try:
            manifest = archive.archive(month, by=by, at=at)
        except ArchiveRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        retention.tell_of_archive(month, manifest.sha256, by=by, at=at)
        self.stdout.write(f"{month} の{manifest.count:,}件を保管し、検証しました。SHA-256 {manifest.sha256}")
