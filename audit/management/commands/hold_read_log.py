"""保全の指定: keep what a case needs beyond the retention period, or release it."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audit import retention
from audit.retention import Hold, RetentionRefused


class Command(BaseCommand):
    """Place or release a hold."""

    help = "調査に必要な閲覧記録を、保存期間が過ぎても廃棄されないようにします。解除もここで行います。"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Read what to keep, or which hold to release."""
        parser.add_argument("--by", required=True, metavar="職員番号", help="実行する職員の番号")
        parser.add_argument("--release", type=int, metavar="番号", help="解除する指定の番号")
        parser.add_argument("--since", type=_moment, metavar="日時", help="対象の期間の始め（日本時間）")
        parser.add_argument(
            "--until", type=_moment, metavar="日時", help="対象の期間の終わり（この時刻の前まで）"
        )
        parser.add_argument("--point", default="", metavar="番号", help="供給地点特定番号（省くとすべて）")
        parser.add_argument("--person", default="", metavar="職員番号", help="閲覧した職員（省くとすべて）")
        parser.add_argument("--reason", default="", metavar="理由", help="案件の番号など、保全する理由")
        parser.add_argument("--ends", type=_moment, metavar="日時", help="指定が終わる日時（省くと解除まで）")

    def handle(self, *args: Any, by: str, release: int | None, **options: Any) -> None:
        """Do it, or say what is missing."""
        at = timezone.now()
        if release is not None:
            try:
                retention.release(release, by=by, at=at)
            except RetentionRefused as refusal:
                raise CommandError(str(refusal)) from refusal
            self.stdout.write(f"保全の指定 {release} を解除しました。")
            return
        if not (options["since"] and options["until"] and options["reason"]):
            raise CommandError("--since、--until、--reason を指定してください。")
        if options["until"] <= options["since"]:
            raise CommandError("--until は --since より後の日時にしてください。")
        hold = Hold(
            since=options["since"],
            until=options["until"],
            point=options["point"],
            person=options["person"],
            reason=options["reason"],
            ends_at=options["ends"],
        )
        self.stdout.write(f"保全の指定 {retention.place(hold, by=by, at=at)} を登録しました。")


def _moment(text: str) -> datetime:
    return timezone.make_aware(datetime.fromisoformat(text))
