"""The gate: request → viewer, decided afresh from current rows; closed unless a view is marked open."""

import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import Error as DatabaseFailure
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.connection import ConnectionDoesNotExist
from django.utils.http import urlencode
from structlog.contextvars import bound_contextvars
from structlog.stdlib import get_logger

from accesscontrol import http, operations, queries
from accesscontrol.choices import EndReason
from accesscontrol.clearance import Clearance, Level, Side
from accesscontrol.disclosure import SideUnavailable
from accesscontrol.models import WorkSession
from accesscontrol.reasons import OTHER_TERMINAL
from accesscontrol.situation import CardFacts, Situation, clearance
from accesscontrol.viewer import Viewer
from audit.choices import Action
from audit.log import LogUnavailable
from audit.queries import SearchUnavailable

logger = get_logger(__name__)
Next = Callable[[Any], HttpResponse]
TOUCH_EVERY_SECONDS = 10
PROGRESS = "/audit/integrity/progress/"


class RequestIdMiddleware:
    """Give the request its number and its time: the clock is read once."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.id = uuid.uuid4().hex
        request.at = timezone.now()
        request.user = AnonymousUser()
        request.terminal = request.viewer = request.session_row = request.refusal = None
        request.use_changed = False
        with bound_contextvars(request_id=request.id):
            return self.get_response(request)


class NoStoreMiddleware:
    """Keep every page out of caches and out of the back button."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Cache-Control"] = "private, no-store"
        return response


class ViewerMiddleware:
    """Decide who is looking and what may be seen, on every request; end a session that no longer agrees."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        try:
            self._decide(request)
        except (LogUnavailable, DatabaseFailure) as error:
            logger.error("gate_unavailable", error=type(error).__name__)
            return http.unavailable(request, error)
        return self.get_response(request)

    def _decide(self, request: Any) -> None:
        session = _session(request)
        if session is None:
            return
        if request.at - session.last_seen_at >= settings.IDLE_LIMIT:
            operations.end_session(session, reason=EndReason.IDLE, at=request.at)
            return
        card = queries.card_facts(session.card, request.at)
        situation = Situation(terminal=request.terminal, card=card, at=request.at)
        decided = clearance(situation)
        if decided.agreed and request.terminal.number != session.terminal_number:
            decided = Clearance(Side.NOBODY, Level.NONE, (OTHER_TERMINAL,), decided.claims)
        if not decided.agreed:
            operations.end_session(session, reason=EndReason.REFUSED, at=request.at)
            operations.refuse(situation, decided, action=Action.ENTER, request=request.id)
            request.refusal = decided
            return
        idle_for = (request.at - session.last_seen_at).total_seconds()
        if idle_for >= TOUCH_EVERY_SECONDS and not _left_by_itself(request):
            operations.touch(session, at=request.at)
        request.session_row = session
        request.viewer = _viewer(request, card, decided, session)
        request.user = session.card.staff
        request.user.act_under(card.posting.duty if card.posting else "")

    def process_view(
        self, request: Any, view: http.View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Let a request in, explain the refusal, or send it to the start page."""
        entry = http.entry_of(view)
        if entry == "anyone":
            return None
        if request.refusal is not None:
            response = http.refusal_page(request, request.refusal)
            response.delete_cookie(http.SESSION_COOKIE)
            request.use_changed = True
            return response
        if entry == "terminal":
            return None if request.terminal is not None else _unknown_terminal(request)
        if request.viewer is None:
            return _start_again(request)
        if entry == "viewer" and not request.viewer.purpose and not http.wants_json(request):
            return redirect(f"/start/purpose/?{urlencode({'next': _here(request)})}")
        return None

    def process_exception(self, request: Any, error: Exception) -> HttpResponse | None:
        """Fail closed: no log, no database, no right in the database → nothing is shown."""
        if isinstance(error, LogUnavailable | SearchUnavailable | DatabaseFailure):
            cause = getattr(error.__cause__, "sqlstate", None)
            logger.error("fail_closed", error=type(error).__name__, sqlstate=cause)
            return http.unavailable(request, error)
        if isinstance(error, SideUnavailable | ConnectionDoesNotExist):
            return http.wrong_server(request)
        return None


def _session(request: Any) -> WorkSession | None:
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    token = bearer if scheme == "Bearer" else request.COOKIES.get(http.SESSION_COOKIE, "")
    return queries.open_session(operations.token_hash(token)) if token else None


def _left_by_itself(request: HttpRequest) -> bool:
    """Tell whether a page asks by itself, to leave the screen or to show progress: nobody is using it then."""
    return request.path == PROGRESS or (request.path == "/start/" and "idle" in request.GET)


def _viewer(request: Any, card: CardFacts, decided: Clearance, session: WorkSession) -> Viewer:
    return Viewer(
        card=card,
        terminal=request.terminal,
        clearance=decided,
        purpose=session.purpose,
        purpose_reference=session.purpose_reference,
        at=request.at,
        request=request.id,
    )


def _unknown_terminal(request: Any) -> HttpResponse:
    if http.wants_json(request):
        detail = "端末の証明か登録がそろった端末から利用してください。"
        return http.problem(401, "登録されていない端末です", detail=detail, code="T-101")
    return _go_to("/terminal/", request)


def _start_again(request: Any) -> HttpResponse:
    if http.wants_json(request):
        return http.problem(
            401, "利用が始まっていません", detail="職員証で利用を始めてください。", code="C-001"
        )
    if request.terminal is None:
        return _unknown_terminal(request)
    return _go_to(f"/start/?{urlencode({'next': _here(request)})}", request)


def _go_to(target: str, request: Any) -> HttpResponse:
    """Send the whole page elsewhere, also when only a part of it was asked."""
    if not request.headers.get("HX-Request"):
        return redirect(target)
    answer = HttpResponse(status=204)
    answer["HX-Redirect"] = target
    return answer


def _here(request: HttpRequest) -> str:
    return request.get_full_path() if request.method == "GET" else "/"
