"""`manage.py make_region FILE`: write an invented region as a file that can be imported."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from time import perf_counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from eigyo import sample_region


class Command(BaseCommand):
    """Parse the arguments, make one call, say what was written."""

    help = "架空の地域の供給地点をCSVに書き出します（住所は実在、名義・番号・電話は架空）。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, help="書き出すCSV（あれば上書き）")
        parser.add_argument("--points", type=_count, default=10_000, help="供給地点の数")
        parser.add_argument("--seed", type=int, default=1, help="同じ値なら同じ内容になる数")
        parser.add_argument(
            "--encoding",
            choices=sample_region.ENCODINGS,
            default=sample_region.ENCODINGS[0],
            help="文字コード",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file."""
        path: Path = options["file"]
        points: int = options["points"]
        started = perf_counter()
        with tqdm(total=points, unit="行", disable=not self.stderr.isatty()) as bar:
            try:
                summary = sample_region.write_region(
                    path,
                    points=points,
                    seed=options["seed"],
                    encoding=options["encoding"],
                    advance=bar.update,
                )
            except OSError as error:
                message = f"{path} に書き出せません（{error.strerror}）。書き出し先を確かめてください。"
                raise CommandError(message) from error
        self.stdout.write(_told(path, summary, seconds=perf_counter() - started))


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError("0以上の整数にしてください。")
    return int(text)


def _told(path: Path, summary: sample_region.Summary, *, seconds: float) -> str:
    labels = {"特別高圧": "特別高圧", "高圧": "高圧", "低圧": "低圧", "": "契約なし"}
    classes = "、".join(f"{label} {summary.classes.get(key, 0):,}" for key, label in labels.items())
    share = summary.own / summary.rows if summary.rows else 0
    return f"{summary.rows:,}行を{seconds:.1f}秒で {path} に書き出しました（自社 {share:.1%}、{classes}）。"
