"""What an answer shows: each point with the fields that can be read in it, as a person would read them.

Nothing is asked of the product here: the page's own words (a label, a mask, a cell) decide.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.guarantees.markup import Node, tree

LABELS = {
    "供給地点特定番号": "number",
    "契約名義": "holder_name",
    "契約名義カナ": "holder_kana",
    "郵便番号": "postal_code",
    "供給地点住所": "address",
    "電話番号": "phone",
    "電圧区分": "voltage_class",
    "契約容量": "contract_capacity",
    "負荷設備容量": "load_capacity",
    "主開閉器容量": "breaker_capacity",
}
RECORD = frozenset(LABELS.values())
LIST = frozenset({"number", "address", "holder_name", "contract_capacity"})
NUMBER = re.compile(r"02[0-9]{20}")
NOTHING_RECORDED = "記録なし"


@dataclass(frozen=True)
class Shown:
    """One point in an answer: as what (list, open, print), and the text of each readable field."""

    action: str
    point: str
    values: tuple[tuple[str, str], ...]
    log_number: int | None = None

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.values)

    @property
    def claim(self) -> tuple[str, str, frozenset[str]]:
        """What the log has to say of it."""
        return self.action, self.point, self.fields


def shown(content_type: str, body: bytes) -> list[Shown]:
    """Return every point an answer shows."""
    text = body.decode()
    if content_type.startswith("application/json"):
        return list(_in_json(json.loads(text)))
    if content_type.startswith("text/html"):
        return list(_in_page(tree(text)))
    if content_type.startswith("text/csv"):
        return list(in_lines(text))
    return []


def numbers(body: bytes) -> set[str]:
    """Return every supply point number anywhere in an answer, hidden or not."""
    return set(NUMBER.findall(body.decode()))


def in_lines(text: str) -> Iterator[Shown]:
    """Read an export: a field in a column, a mask as 閲覧対象外; a line cut short shows what it holds."""
    for line in text.splitlines():
        cells = dict(
            zip(("number", "address", "holder_name", "contract_capacity"), line.split("\t"), strict=False)
        )
        values = {name: cell for name, cell in cells.items() if cell != "閲覧対象外"}
        if NUMBER.fullmatch(values.get("number", "")):
            yield _row("list", values)


def _row(action: str, values: dict[str, str], log_number: int | None = None) -> Shown:
    return Shown(action, values["number"], tuple(sorted(values.items())), log_number)


def _in_page(page: Node) -> Iterator[Shown]:
    for table in page.all("table"):
        caption = table.first("caption")
        if caption and caption.text.endswith("の検索結果"):
            for row in table.all("tr"):
                if row.first("data", "spn"):
                    yield _row("list", _readable(_cells(row)))
    panel = page.first("aside", id="panel")
    if panel and panel.first("data", "spn"):
        yield _row("open", _readable(_in_panel(panel)))
    labelled = dict(_labelled(page))
    if "number" in labelled and "address" in labelled:
        action = "print" if page.first("body", "printing") else "open"
        (receipt,) = (pair for name, pair in _pairs(page) if name == "記録番号")
        yield _row(action, _readable(labelled.items()), int(receipt.text))


def _cells(row: Node) -> Iterator[tuple[str, Node]]:
    holder, capacity = row.all("td")
    yield "number", next(row.all("data", "spn"))
    yield "address", next(row.all("a", "main-link"))
    yield "holder_name", holder
    yield "contract_capacity", capacity


def _in_panel(panel: Node) -> Iterator[tuple[str, Node]]:
    yield "number", next(panel.all("data", "spn"))
    yield "holder_name", next(panel.all("p", "qty"))
    if kana := panel.first("p", "mut"):
        yield "holder_kana", kana
    yield from _labelled(panel)


def _labelled(page: Node) -> Iterator[tuple[str, Node]]:
    return ((LABELS[name], value) for name, value in _pairs(page) if name in LABELS)


def _pairs(page: Node) -> Iterator[tuple[str, Node]]:
    for pair in page.all("div"):
        name, value = pair.first("dt"), pair.first("dd")
        if name in pair.inside and value in pair.inside:
            yield name.text, value


def _readable(found: Iterable[tuple[str, Node]]) -> dict[str, str]:
    return {
        name: "" if node.text == NOTHING_RECORDED else node.text for name, node in found if not _masked(node)
    }


def _masked(node: Node) -> bool:
    return node.first("span", "mask") is not None


def _in_json(document: Any) -> Iterator[Shown]:
    if not isinstance(document, dict):
        return
    for row in document.get("results", ()):
        yield _row("list", _plain(row, LIST))
    if "log_number" in document:
        yield _row("open", _plain(document, RECORD), document["log_number"])


def _plain(row: dict[str, Any], fields: frozenset[str]) -> dict[str, str]:
    return {name: _text(row[name]) for name in fields - set(row["masked"])}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return f"{Decimal(value['amount']).normalize():,f}{value['unit']}"
    return value or ""
