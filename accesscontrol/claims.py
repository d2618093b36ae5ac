"""The claims a card makes: its kind, its validity, its company, its holder's posting."""

from accesscontrol import reasons
from accesscontrol.choices import CardKind, Duty, EngagedFor, OrganisationKind
from accesscontrol.clearance import Claim, Level, Reason, Side, Subject
from accesscontrol.situation import PostingFacts, Situation

READ_LOG_WORDS = {
    "card_kind": dict(CardKind.choices),
    "claim": {
        "card_kind": "職員証の種別",
        "card_validity": "職員証の有効期間と停止",
        "card_company": "職員証の発行会社",
        "posting": "いまの所属",
    },
    "side": {Side.ANY: "どちらの側も可", Side.NW: "NW", Side.RETAIL: "小売", Side.NOBODY: "だれも不可"},
    "level": {Level.FULL: "", Level.OUTAGE: "停電受付だけ", Level.NONE: "お客さま情報なし"},
}
_COMPANY_REASONS = {Side.RETAIL: reasons.RETAIL_CARD, Side.NW: reasons.NW_CARD}


def card_kind(situation: Situation) -> Claim:
    """Only an individual's card opens a session (case ①)."""
    card = situation.card
    if card is None:
        return _claim("card_kind", Side.NOBODY, "職員証なし", reasons.NO_CARD)
    side = Side.ANY if card.kind == CardKind.INDIVIDUAL else Side.NOBODY
    return _claim("card_kind", side, CardKind(card.kind).label, reasons.SHARED_CARD)


def card_validity(situation: Situation) -> Claim:
    """The card is inside its period and not suspended."""
    card = situation.card
    usable = card is not None and card.valid and not card.suspended
    statement = "有効" if usable else "期間外または停止中"
    return _claim("card_validity", Side.ANY if usable else Side.NOBODY, statement, reasons.CARD_NOT_VALID)


def card_company(situation: Situation) -> Claim:
    """The company that issued the card; a contractor's card speaks for whom its holder works."""
    card = situation.card
    if card is None:
        return _claim("card_company", Side.NOBODY, "職員証なし", reasons.NO_CARD)
    engaged_for = card.posting.engaged_for if card.posting else ""
    side = _side_of(card.company_kind, engaged_for)
    return _claim("card_company", side, card.company, _COMPANY_REASONS.get(side, reasons.NO_COMPANY))


def posting(situation: Situation) -> Claim:
    """The posting of this moment. A duty other than 照会 sees no customer information."""
    card = situation.card
    current = card.posting if card else None
    if card is None or current is None:
        return _claim("posting", Side.NOBODY, "所属なし", reasons.NO_POSTING)
    side = _side_of(current.organisation_kind, current.engaged_for)
    level = Level.FULL if current.duty == Duty.INQUIRY else Level.NONE
    statement = _where(current)
    if side is Side.NOBODY:
        return _claim("posting", side, statement, reasons.NO_POSTING)
    same = side is _side_of(card.company_kind, current.engaged_for)
    reason = _COMPANY_REASONS[side] if same else reasons.POSTING_DISAGREES
    return _claim("posting", side, statement, reason, level)


def _side_of(kind: str, engaged_for: str) -> Side:
    if kind == OrganisationKind.NW:
        return Side.NW
    if kind == OrganisationKind.RETAIL:
        return Side.RETAIL
    if kind == OrganisationKind.CONTRACTOR and engaged_for in EngagedFor.values:
        return Side(engaged_for)
    return Side.NOBODY


def _where(current: PostingFacts) -> str:
    return f"{current.organisation} {current.department}"


def _claim(name: str, side: Side, statement: str, reason: Reason, level: Level = Level.FULL) -> Claim:
    return Claim(name=name, subject=Subject.CARD, side=side, level=level, statement=statement, reason=reason)
