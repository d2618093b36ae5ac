"""`manage.py try_out`: make sure the sample registry is there and print what can be tried with it."""

import unicodedata
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from terminals import sample, sample_ledger


class Command(BaseCommand):
    """Print the address, the terminals with fresh enrolment codes, the cards with fresh PINs."""

    help = "お試し用の端末と職員証を用意し、登録コードと暗証番号を新しくして表示します。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--address", default="http://127.0.0.1:8000")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare and print."""
        at = timezone.now()
        with transaction.atomic():  # the first run is to see the registry and the ledger together
            codes, pins = sample.prepare(at=at)
            sample_ledger.deliver(at=at)
        address = options["address"]
        self.stdout.write(f"\n営業オンライン  {address}/\n\n端末として登録する（コードは1回だけ使えます）")
        for terminal in sample.TERMINALS:
            link = f"{address}/terminal/?code={codes[terminal.number]}"
            self.stdout.write(f"  {terminal.number}  {_wide(terminal.meaning, 46)}  {link}")
        self.stdout.write("\n職員証と暗証番号")
        for card in sample.CARDS:
            self.stdout.write(
                f"  {card.number}  {pins[card.number]}  {_wide(card.meaning, 36)}  {card.name or '（個人なし）'}"
            )
        self.stdout.write(
            "\n試す組み合わせの例\n"
            "  NW-0118 と 1000000001 … NWの閲覧範囲        RT-0412 と 2000000001 … 自社分のみ\n"
            "  NW-0118 と 2000000001 … 断る（事案①の形）   RT-0412 と 1000000001 … 断る\n"
            "  RT-0412 と 2000000009 … 断る（共用カード）   NW-0231・NW-0187・NW-0142 … だれでも断る\n"
            "  NW-0001 と 1000000002 … 閲覧記録             NW-0001 と 1000000003 … 端末台帳\n"
            "  端末ごとに別のブラウザ（プロファイルやシークレットウィンドウ）で開くと、並べて試せます。\n"
            "  使い終えたコードの代わりは、起動し直すか、端末管理の担当の画面で発行します。\n"
        )


def _wide(text: str, width: int) -> str:
    """Pad a text to a width in terminal columns, counting full-width characters as two."""
    used = sum(2 if unicodedata.east_asian_width(character) in "WFA" else 1 for character in text)
    return text + " " * max(width - used, 0)
