"""The files of an export: CSV and workbook to be read by people, Parquet and JSON Lines to be proven."""

import base64
import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from audit import records, tree, words
from audit.cells import in_cp932, neutralise, without_controls
from audit.choices import FIELD_LABELS, ExportFormat
from audit.entry import told
from audit.records import Row
from audit.tiles import Tiles

HEADER = (
    *(
        "記録番号",
        "封印番号",
        "日時",
        "操作",
        "結果",
        "職員番号",
        "氏名",
        "会社",
        "部署",
        "職員証番号",
        "端末番号",
    ),
    *(
        "供給地点特定番号",
        "利用目的",
        "受付・工事番号",
        "表示した項目",
        "閲覧対象外の項目",
        "判定コード",
        "葉のハッシュ",
    ),
)
ENDINGS = {ExportFormat.CSV_CP932: "csv"}


@dataclass(frozen=True, slots=True)
class Proven:
    """The published checkpoint an export stands on: its size, its note, and the tiles its paths come from."""

    size: int
    note: str
    tiles: Tiles


def write(kind: ExportFormat, path: Path, rows: Iterable[Row], proven: Proven) -> None:
    """Write the file of an export."""
    _WRITERS[kind](path, rows, proven)


def ending(kind: ExportFormat) -> str:
    """Return how the name of such a file ends."""
    return ENDINGS.get(kind, kind.value)


def cells(row: Row) -> list[str]:
    """Return what a person reads of an entry, nothing of it a formula."""
    detail = told(row.payload)
    texts = [
        str(row.entry),
        str(row.leaf),
        timezone.localtime(row.logged_at).isoformat(sep=" ", timespec="microseconds"),
        words.word("query.action", detail["action"]),
        words.word("query.outcome", detail["outcome"]),
        *(detail[name] for name in ("person", "person_name", "company", "department", "card", "terminal")),
        detail["point"],
        words.word("query.purpose", detail["purpose"]),
        detail["purpose_reference"],
        *("・".join(FIELD_LABELS.get(name, name) for name in detail[kind]) for kind in ("fields", "masked")),
        "・".join(detail["reasons"]),
        tree.leaf_hash(row.payload.encode()).hex(),
    ]
    return [neutralise(without_controls(text)) for text in texts]


def _csv(path: Path, rows: Iterable[Row], proven: Proven) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        writer.writerows(map(cells, rows))


def _csv_cp932(path: Path, rows: Iterable[Row], proven: Proven) -> None:
    with path.open("w", encoding="cp932", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        writer.writerows([in_cp932(cell) for cell in cells(row)] for row in rows)


def _xlsx(path: Path, rows: Iterable[Row], proven: Proven) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("閲覧記録")

    def text(value: str) -> WriteOnlyCell:
        cell = WriteOnlyCell(sheet, value=value)
        cell.data_type = "s"
        cell.number_format = "@"
        return cell

    sheet.append([text(value) for value in HEADER])
    for row in rows:
        sheet.append([text(value) for value in cells(row)])
    book.save(path)


def _parquet(path: Path, rows: Iterable[Row], proven: Proven) -> None:
    metadata = {"checkpoint": proven.note}
    with pq.ParquetWriter(path, records.SCHEMA.with_metadata(metadata), compression="zstd") as writer:
        for batch in records.batches(rows):
            writer.write_table(records.table(batch).replace_schema_metadata(metadata))


def _json_lines(path: Path, rows: Iterable[Row], proven: Proven) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for row in rows:
            proof = tree.inclusion_proof(proven.tiles.node, row.leaf, proven.size)
            line = {
                "payload": row.payload,
                "index": row.leaf,
                "proof": [base64.b64encode(node).decode() for node in proof],
                "checkpoint": proven.note,
            }
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")


_WRITERS: dict[ExportFormat, Callable[[Path, Iterable[Row], Proven], None]] = {
    ExportFormat.CSV: _csv,
    ExportFormat.CSV_CP932: _csv_cp932,
    ExportFormat.XLSX: _xlsx,
    ExportFormat.PARQUET: _parquet,
    ExportFormat.JSON_LINES: _json_lines,
}
