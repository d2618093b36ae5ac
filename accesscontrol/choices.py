"""The words of the registry of people."""

from django.db.models import TextChoices

from audit.choices import READ, WITHHOLD

DESK, REVIEW = "accesscontrol.manage_cards", "accesscontrol.review_alerts"


class OrganisationKind(TextChoices):
    """Which company an organisation is, in the sense of 行為規制."""

    NW = "nw", "一般送配電事業者（NW）"
    RETAIL = "retail", "小売電気事業者（特定関係事業者）"
    CONTRACTOR = "contractor", "委託会社"
    OTHER = "other", "その他"


class EngagedFor(TextChoices):
    """For which company a contractor's person works (委託元)."""

    NW = "nw", "NWからの受託"
    RETAIL = "retail", "小売からの受託"


class Duty(TextChoices):
    """What a posting is for. Only 照会 opens customer information."""

    INQUIRY = "inquiry", "照会"
    COMPLIANCE = "compliance", "情報管理・点検"
    TERMINAL_ADMIN = "terminal_admin", "端末管理"
    CARD_DESK = "card_desk", "職員証の発行"
    TERMINAL_CONTRACTOR = "terminal_contractor", "端末管理の受託"
    INTERNAL_AUDITOR = "internal_auditor", "考査"


class CardKind(TextChoices):
    """Only an individual's card opens a session (case ①: 1枚の共用IDカード)."""

    INDIVIDUAL = "individual", "個人"
    SHARED = "shared", "共用"
    TEMPORARY = "temporary", "臨時"
    VISITOR = "visitor", "来訪者"


class EndReason(TextChoices):
    """Why a session ended."""

    SIGNED_OUT = "signed_out", "利用終了"
    IDLE = "idle", "無操作"
    REPLACED = "replaced", "別の職員証の利用開始"
    REFUSED = "refused", "条件の不一致"


PERMISSIONS: dict[str, frozenset[str]] = {
    Duty.INQUIRY: frozenset(),
    Duty.COMPLIANCE: frozenset({READ, WITHHOLD, REVIEW}),
    Duty.TERMINAL_ADMIN: frozenset(
        {"terminals.manage_terminals", "terminals.keep_terminals", "terminals.view_terminals"}
    ),
    Duty.CARD_DESK: frozenset({DESK}),
    Duty.TERMINAL_CONTRACTOR: frozenset({"terminals.keep_terminals", "terminals.view_terminals"}),
    Duty.INTERNAL_AUDITOR: frozenset({READ, "terminals.view_terminals"}),
}
