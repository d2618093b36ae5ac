"""A page as a tree: enough of HTML to find links, forms, rows and labelled values in our own pages."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass(repr=False)
class Node:
    """An element with its attributes and what is inside it: elements and text in order."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    inside: list["Node | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(part if isinstance(part, str) else part.text for part in self.inside).strip()

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    def all(self, tag: str, *classes: str, **attributes: str) -> Iterator["Node"]:
        """Every element below this one with the tag, the classes and the attributes."""
        for part in self.inside:
            if isinstance(part, str):
                continue
            wanted = part.tag == tag and set(classes) <= part.classes
            if wanted and attributes.items() <= part.attributes.items():
                yield part
            yield from part.all(tag, *classes, **attributes)

    def first(self, tag: str, *classes: str, **attributes: str) -> "Node | None":
        return next(self.all(tag, *classes, **attributes), None)


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Node("document")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if any(node.tag == tag for node in self.open[1:]):
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def tree(html: str) -> Node:
    """Return the document of a page."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.open[0]
