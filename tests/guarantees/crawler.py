"""Walk every page, link, search form and API answer one person can reach, and note what each showed.

Only what is read is walked: links, GET forms, panels. Of addresses that differ in their values only,
a bounded number is asked.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urldefrag, urlencode, urljoin, urlsplit

from django.test import Client

from tests.guarantees.logbook import DISCLOSURES, Logbook
from tests.guarantees.markup import Node, tree
from tests.guarantees.shown import NUMBER, Shown, numbers, shown


@dataclass(frozen=True)
class Visit:
    """One answer: what was asked, what came back, and what came onto the log meanwhile."""

    url: str
    status: int
    body: bytes
    headers: str
    shown: list[Shown]
    entries: list[dict[str, Any]]

    @property
    def claims(self) -> Counter:
        return Counter(row.claim for row in self.shown)

    @property
    def logged(self) -> Counter:
        return Counter(
            (entry["action"], entry["point"], frozenset(entry["fields"]))
            for entry in self.entries
            if entry["action"] in DISCLOSURES and "point" in entry
        )

    @property
    def reads_the_log(self) -> bool:
        """Whether the log notes that the log itself was read in this answer."""
        return any(entry["action"] == "read_log" for entry in self.entries)

    @property
    def unasked_numbers(self) -> set[str]:
        """The numbers in the answer that the person had not typed."""
        return numbers(self.body) - set(NUMBER.findall(self.url))


@dataclass
class Crawler:
    """A walk of one person's browser from some addresses on."""

    client: Client
    log: Logbook
    terms: tuple[str, ...]
    of_a_kind: int
    headers: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    kinds: Counter = field(default_factory=Counter)

    def walk(self, starts: Iterable[str]) -> Iterator[Visit]:
        waiting = deque(starts)
        self.seen.update(waiting)
        while waiting:
            visit = self._visit(waiting.popleft())
            yield visit
            onward = dict.fromkeys(url for url in self._onward(visit) if url not in self.seen)
            self.seen.update(onward)
            waiting.extend(url for url in onward if self._wanted(url))

    def _wanted(self, url: str) -> bool:
        """Whether enough of this kind (the path without numbers, the names of the parameters) was asked."""
        parts = urlsplit(url)
        path = "/".join("0" if step.isdigit() else step for step in parts.path.split("/"))
        query = parse_qs(parts.query, keep_blank_values=True)
        chosen = (f"{name}={query[name][0]}" if name in {"kind", "match"} else name for name in sorted(query))
        kind = f"{path}?{'&'.join(chosen)}"
        self.kinds[kind] += 1
        return self.kinds[kind] <= self.of_a_kind

    def _visit(self, url: str) -> Visit:
        mark = self.log.newest
        answer = self.client.get(url, headers=self.headers)
        body = answer.getvalue()
        return Visit(
            url=url,
            status=answer.status_code,
            body=body,
            headers=str(answer.headers),
            shown=shown(answer.headers.get("Content-Type", ""), body),
            entries=self.log.after(mark),
        )

    def _onward(self, visit: Visit) -> Iterator[str]:
        if b"<html" in visit.body:
            page = tree(visit.body.decode())
            found = [*self._links(page), *self._forms(page, visit.url)]
            yield from (urldefrag(urljoin(visit.url, link)).url for link in found if "://" not in link)

    def _links(self, page: Node) -> Iterator[str]:
        for link in page.all("a"):
            yield link.attributes.get("href", "")
            if "data-panel" in link.attributes:
                yield link.attributes["data-panel"]

    def _forms(self, page: Node, url: str) -> Iterator[str]:
        for form in page.all("form", method="get"):
            names = [node.attributes.get("name", "") for node in form.all("input")]
            target = form.attributes.get("action", "") or urlsplit(url).path
            for name in filter(None, names):
                yield from (f"{target}?{urlencode({name: term})}" for term in self.terms)
