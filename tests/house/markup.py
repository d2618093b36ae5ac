"""What a strict content security policy and a screen reader would object to in a piece of HTML."""

from html.parser import HTMLParser

SOURCES = ("src", "href", "action", "formaction", "poster", "data", "hx-get", "hx-post", "data-panel")


class Markup(HTMLParser):
    """The faults of a page or template, and what has to be there once."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.headings = 0
        self.language = ""
        self.title = ""
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.headings += tag == "h1"
        for name, value in attributes:
            text = value or ""
            if tag == "html" and name == "lang":
                self.language = text
            if name == "style" or name.startswith("on"):
                self.faults.append(f"<{tag} {name}=…>")
            if name in SOURCES and ("://" in text or text.startswith(("//", "javascript:", "data:"))):
                self.faults.append(f"<{tag} {name}={text!r}>")
        if tag == "style":
            self.faults.append("<style>")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script" and data.strip():
            self.faults.append(f"<script>{data.strip()[:40]}")
        if self._inside == "title" and not self.headings:
            self.title += data.strip()
