"""How the one search box is understood. Pure: text → what is searched, with the other readings offered.

Digits mean a supply point number or a phone number; otherwise an address or a name. The reading is
shown and can be changed, so a wrong guess costs one click.
"""

import re
import unicodedata
from dataclasses import dataclass, replace

from eigyo.choices import Match, SearchKind
from eigyo.search_keys import address_key, kana_key, name_key, number_key, phone_key

NUMBER_DIGITS = 22
INFIX_MINIMUM = 3  # a trigram index needs three characters; shorter keys match from the start only
LONGEST = 120

_DIGITS = re.compile(r"[\d\s\-‐-―−ー()（）+]+")
_KANA = re.compile(r"[ぁ-ゖァ-ヺーｦ-ﾟ\s・A-Za-z0-9]+")
_FROM_PREFECTURE = re.compile(r"^(青森|岩手|宮城|秋田|山形|福島|新潟)県")  # addresses begin with it
_PLACE = re.compile(r"\d|丁目|番地|大字|^.{1,}県|^.{2,}[市区郡]|^.{2,}[町村台丘]$|字.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for: `text` as typed, `key` folded the way the rows were folded."""

    text: str
    kind: SearchKind
    match: Match
    key: str
    own_only: bool = False

    @property
    def meaning(self) -> str:
        """Say in words how the text was understood."""
        how = {Match.EXACT: "が", Match.PREFIX: "の先頭が", Match.INFIX: "に"}[self.match]
        return f"{self.kind.label}{how}「{self.text}」"


class NotSearchable(ValueError):
    """The text cannot be looked for; the message says what to type instead."""


def interpret(text: str, *, kind: str = "", match: str = "", own_only: bool = False) -> Search:
    """Return the reading of a text; `kind` and `match` override the guess.

    The key is empty when the text holds nothing of the kind chosen (a phone number without digits):
    such a search finds nothing. Raises NotSearchable for an empty or overlong text.
    """
    cleaned = " ".join(text.replace("\x00", "").split())
    if not cleaned:
        raise NotSearchable("番号・住所・契約名義・電話番号のいずれかを入力してください。")
    if len(cleaned) > LONGEST:
        raise NotSearchable(f"{LONGEST}文字以内で入力してください。")
    chosen = SearchKind(kind) if kind in SearchKind.values else guess(cleaned)
    key = fold(cleaned, chosen)
    search = Search(text=cleaned, kind=chosen, match=_match(chosen, key), key=key, own_only=own_only)
    return replace(search, match=_allowed(search, match))


def guess(text: str) -> SearchKind:
    """Guess what a text is."""
    folded = unicodedata.normalize("NFKC", text)
    if _DIGITS.fullmatch(folded):
        digits = phone_key(folded)
        return SearchKind.PHONE if digits.startswith("0") and len(digits) in {10, 11} else SearchKind.NUMBER
    if _PLACE.search(folded):
        return SearchKind.ADDRESS
    return SearchKind.KANA if _KANA.fullmatch(text) else SearchKind.NAME


def fold(text: str, kind: SearchKind) -> str:
    """Fold a text the way the rows of this kind were folded."""
    folding = {
        SearchKind.NUMBER: number_key,
        SearchKind.PHONE: phone_key,
        SearchKind.ADDRESS: address_key,
        SearchKind.NAME: name_key,
        SearchKind.KANA: kana_key,
    }
    return folding[kind](text)


def alternatives(search: Search) -> list[Search]:
    """Return the other readings of the same text."""
    readings = [interpret(search.text, kind=kind, own_only=search.own_only) for kind in SearchKind]
    return [reading for reading in readings if reading.kind is not search.kind and reading.key]


def matches(search: Search) -> tuple[Match, ...]:
    """Return the ways of matching this kind and length allow."""
    if search.kind is SearchKind.NUMBER:
        return (Match.EXACT,) if len(search.key) >= NUMBER_DIGITS else (Match.PREFIX,)
    if search.kind is SearchKind.PHONE:
        return (Match.EXACT, Match.PREFIX) if len(search.key) >= 10 else (Match.PREFIX,)
    return (Match.PREFIX, Match.INFIX) if len(search.key) >= INFIX_MINIMUM else (Match.PREFIX,)


def _match(kind: SearchKind, key: str) -> Match:
    if kind is SearchKind.NUMBER:
        return Match.EXACT if len(key) >= NUMBER_DIGITS else Match.PREFIX
    if kind is SearchKind.PHONE:
        return Match.EXACT if len(key) >= 10 else Match.PREFIX
    if kind is SearchKind.ADDRESS and len(key) >= INFIX_MINIMUM and not _FROM_PREFECTURE.match(key):
        return Match.INFIX
    return Match.PREFIX


def _allowed(search: Search, wanted: str) -> Match:
    return Match(wanted) if wanted in matches(search) else search.match
