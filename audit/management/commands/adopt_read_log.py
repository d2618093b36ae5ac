"""`manage.py adopt_read_log`: go on with the tree after a restore into another cluster."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audit import adoption


class Command(BaseCommand):
    """Ask for a reason, adopt, say what was sealed."""

    help = "別のクラスターに復元した閲覧記録を、同じ木の続きとして引き継ぎます。先に verify_read_log --full で確かめてください。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--reason", required=True, help="引き継ぐ理由（記録に残ります）")

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        """Adopt, or say that there is nothing to adopt."""
        if not reason.strip():
            raise CommandError("引き継ぐ理由を書いてください。")
        try:
            sealed = adoption.adopt(reason=reason.strip(), at=timezone.now())
        except adoption.NothingToAdopt as nothing:
            raise CommandError("記録はこのクラスターのものです。引き継ぎは要りません。") from nothing
        self.stdout.write(f"引き継ぎました。封印されていなかった{sealed:,}件を封印しました。")
