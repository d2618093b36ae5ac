"""`manage.py import_supply_points FILE`: check a file of supply points and bring it into force."""

import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from audit.cells import neutralise
from eigyo import operations

SHOWN = 20


class Command(BaseCommand):
    """Parse the arguments, make one call, say what happened."""

    help = "供給地点のCSV（CP932・UTF-8）を検査し、誤りがなければ反映します。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, help="取り込むCSV")
        parser.add_argument("--skip-bad", action="store_true", help="誤りのない行だけを反映する")
        parser.add_argument("--accept-shrink", action="store_true", help="地点が大きく減るファイルを認める")
        parser.add_argument("--errors", type=Path, help="誤りと外字の一覧を書き出すCSV")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import the file."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"{path} が見つかりません。")
        started = timezone.now()
        with tqdm(unit="行", desc="検査", disable=not self.stderr.isatty()) as bar:
            try:
                run, report = operations.import_file(
                    path,
                    skip_bad=options["skip_bad"],
                    accept_shrink=options["accept_shrink"],
                    at=started,
                    progress=bar.update,
                )
            except operations.ImportRefused as refused:
                self._tell(refused.args[1], options["errors"])
                raise CommandError(refused.args[0]) from refused
        finished = timezone.now()
        operations.finish(run, at=finished)
        self._tell(report, options["errors"])
        seconds = max((finished - started).total_seconds(), 0.001)
        self.stdout.write(
            f"{run.rows:,}行（{run.encoding}）を{seconds:.1f}秒で取り込みました（{run.rows / seconds:,.0f}行/秒）。"
            f"追加 {run.added:,}、変更 {run.changed:,}、契約の終了 {run.vacated:,}、誤り {run.bad_rows:,}行、外字 {run.private_use:,}。"
        )

    def _tell(self, report: operations.Report, target: Path | None) -> None:
        for error in report.errors[:SHOWN]:
            self.stderr.write(f"{error.line}行目 {error.column}: {error.message}")
        if len(report.errors) > SHOWN:
            more = len(report.errors) - SHOWN
            self.stderr.write(f"ほかに{more:,}件あります。--errors でファイルに書き出せます。")
        for line, column, code in report.private_use[:SHOWN]:
            self.stderr.write(f"{line}行目 {column}: 外字 {code}")
        if target:
            _write(report, target)


def _write(report: operations.Report, target: Path) -> None:
    with target.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["行", "列", "値", "内容"])
        for error in sorted(report.errors):
            cells = (str(error.line), error.column, error.value, error.message)
            writer.writerow([neutralise(cell) for cell in cells])
        for line, column, code in report.private_use:
            writer.writerow([line, column, code, "外字です。表示できる文字か確かめてください。"])
