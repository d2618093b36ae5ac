"""A terminal's page and its actions; enrolment of the device in front of the user."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accesscontrol.forms import ReasonForm
from accesscontrol.http import EigyoRequest, ViewerRequest, open_to_anyone, terminal_verdict, verdict
from accesscontrol.registry import history
from accesscontrol.suspension import Suspendable
from terminals import forms, listing, operations, queries
from terminals.choices import MANAGE, VIEW, BulkStep, TerminalStatus
from terminals.lifecycle.bulk import carry_out as carry_out_all
from terminals.lifecycle.steps import open_steps, situation
from terminals.lifecycle.timeline import line
from terminals.middleware import set_device_cookie
from terminals.models import Terminal, TerminalCertificate
from terminals.reconciliation.queries import discrepancies_of
from terminals.sides import comparison

may_view = permission_required(VIEW, raise_exception=True)
may_manage = permission_required(MANAGE, raise_exception=True)


@require_safe
@may_view
def terminal(request: ViewerRequest, pk: int) -> HttpResponse:
    """Show one terminal: its verdict, both ledgers, how it proves itself, its history."""
    return render(request, "terminals/terminal.html", _page(request, pk))


@require_POST
@may_manage
def issue_code(request: ViewerRequest, pk: int) -> HttpResponse:
    """Issue an enrolment code and show it this once."""
    found = get_object_or_404(Terminal, pk=pk)
    code = operations.issue_enrolment_code(
        found, by=request.user, actor=request.viewer.actor, at=request.at, request=request.id
    )
    return render(request, "terminals/terminal.html", _page(request, pk) | {"code": code})


TERMINALS = Suspendable(
    model=Terminal,
    word="端末",
    page="terminal",
    permission=MANAGE,
    suspend=operations.suspend,
    resume=operations.resume,
)


@require_POST
@may_manage
def revoke_devices(request: ViewerRequest, pk: int) -> HttpResponse:
    """Revoke the device enrolled as a terminal."""
    found = get_object_or_404(Terminal, pk=pk)
    operations.revoke_devices(
        found,
        reason=f"{request.user}による失効",
        by=request.user,
        actor=request.viewer.actor,
        at=request.at,
        request=request.id,
    )
    messages.success(request, "登録済みの機器を失効しました。")
    return redirect("terminal", pk=pk)


@require_POST
@may_manage
def add_certificate(request: ViewerRequest, pk: int) -> HttpResponse:
    """Bind a client certificate to a terminal."""
    found = get_object_or_404(Terminal, pk=pk)
    form = forms.CertificateForm(request.POST)
    if form.is_valid():
        try:
            operations.register_certificate(form.instance, terminal=found, by=request.user, at=request.at)
        except ValidationError as error:
            form.add_error("fingerprint", error.messages)
        else:
            messages.success(request, "証明書を登録しました。")
            return redirect("terminal", pk=pk)
    context = _page(request, pk) | {"certificate_form": form}
    return render(request, "terminals/terminal.html", context, status=400)


@require_POST
@may_manage
def revoke_certificate(request: ViewerRequest, pk: int, certificate: int) -> HttpResponse:
    """Stop accepting a certificate."""
    found = get_object_or_404(TerminalCertificate, pk=certificate, terminal_id=pk)
    operations.revoke_certificate(found, by=request.user, at=request.at)
    messages.success(request, "証明書を失効しました。")
    return redirect("terminal", pk=pk)


@require_POST
@may_view
def save_view(request: ViewerRequest) -> HttpResponse:
    """Keep the filter in force under a name."""
    form = forms.SaveViewForm(request.POST)
    query = listing.known(QueryDict(request.POST.get("query", "").encode("ascii", "ignore")))
    if not form.is_valid():
        messages.error(request, "名前を40文字以内で入力してください。")
    else:
        try:
            kept = operations.save_view(
                name=form.cleaned_data["name"], query=query, by=request.user, at=request.at
            )
        except ValidationError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"一覧「{kept.name}」を保存しました。")
    return redirect(f"{reverse('terminals')}?{query}")


@require_POST
@may_view
def forget_view(request: ViewerRequest, pk: int) -> HttpResponse:
    """Drop one of one's own views."""
    operations.forget_view(pk, by=request.user, at=request.at)
    messages.success(request, "保存した一覧を消しました。")
    return redirect("terminals")


@require_POST
@may_manage
def choose(request: ViewerRequest) -> HttpResponse:
    """Take the terminals that were ticked, or the whole filter, to the page that asks what to do and shows the count."""
    token = request.POST.get("all") or listing.pick(request.POST.getlist("pick"))
    return _bulk_page(request, token, forms.BulkForm())


