"""A person in front of a real browser."""

from dataclasses import dataclass, field
from typing import Self

from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from terminals.models import Terminal
from terminals.operations import issue_enrolment_code
from tests.people import PIN, Person


@dataclass
class Screen:
    """One browser window, and everything its console complained about."""

    address: str
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, context: BrowserContext, address: str) -> Self:
        screen = cls(address, context, context.new_page())
        screen.page.on("console", lambda said: screen._hears(said.type, said.text))
        screen.page.on("pageerror", lambda error: screen.complaints.append(str(error)))
        return screen

    def _hears(self, kind: str, said: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(said)

    @property
    def text(self) -> str:
        """Everything the page holds, seen or not, and its source."""
        return self.page.content()

    def taken_over_from(self, person: Person) -> Self:
        """Go on with a session somebody has opened elsewhere: this window becomes their device."""
        kept = person.client.cookies.values()
        self.context.add_cookies(
            [{"name": each.key, "value": each.value, "url": self.address} for each in kept]
        )
        self.page.goto("/")
        return self

    def enrols(self, terminal: Terminal) -> Self:
        """Type a fresh code of a terminal into this device."""
        code = issue_enrolment_code(terminal, by=None, at=timezone.now())
        self.page.goto("/terminal/")
        self.page.get_by_label("登録コード").fill(code)
        self.page.get_by_role("button", name="この端末を登録する").click()
        self.page.wait_for_url("**/start/")
        return self

    def shows_card(self, number: str, pin: str = PIN) -> Self:
        """Type a card and its PIN."""
        self.page.get_by_label("職員証番号").fill(number)
        self.page.get_by_label("暗証番号（6桁）").fill(pin)
        self.page.get_by_role("button", name="次へ").click()
        return self

    def signs_in(self, number: str, pin: str = PIN) -> Self:
        """Sign in for the purpose offered first."""
        self.shows_card(number, pin)
        self.page.get_by_role("button", name="この目的で始める").click()
        expect(self.page.get_by_label("現在の閲覧条件")).to_be_visible()
        return self

    def searches(self, words: str) -> Self:
        """Type words into the search box and send them."""
        self.page.locator("#q").fill(words)
        self.page.get_by_role("button", name="検索", exact=True).click()
        expect(self.page.locator("table caption, .empty .b")).to_have_count(1)
        expect(self.page.get_by_role("heading", name="検索結果")).to_be_visible()
        return self

    def row(self, words: str):
        """The row of a list that contains these words."""
        return self.page.locator("table[data-rows] tbody tr", has_text=words)

    def sizes_of_masks(self) -> set[tuple[float, float]]:
        """The sizes in pixels of every mask on the page."""
        boxes = [mask.bounding_box() for mask in self.page.locator(".mask").all()]
        return {(box["width"], box["height"]) for box in boxes if box}

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
