"""Every URL of the product by name: how it is asked, and what each persona gets."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

PERSONAS = (
    "outsider",
    "terminal",
    "nw_clerk",
    "retail_clerk",
    "officer",
    "terminal_admin",
    "card_desk",
    "auditor",
    "terminal_contractor",
)
STAFF = PERSONAS[2:]
CLERKS = ("nw_clerk", "retail_clerk")


@dataclass(frozen=True)
class Row:
    """How a URL is asked, and the status each persona gets."""

    method: str
    statuses: dict[str, int]
    query: str = ""

    def who_gets(self, status: int) -> list[str]:
        return [persona for persona, given in self.statuses.items() if given == status]


@dataclass(frozen=True)
class Url:
    """One route of the resolver."""

    name: str
    route: str
    pattern: URLPattern


def everyone(status: int, *, method: str = "GET") -> Row:
    """A URL without any door."""
    return Row(method, dict.fromkeys(PERSONAS, status))


def only(*allowed: str, status: int = 200, method: str = "GET", query: str = "") -> Row:
    """A URL inside a session, for some duties; the others are told so."""
    door = {"outsider": 302, "terminal": 302}
    inside = {persona: status if persona in allowed else 403 for persona in STAFF}
    return Row(method, door | inside, query)


def program(*allowed: str, query: str = "") -> Row:
    """A URL of the API: without a session it is 401, never a redirect."""
    return Row("GET", only(*allowed).statuses | {"outsider": 401, "terminal": 401}, query)


def on_terminals(status: int, *, outsider: int, method: str = "GET") -> Row:
    """A URL open on every recognised terminal, before a card is shown."""
    return Row(method, dict.fromkeys(PERSONAS, status) | {"outsider": outsider})


def same(row: Row, *names: str) -> dict[str, Row]:
    return dict.fromkeys(names, row)


TABLE: dict[str, Row] = {
    **same(everyone(200), "healthz", "help", "this_device"),
    "start": Row("GET", only(*STAFF, status=302).statuses | {"terminal": 200}),
    "home": only(*STAFF, status=302),
    **same(only(*STAFF), "purpose", "my_terminal", "own_reads"),
    **same(only(*STAFF, status=302, method="POST"), "sign_out", "stay"),
    "points": only(*CLERKS, query="?q=一番町"),
    **same(only(*CLERKS), "point", "print_point"),
    "api_sessions": on_terminals(400, outsider=401, method="POST"),
    "api_supply_points": program(*CLERKS, query="?q=一番町"),
    "api_supply_point": program(*CLERKS),
    **same(on_terminals(200, outsider=401), "openapi", "api_docs"),
    **same(
        only("officer", "auditor"),
        *("reads", "read", "point_question", "point_readings", "point_answer"),
        *("withholdings", "integrity", "verification_progress"),
    ),
    **same(
        only("officer", "auditor", status=302, method="POST"),
        *("save_condition", "forget_condition", "verify_log"),
    ),
    "withhold": only("officer", status=400, method="POST"),
    "release": only("officer", status=302, method="POST"),
    "exports": only("officer", "auditor"),
    "ask_export": only("officer", "auditor", status=400, method="POST"),
    "approve_export": only("officer", "auditor", status=302, method="POST"),
    "export_file": only("officer", "auditor", status=404),
    "alerts": only("officer"),
    "acknowledge_alert": only("officer", status=302, method="POST"),
    **same(
        only("terminal_admin", "auditor", "terminal_contractor"),
        *("terminals", "terminal", "deployments", "registrations", "buildings", "places", "zones"),
    ),
    **same(
        only("terminal_admin"),
        *(
            "terminals_new",
            "buildings_new",
            "places_new",
            "zones_new",
        ),
        *("terminals_edit", "buildings_edit", "places_edit", "zones_edit"),
    ),
    **same(
        only("officer", "terminal_admin", "auditor", "terminal_contractor"),
        *("place", "shared_buildings", "presence"),
    ),
    "review_presence": only("officer", status=400, method="POST"),
    "add_admission": only("terminal_admin", status=400, method="POST"),
    "end_admission": only("terminal_admin", status=302, method="POST"),
    "room_entries": only("terminal_admin", "terminal_contractor"),
    "api_room_entries": Row(
        "POST",
        only("terminal_admin", "terminal_contractor", status=415).statuses
        | {"outsider": 401, "terminal": 401},
    ),
    **same(
        only("terminal_admin", "auditor", "terminal_contractor"),
        *("ledger", "ledger_file", "ledger_errors", "ledger_lines"),
    ),
    "ledger_new": only("terminal_admin", "terminal_contractor"),
    **same(only("terminal_admin", status=400, method="POST"), "accept_ledger", "refuse_ledger"),
    "api_ledger": Row(
        "POST",
        only("terminal_admin", "terminal_contractor", status=415).statuses
        | {"outsider": 401, "terminal": 401},
    ),
    **same(only("terminal_admin", "terminal_contractor", status=409), "step_receive", "step_hand_over"),
    **same(
        only("terminal_admin", status=409), "step_configure", "step_delete_lu", "step_clear", "step_retire"
    ),
    "step_correct": only("terminal_admin", status=409),
    "step_confirm_lu_deletion": only("terminal_admin", "terminal_contractor", status=409),
    **same(only(*(each for each in STAFF if each != "retail_clerk")), "step_move", "step_hand_back"),
    "handovers": only(*STAFF),
    "accept_handover": Row("POST", only(*STAFF, status=302).statuses | {"retail_clerk": 404}),
    "decline_handover": Row("POST", only(*STAFF, status=400).statuses | {"retail_clerk": 404}),
    "approve_move": only("terminal_admin", status=302, method="POST"),
    **same(only("terminal_admin", "auditor", "terminal_contractor"), "stock_takes", "stock_take"),
    **same(
        only("terminal_admin", "terminal_contractor", status=400, method="POST"), "begin_stock_take", "sight"
    ),
    "finish_stock_take": only("terminal_admin", "terminal_contractor", status=302, method="POST"),
    **same(
        only("terminal_admin", "auditor", "terminal_contractor", status=302, method="POST"),
        *("save_view", "forget_view"),
    ),
    **same(only("terminal_admin", status=400, method="POST"), "choose_terminals", "carry_out"),
    "lu_deletions": only("terminal_admin", "auditor", "terminal_contractor"),
    "issue_code": only("terminal_admin", method="POST"),
    "add_certificate": only("terminal_admin", status=400, method="POST"),
    **same(
        only("terminal_admin", status=302, method="POST"),
        *("suspend_terminal", "resume_terminal", "revoke_devices", "revoke_certificate"),
    ),
    **same(
        only("terminal_admin", "auditor", "terminal_contractor", "officer"),
        *("reconciliation", "reconciliation_results", "reconciliation_runs", "reconciliation_run"),
        *("run_inspected", "discrepancy", "exposure"),
    ),
    **same(
        only("terminal_admin", status=302, method="POST"),
        *("ask_reconciliation", "approve_run"),
    ),
    "confirm_discrepancy": only("terminal_admin", status=302, method="POST"),
    **same(
        only("terminal_admin", status=400, method="POST"),
        *("correct_discrepancy", "note_discrepancy", "assign_discrepancy", "except_discrepancy"),
    ),
    "notices": only(*STAFF),
    "read_notices": only(*STAFF, status=302, method="POST"),
    **same(
        only("card_desk"),
        *("organisations", "staff", "postings", "cards", "card", "card_pin"),
        *("organisations_new", "staff_new", "postings_new", "cards_new"),
        *("organisations_edit", "staff_edit", "postings_edit", "cards_edit"),
    ),
    **same(only("card_desk", status=302, method="POST"), "card_suspend", "card_resume"),
}


def urls() -> list[Url]:
    """Every route, from the resolver itself."""
    return list(_walk(get_resolver(), ""))


def _walk(resolver: URLResolver, before: str) -> Iterator[Url]:
    for part in resolver.url_patterns:
        route = before + str(part.pattern)
        if isinstance(part, URLResolver):
            yield from _walk(part, route)
        else:
            yield Url(part.name or "", route, part)
