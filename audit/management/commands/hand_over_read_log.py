"""`manage.py hand_over_read_log DIR`: everything an auditor needs to verify the log without us."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from audit import handover


class Command(BaseCommand):
    """Write the log to a folder."""

    help = (
        "公表済みの閲覧記録の全体を、監査人に渡すフォルダーに書き出します。eigyo_verify.py で確かめられます。"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("folder", type=Path, help="書き出すフォルダー（空であること）")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        """Write, or say why not."""
        if folder.exists() and any(folder.iterdir()):
            raise CommandError(f"{folder} は空ではありません。新しいフォルダーを指定してください。")
        with tqdm(unit="件", desc="書き出し", disable=not self.stderr.isatty()) as bar:
            try:
                handed = handover.hand_over(folder, progress=bar.update)
            except handover.NothingPublished as nothing:
                raise CommandError(
                    "公表済みのチェックポイントがありません。封印と立会人の状態を確かめてください。"
                ) from nothing
            except handover.EntriesGone as gone:
                raise CommandError(
                    "廃棄していない月の記録がデータベースにないため、全体を渡せません。"
                    "manage.py verify_read_log で、どの記録かを確かめてください。"
                ) from gone
        self.stdout.write(f"{folder} に{handed.entries:,}件を書き出しました。")
        if handed.dropped:
            self.stdout.write(
                f"うち{handed.dropped:,}件は、廃棄した月の記録なので、封印の値だけです。本文は、保管したファイルにあります。"
            )
