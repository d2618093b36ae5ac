"""Sign-in, purpose, sign-out, alerts, and the pages that explain a refusal."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accesscontrol import context_processors, forms, menus, operations, policy, purposes, queries
from accesscontrol.choices import REVIEW
from accesscontrol.clearance import Side
from accesscontrol.duties import OutsideDuty
from accesscontrol.http import (
    SESSION_COOKIE,
    EigyoRequest,
    ViewerRequest,
    before_purpose,
    known_terminal,
    open_to_anyone,
    open_to_terminals,
    problem,
    refusal_page,
    terminal_verdict,
    verdict,
    wants_json,
)
from accesscontrol.models import Alert
from accesscontrol.situation import Situation
from audit.choices import Action

SIGN_IN_FAILED = (
    "職員証番号または暗証番号が正しくないか、続けて誤ったため一時的に止められています。"
    "確かめてからやり直してください。15分たつと再び利用できます。"
)


@open_to_terminals
@sensitive_post_parameters("card", "pin")
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: EigyoRequest) -> HttpResponse:
    """Show the terminal's verdict and take the card and PIN."""
    if request.viewer is not None and request.method != "POST" and "idle" not in request.GET:
        return redirect("home")
    terminal = known_terminal(request)
    decided = terminal_verdict(terminal, request.at)
    form = forms.SignInForm(request.POST or None, initial={"next": request.GET.get("next", "")})
    error = ""
    if request.method == "POST":
        if not form.is_valid():
            error = "職員証番号と暗証番号を入力してください。"
        else:
            try:
                token = operations.sign_in(
                    form.attempt(), terminal=terminal, at=request.at, request=request.id
                )
            except operations.SignInFailed:
                error = SIGN_IN_FAILED
            except operations.SignInRefused as refused:
                return refusal_page(request, refused.clearance)
            else:
                request.use_changed = True
                target = urlencode({"next": _safe(request, form.cleaned_data["next"])})
                return _with_session(redirect(f"{reverse('purpose')}?{target}"), token)
    if not decided.agreed and request.method != "POST":
        situation = Situation(terminal=terminal, card=None, at=request.at)
        operations.refuse(situation, decided, action=Action.ENTER, request=request.id)
        return refusal_page(request, decided)
    return render(
        request,
        "accesscontrol/start.html",
        {
            "terminal": terminal,
            "verdict": verdict(decided),
            "error": error,
            "idle": "idle" in request.GET,
            "next": request.POST.get("next") or request.GET.get("next", ""),
        },
        status=400 if error else 200,
    )


@before_purpose
@require_http_methods(["GET", "HEAD", "POST"])
def purpose(request: ViewerRequest) -> HttpResponse:
    """Ask for the purpose of use, once a session; it can be changed from the band."""
    offered = purposes.purposes_of(context_processors.duty_of(request.viewer))
    before = request.viewer.purpose or queries.last_purpose(request.session_row.card)
    form = forms.PurposeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            operations.choose_purpose(
                request.session_row,
                purpose=form.cleaned_data["purpose"],
                reference=form.cleaned_data["reference"],
                at=request.at,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect(_safe(request, form.cleaned_data["next"]) or "home")
    chosen = request.POST.get("purpose") or before or offered[0].value
    return render(
        request,
        "accesscontrol/purpose.html",
        {
            "form": form,
            "choices": [
                (number, item.value, item.label, purposes.NEEDS_REFERENCE.get(item, ""))
                for number, item in enumerate(offered, start=1)
            ],
            "chosen": chosen,
            "next": request.POST.get("next") or request.GET.get("next", ""),
        },
        status=400 if form.errors else 200,
    )


@require_safe
def home(request: ViewerRequest) -> HttpResponse:
    """Go to the first page of the viewer's duty."""
    return redirect(menus.home(context_processors.duty_of(request.viewer)))


@before_purpose
@require_POST
def sign_out(request: ViewerRequest) -> HttpResponse:
    """End the session."""
    situation = Situation(terminal=request.viewer.terminal, card=request.viewer.card, at=request.at)
    operations.sign_out(request.session_row, situation, request=request.id, at=request.at)
    request.use_changed = True
    response = redirect("start")
    response.delete_cookie(SESSION_COOKIE)
    return response


@before_purpose
@require_POST
def stay(request: ViewerRequest) -> HttpResponse:
    """Go on after the idle warning; the middleware has noted the use."""
    operations.touch(request.session_row, at=request.at)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204)
    return redirect(_safe(request, request.POST.get("next", "")) or "home")


