"""月の廃棄: drop an archived month of the read log whose time is over."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audit import retention
from audit.records import Month
from audit.retention import RetentionRefused


class Command(BaseCommand):
    """Ask the log's owner to drop one month."""

    help = "保存期間が終わり、検証済みの保管がある月を、データベースから廃棄します。封印と証明は残ります。"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Read which month, and who asks."""
        parser.add_argument("month", type=Month.parse, metavar="YYYY-MM", help="月")
        parser.add_argument("--by", required=True, metavar="職員番号", help="実行する職員の番号")

    def handle(self, *args: Any, month: Month, by: str, **options: Any) -> None:
        """Do it, or say why not."""
        try:
            count = retention.drop(month, by=by, at=timezone.now())
        except RetentionRefused as refusal:
            raise CommandError(f"{month} を廃棄できません。{refusal}") from refusal
        self.stdout.write(f"{month} の{count:,}件を廃棄しました。")
