"""`manage.py verify_read_log`: verify the log since the last time, from a day on, or all of it."""

from argparse import ArgumentParser
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from audit import operations, verifier


class Command(BaseCommand):
    """Verify, show how far it is, name the first bad leaf."""

    help = "閲覧記録が書き換えられていないことを確かめます。省略時は、前回確かめたあとの分だけです。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--full", action="store_true", help="最初からすべて確かめる")
        parser.add_argument("--from", dest="since", type=date.fromisoformat, help="この日から（2026-11-01）")
        parser.add_argument("--to", dest="until", type=date.fromisoformat, help="この日まで（2026-11-30）")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and report."""
        first, size = _span(**{name: options[name] for name in ("full", "since", "until")})
        if first >= max(size, 1):
            self.stdout.write(
                "この範囲は、すでに確かめてあります。もう一度確かめるには --full か --from を付けます。"
            )
            return
        started = timezone.now()
        with tqdm(total=size - first, unit="件", desc="検証", disable=not self.stderr.isatty()) as bar:
            verdict = operations.verify(
                asked_by="command", clock=timezone.now, first=first, size=size, progress=bar.update
            )
        seconds = max((timezone.now() - started).total_seconds(), 0.001)
        checked = verdict.size - verdict.first
        self.stdout.write(
            f"封印番号 {verdict.first:,} から {checked:,}件とチェックポイント{verdict.checkpoints:,}個を"
            f"{seconds:.1f}秒で確かめました（{checked / seconds:,.0f}件/秒）。"
        )
        for finding in verdict.findings:
            self.stderr.write(str(finding))
        if not verdict.is_fine:
            raise CommandError(f"不一致があります。最初の不一致：{verdict.first_bad}")
        self.stdout.write("不一致はありません。")


def _span(*, full: bool, since: date | None, until: date | None) -> tuple[int, int]:
    """Return the leaves to verify: from a day, from the beginning, or from where the last good verification ended."""
    first = verifier.first_since(_midnight(since)) if since else 0 if full else operations.next_to_verify()
    size = verifier.size_until(_midnight(until + timedelta(days=1))) if until else verifier.signed_size()
    return first, size


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