@require_safe
def my_terminal(request: ViewerRequest) -> HttpResponse:
    """Show the viewer why this terminal, card and place allow what they allow."""
    return render(
        request,
        "accesscontrol/my_terminal.html",
        {"verdict": verdict(request.viewer.clearance), "viewer": request.viewer},
    )


@require_safe
@permission_required(REVIEW, raise_exception=True)
def alerts(request: ViewerRequest) -> HttpResponse:
    """List the alerts, those nobody has seen first."""
    return render(
        request,
        "accesscontrol/alerts.html",
        {
            "waiting": list(queries.waiting_alerts()[: settings.PAGE_ROWS].values()),
            "seen": list(queries.seen_alerts()[: settings.PAGE_ROWS].values()),
        },
    )


@require_POST
@permission_required(REVIEW, raise_exception=True)
def acknowledge_alert(request: ViewerRequest, pk: int) -> HttpResponse:
    """Note that the officer has seen an alert."""
    operations.acknowledge_alert(get_object_or_404(Alert, pk=pk), by=request.user, at=request.at)
    messages.success(request, "通報を確認済みにしました。")
    return redirect("alerts")


@open_to_anyone
@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """Explain how to use the system, with the matrix of 参考1 as it is in force."""
    return render(request, "help.html", {"matrix": matrix_rows(), "version": policy.VERSION})


def matrix_rows() -> list[tuple[str, str, str]]:
    """Return the rows of the policy matrix in words."""
    words = {policy.Rule.ALL: "○", policy.Rule.OWN: "○（自社分のみ）", policy.Rule.NEVER: "×"}
    return [(item.value, words[row[Side.NW]], words[row[Side.RETAIL]]) for item, row in policy.MATRIX.items()]


@open_to_anyone
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Tell the proxy that the process answers."""
    return HttpResponse("ok", content_type="text/plain")


def _with_session(response: HttpResponse, token: str) -> HttpResponse:
    response.set_cookie(
        SESSION_COOKIE, token, httponly=True, samesite="Strict", secure=settings.HTTPS, path="/"
    )
    return response


def _safe(request: HttpRequest, target: str) -> str:
    allowed = url_has_allowed_host_and_scheme(target, {request.get_host()})
    return target if allowed and target.startswith("/") else ""


def _stopped(request: Any, status: int, title: str, detail: str) -> HttpResponse:
    if wants_json(request):
        return problem(status, title, detail=detail)
    return render(
        request,
        "stopped.html",
        {"title": title, "detail": detail, "request_id": getattr(request, "id", "")},
        status=status,
    )


@open_to_anyone
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request cannot be understood."""
    return _stopped(request, 400, "要求を読み取れません", "画面を開き直して、もう一度お試しください。")


@open_to_anyone
def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: the duty of the posting does not include this page, or what was to be done on it."""
    if isinstance(exception, OutsideDuty):
        return _stopped(request, 403, "この操作は担当の業務に含まれていません", str(exception))
    return _stopped(
        request,
        403,
        "この画面は担当の業務に含まれていません",
        "担当の業務はいまの所属で決まります。必要なときは所属の上長へ相談してください。",
    )


@open_to_anyone
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form is not from this session."""
    return _stopped(
        request,
        403,
        "送信を確認できません",
        "別の画面で利用が終わったか、時間がたっています。画面を開き直して、もう一度送信してください。",
    )


@open_to_anyone
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: nothing is there for this viewer."""
    return _stopped(request, 404, "見つかりません", "番号や住所を確かめて、検索からやり直してください。")


@open_to_anyone
def server_error(request: HttpRequest) -> HttpResponse:
    """500: something failed; nothing of it is shown."""
    return _stopped(
        request,
        500,
        "処理を続けられません",
        "前の画面に戻ってやり直してください。続くときは問い合わせ番号を窓口へ伝えてください。",
    )
