"""What the middleware adds to a request, how views say who may enter, and the answers that end one."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accesscontrol.clearance import Clearance, Subject
from accesscontrol.models import Staff, WorkSession
from accesscontrol.situation import Situation, TerminalFacts, terminal_clearance
from accesscontrol.viewer import Viewer
from audit.log import LogUnavailable
from audit.queries import SearchUnavailable

SESSION_COOKIE = "eigyo_session"
API_PREFIX = "/api/"
NOT_SHOWN = "not_shown"  # the API's word for a refusal to show customer information


class EigyoRequest(HttpRequest):
    """A request after the middleware: terminal recognised or not, viewer decided or not."""

    id: str
    at: datetime
    terminal: TerminalFacts | None
    viewer: Viewer | None
    session_row: WorkSession | None
    refusal: Clearance | None
    use_changed: bool  # a use began or ended here: the device gets a new secret


class ViewerRequest(EigyoRequest):
    """A request inside a session: the viewer is there."""

    viewer: Viewer
    session_row: WorkSession
    user: Staff


View = Callable[..., HttpResponseBase]


def open_to_anyone(view: View) -> View:
    """Mark a view as open without terminal and card (health, static error pages, enrolment)."""
    view.entry = "anyone"  # type: ignore[attr-defined]
    return view


def open_to_terminals(view: View) -> View:
    """Mark a view as open on a recognised terminal before a card is shown (sign-in)."""
    view.entry = "terminal"  # type: ignore[attr-defined]
    return view


def before_purpose(view: View) -> View:
    """Mark a view as open in a session that has not chosen its purpose yet."""
    view.entry = "session"  # type: ignore[attr-defined]
    return view


def entry_of(view: View) -> str:
    """Return who may enter a view; unmarked views need a session with a purpose."""
    marked = getattr(view, "entry", None) or getattr(getattr(view, "view_class", None), "entry", None)
    return marked or getattr(getattr(view, "cls", None), "entry", None) or "viewer"


def wants_json(request: HttpRequest) -> bool:
    """Tell whether the caller is a program."""
    return request.path.startswith(API_PREFIX)


def refusal_page(request: Any, decided: Clearance, situation: Situation | None = None) -> HttpResponse:
    """Explain why nothing is shown: what happened, the rule, what to do, a code to quote."""
    reason = decided.reasons[0] if decided.reasons else None
    if wants_json(request):
        return problem(
            403,
            "この端末・職員証・場所では利用できません",
            detail=f"{reason.title}。{reason.advice}" if reason else "",
            code=reason.code if reason else "X-000",
        )
    return render(
        request,
        "accesscontrol/refusal.html",
        {
            "reasons": list(dict.fromkeys(decided.reasons)),
            "verdict": verdict(decided),
            "request_id": request.id,
        },
        status=403,
    )


def verdict(decided: Clearance) -> list[dict[str, Any]]:
    """Return the decision by subject (端末, 職員証, 場所): agreed or not, and what each fact said."""
    refusing = {claim.name for claim in decided.claims if claim.reason in decided.reasons}
    labels = {Subject.TERMINAL: "端末", Subject.CARD: "職員証", Subject.PLACE: "場所"}
    groups = []
    for subject, label in labels.items():
        claims = [claim for claim in decided.claims if claim.subject is subject]
        if claims:
            groups.append(
                {
                    "label": label,
                    "agreed": not any(claim.name in refusing for claim in claims),
                    "statements": list(dict.fromkeys(claim.statement for claim in claims)),
                }
            )
    return groups


def known_terminal(request: EigyoRequest) -> TerminalFacts:
    """Return the terminal of a request the gate let in on a recognised terminal."""
    if request.terminal is None:
        raise PermissionDenied
    return request.terminal


def terminal_verdict(terminal: TerminalFacts, at: datetime) -> Clearance:
    """Decide what the terminal and its place allow before a card is shown."""
    return terminal_clearance(Situation(terminal=terminal, card=None, at=at))


def problem(status: int, title: str, *, detail: str = "", code: str = "", **more: Any) -> JsonResponse:
    """Return an RFC 9457 problem document."""
    body = {"type": "about:blank", "title": title, "status": status, **more}
    if detail:
        body["detail"] = detail
    if code:
        body["code"] = code
    return JsonResponse(
        body,
        status=status,
        content_type="application/problem+json",
        json_dumps_params={"ensure_ascii": False},
    )


def wrong_server(request: Any) -> HttpResponse:
    """Answer 421: this server serves the other side."""
    title = "この接続先では照会できません"
    detail = "NWと小売では接続先が分かれています。端末に設定された接続先から利用してください。"
    if wants_json(request):
        return problem(421, title, detail=detail, code="S-421")
    context = {"title": title, "detail": detail, "request_id": request.id}
    return render(request, "stopped.html", context, status=421)


def unavailable(request: Any, error: Exception) -> HttpResponse:
    """Answer 503 without data: the read log or the database cannot be reached."""
    title = "いまは照会できません"
    cause = "閲覧記録を書き込めない" if isinstance(error, LogUnavailable) else "データベースを利用できない"
    detail = f"{cause}ため、情報を表示できません。しばらくしてからやり直してください。"
    if isinstance(error, SearchUnavailable):
        title = "いまは閲覧記録をさがせません"
        detail = "検索用のデータベースが応答しません。閲覧の記録は続いています。しばらくしてからやり直してください。"
    if wants_json(request):
        answer: HttpResponse = problem(503, title, detail=detail, code="S-503")
    else:
        answer = render(
            request, "503.html", {"title": title, "detail": detail, "request_id": request.id}, status=503
        )
    answer["Retry-After"] = "30"
    return answer