@require_POST
@may_manage
def carry_out(request: ViewerRequest) -> HttpResponse:
    """Do it with exactly the number of terminals the page has shown."""
    token, form = request.POST.get("selection", ""), forms.BulkForm(request.POST)
    if not form.is_valid():
        return _bulk_page(request, token, form, status=400)
    step, reason = BulkStep(form.cleaned_data["step"]), form.cleaned_data["reason"]
    try:
        chosen = listing.selection(token, request)
        count = carry_out_all(
            step, chosen.rows, expected=chosen.count, reason=reason, by=request.user, at=request.at
        )
    except ValidationError as error:
        form.add_error(None, error.messages)
        return _bulk_page(request, token, form, status=400)
    messages.success(request, f"{count}台を処理しました：{step.label}")
    return redirect("terminals")


def _bulk_page(request: ViewerRequest, token: str, form: forms.BulkForm, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "selection": None}
    try:
        context["selection"] = listing.selection(token, request)
    except ValidationError as error:
        context["error"], status = error.message, 400
    return render(request, "terminals/bulk.html", context, status=status)


@open_to_anyone
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def this_device(request: EigyoRequest) -> HttpResponse:
    """Tell what this device is, and enrol it with a code where client certificates are not used."""
    may_enrol = not settings.PROXY_SECRET
    form = forms.EnrolForm(request.POST or None)
    if request.method == "POST" and may_enrol and form.is_valid():
        try:
            _, cookie = operations.enrol(form.cleaned_data["code"], at=request.at, request=request.id)
        except operations.EnrolmentRefused:
            form.add_error(
                "code",
                "この登録コードは使えません。使用済みか期限切れか、入力の誤りです。端末管理の窓口で新しいコードを受け取ってください。",
            )
        else:
            response = redirect("start")
            set_device_cookie(response, cookie)
            return response
    known = request.terminal
    context = {
        "form": form,
        "may_enrol": may_enrol,
        "terminal": known,
        "verdict": verdict(terminal_verdict(known, request.at)) if known else [],
        "given": request.GET.get("code", ""),
    }
    return render(request, "terminals/this_device.html", context, status=400 if form.errors else 200)


def _page(request: ViewerRequest, pk: int) -> dict[str, Any]:
    found = get_object_or_404(Terminal.objects.select_related("last_seen"), pk=pk)
    recognised = queries.recognise(found, request.at)
    now = situation(found, request.user, request.at)
    seen = getattr(found, "last_seen", None)
    sides, side_rows = comparison(recognised, at=request.at)
    return {
        "pk": found.pk,
        "name": found.number,
        "status": found.get_status_display(),
        "class_label": recognised.class_label if recognised.terminal_class else "",
        "terminal_class": recognised.terminal_class,
        "may_manage": request.user.has_perm(MANAGE),
        "suspended": found.suspended_reason,
        "verdict": verdict(terminal_verdict(recognised, request.at)),
        "contradiction": operations.contradiction(recognised),
        "stages": _stages(found.status),
        "steps": open_steps(now),
        "handover": now.handover,
        "deletion": now.deletion,
        "discrepancies": [
            (each.pk, each.get_kind_display(), each.get_state_display())
            for each in discrepancies_of(found.number).filter(closed_run__isnull=True)
        ],
        "left": [str(each) for each in now.registrations] if now.deletion else [],
        "timeline": line(found),
        "sides": sides,
        "side_rows": side_rows,
        "facts": [
            ("資産番号", found.asset_number),
            ("製造番号", found.serial_number),
            ("最後の利用", seen.seen_at if seen else None),
        ],
        "devices": list(queries.devices(found).values("enrolled_at", "revoked_at", "revoked_reason")),
        "certificates": list(
            queries.certificates(found).values("id", "fingerprint", "registered_at", "revoked_at")
        ),
        "certificate_form": forms.CertificateForm(),
        "reason_form": ReasonForm(),
        "history": history(found),
    }


def _stages(status: str) -> list[dict[str, str]]:
    """Return the way of a terminal's life with where it is now."""
    aside = {
        TerminalStatus.RELOCATING: TerminalStatus.DEPLOYED,
        TerminalStatus.RETIRED: TerminalStatus.REUSABLE,
    }
    taken = aside.get(TerminalStatus(status))
    way = [
        TerminalStatus(status) if stage is taken else stage for stage in TerminalStatus if stage not in aside
    ]
    here = way.index(TerminalStatus(status))
    states = ["done"] * here + ["now"] + [""] * len(way)
    return [{"label": str(stage.label), "state": state} for stage, state in zip(way, states, strict=False)]
