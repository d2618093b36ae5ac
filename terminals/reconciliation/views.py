"""The reconciliation's pages: board, runs, one discrepancy, exposure windows, notices."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required, user_passes_test
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from kombu.exceptions import OperationalError

from accesscontrol.choices import REVIEW
from accesscontrol.http import ViewerRequest
from audit.cells import neutralise
from terminals import notices
from terminals.choices import MANAGE, VIEW, Kind, Outcome, TerminalClass
from terminals.models import Discrepancy, Run, Terminal
from terminals.reconciliation import board as cards
from terminals.reconciliation import exposure, forms, operations, queries
from terminals.reconciliation.rules import STEPS

PER_PAGE = 50
may_manage = permission_required(MANAGE, raise_exception=True)


def _looks(user: Any) -> bool:
    if not (user.has_perm(VIEW) or user.has_perm(REVIEW)):
        raise PermissionDenied
    return True


may_look = user_passes_test(_looks)


@require_safe
@may_look
def board(request: ViewerRequest) -> HttpResponse:
    """Show what is open, source beside source, with what was already done."""
    form = forms.BoardForm(request.GET)
    chosen = form.cleaned_data if form.is_valid() else {}
    found = list(
        queries.open_discrepancies(
            site=chosen.get("site", ""),
            terminal_class=chosen.get("terminal_class", ""),
            owner=chosen.get("owner", ""),
        )
    )
    terminals = _pages_of_terminals(request, found)
    latest, newest = queries.latest_run(), queries.newest_run()
    context = {
        "form": form,
        "columns": cards.columns(found, terminals, chosen.get("column", "")),
        "shown": len(found),
        "latest": latest,
        "newest": newest,
        "steps": STEPS,
        "alike": sum(site["alike"] for site in latest.sites) if latest else 0,
        "ledger_rows": sum(site["ledger"] for site in latest.sites) if latest else 0,
        "online_rows": sum(site["online"] for site in latest.sites) if latest else 0,
        "sites": latest.sites if latest else [],
        "counts": queries.counts(),
        "by_column": cards.by_column(),
        "may_manage": request.user.has_perm(MANAGE),
        "may_approve": request.user.has_perm(MANAGE) and newest and newest.asked_by_id != request.user.pk,
        "classes": TerminalClass.choices,
        "kinds": Kind.choices,
        "owners": cards.owners(),
    }
    return render(request, "terminals/reconciliation/board.html", context, status=200 if chosen else 400)


def _pages_of_terminals(request: ViewerRequest, found: Iterable[Discrepancy]) -> dict[str, int]:
    """Return the keys of registered terminals by number, for whoever may open their pages."""
    if not request.user.has_perm(VIEW):
        return {}
    numbers = {each.terminal_number for each in found}
    return dict(Terminal.objects.filter(number__in=numbers).values_list("number", "pk"))


@require_POST
@may_manage
def ask(request: ViewerRequest) -> HttpResponse:
    """Have a run made now by the worker."""
    form = forms.RunForm(request.POST)
    if not form.is_valid():
        messages.error(request, "規則の指定が正しくありません。一覧から選んでください。")
        return redirect("reconciliation")
    try:
        operations.ask(by=request.user, at=request.at, **form.cleaned_data)
    except OperationalError:
        messages.error(request, "いまは処理を受け付けられません。しばらくしてからやり直してください。")
        return redirect("reconciliation")
    messages.success(request, "突合を始めます。この画面を閉じても処理は続きます。")
    return redirect("reconciliation")


@require_safe
@may_look
def runs(request: ViewerRequest) -> HttpResponse:
    """List every run, those without a difference too: they are the evidence."""
    page = Paginator(queries.runs(), PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "terminals/reconciliation/runs.html",
        {"page": page, "kinds": Kind.choices, "may_manage": request.user.has_perm(MANAGE)},
    )


@require_safe
@may_look
def run(request: ViewerRequest, pk: int) -> HttpResponse:
    """Show one run: its sources, what it changed, what it looked at."""
    found = get_object_or_404(queries.runs(), pk=pk)
    context = {
        "run": found,
        "sources": _sources(found),
        "changes": Paginator(found.changes.order_by("pk"), PER_PAGE).get_page(request.GET.get("page")),
        "findings": found.findings.order_by("kind", "terminal_number")[:PER_PAGE],
        "inspected": found.inspected.count(),
        "may_approve": request.user.has_perm(MANAGE)
        and found.outcome == Outcome.WAITING
        and not hasattr(found, "approval")
        and found.asked_by_id != request.user.pk,
    }
    return render(request, "terminals/reconciliation/run.html", context)


def _sources(found: Run) -> list[tuple[str, Any, str, str]]:
    labels = {
        "ledger": "端末配備先情報（委託先の台帳）",
        "online": "営業オンライン端末情報（LU登録）",
        "postings": "職員の所属",
        "observed": "利用開始の記録",
    }
    return [
        (label, said.get("rows", 0), said.get("sha256", ""), said.get("file", ""))
        for name, label in labels.items()
        if (said := found.sources.get(name))
    ]


@require_safe
@may_look
def inspected(request: ViewerRequest, pk: int) -> HttpResponse:
    """Hand out the list of everything one run looked at."""
    found = get_object_or_404(Run, pk=pk)
    rows = found.inspected.order_by("site", "terminal_number").values_list(
        "site", "terminal_number", "is_fine"
    )
    return _csv(
        f"terminals-inspected-{found.pk}.csv",
        ("拠点", "端末番号", "結果"),
        ((site, number, "相違なし" if fine else "相違あり") for site, number, fine in rows.iterator()),
    )


@require_POST
@may_manage
def approve(request: ViewerRequest, pk: int) -> HttpResponse:
    """Let a run that waits go through."""
    found = get_object_or_404(Run, pk=pk)
    try:
        made = operations.approve(found, by=request.user, at=request.at)
    except ValidationError as error:
        messages.error(request, error.message)
        return redirect("reconciliation_run", pk=pk)
    if made.outcome == Outcome.DONE:
        messages.success(request, "承認し、反映しました。")
    else:
        messages.error(request, made.message)
    return redirect("reconciliation_run", pk=made.pk)


@require_safe
@may_look
def results(request: ViewerRequest) -> HttpResponse:
    """Hand out what is open as a file."""
    rows = (
        (
            each.terminal_number,
            each.lu,
            each.get_kind_display(),
            each.get_severity_display(),
            each.get_state_display(),
            each.site,
            each.ledger_says,
            each.online_says,
            each.seen_says,
            f"{timezone.localtime(each.detected_at):%Y/%m/%d %H:%M}",
            str(each.owner or ""),
            str(each.due_on or ""),
        )
        for each in queries.open_discrepancies()
    )
    head = (
        "端末番号",
        "LU名",
        "種別",
        "重さ",
        "状態",
        "拠点",
        "台帳",
        "オンライン",
        "検出",
        "検知",
        "担当",
        "期限",
    )
    return _csv("discrepancies.csv", head, rows)


@require_safe
@may_look
def discrepancy(request: ViewerRequest, pk: int) -> HttpResponse:
    """Show one discrepancy with its story and what can be done about it."""
    return _discrepancy(request, get_object_or_404(Discrepancy, pk=pk))


def _discrepancy(request: ViewerRequest, found: Discrepancy, **given: Any) -> HttpResponse:
    status = 400 if given else 200
    context = {
        "found": found,
        "card": cards.card([found], _pages_of_terminals(request, [found])),
        "steps": found.steps.select_related("by").order_by("at", "pk"),
        "earlier": queries.discrepancies_of(found.terminal_number).exclude(pk=found.pk),
        "may_manage": request.user.has_perm(MANAGE) and found.closed_run_id is None,
        "words_form": forms.WordsForm(auto_id="words_%s"),
        "note_form": forms.WordsForm(auto_id="note_%s"),
        "owner_form": forms.OwnerForm(),
        "exception_form": forms.ExceptionForm(),
    } | given
    return render(request, "terminals/reconciliation/discrepancy.html", context, status=status)


def _confirm(found: Discrepancy, form: Any, request: ViewerRequest) -> None:
    operations.confirm(found, by=request.user, at=request.at)


def _correct(found: Discrepancy, form: Any, request: ViewerRequest) -> None:
    operations.begin_correction(found, words=form.cleaned_data["words"], by=request.user, at=request.at)


def _note(found: Discrepancy, form: Any, request: ViewerRequest) -> None:
    operations.add_note(found, words=form.cleaned_data["words"], by=request.user, at=request.at)


def _assign(found: Discrepancy, form: Any, request: ViewerRequest) -> None:
    operations.assign(found, owner=form.cleaned_data["owner"], by=request.user, at=request.at)


def _except(found: Discrepancy, form: Any, request: ViewerRequest) -> None:
    operations.except_until(
        found, until=form.ends(), reason=form.cleaned_data["reason"], by=request.user, at=request.at
    )


ACTIONS: dict[str, tuple[str, Any, Callable[..., None], str]] = {
    "confirm": ("", None, _confirm, "確認しました。"),
    "correct": ("words_form", forms.WordsForm, _correct, "是正中にしました。"),
    "note": ("note_form", forms.WordsForm, _note, "経緯を記録しました。"),
    "assign": ("owner_form", forms.OwnerForm, _assign, "担当を変えました。"),
    "except": ("exception_form", forms.ExceptionForm, _except, "例外を承認しました。"),
}


@require_POST
@may_manage
def act(request: ViewerRequest, pk: int, action: str) -> HttpResponse:
    """Do one of the things a person may do about a discrepancy; closing is not among them."""
    found = get_object_or_404(Discrepancy, pk=pk)
    name, form_class, do, done = ACTIONS[action]
    form = form_class(request.POST, auto_id=f"{action}_%s") if form_class else None
    if form is not None and not form.is_valid():
        return _discrepancy(request, found, **{name: form})
    try:
        do(found, form, request)
    except ValidationError as error:
        if form is None:
            messages.error(request, error.message)
            return redirect("discrepancy", pk=pk)
        typed = "　".join(str(value) for value in form.cleaned_data.values())
        return _discrepancy(request, found, **{name: form, "fault": error.message, "typed": typed})
    messages.success(request, done)
    return redirect("discrepancy", pk=pk)


@require_safe
@may_look
def exposures(request: ViewerRequest) -> HttpResponse:
    """Show from when to when class and holder, or class and zone, did not go together."""
    form = forms.ExposureForm(request.GET)
    if not form.is_valid():
        return render(
            request, "terminals/reconciliation/exposure.html", {"form": form, "windows": []}, status=400
        )
    since, until = form.period()
    found = exposure.windows(
        since=since, until=until, known_at=form.known_at(request.at), fault=form.cleaned_data["fault"]
    )
    if request.GET.get("format") == "csv":
        return _csv(
            "exposure.csv",
            ("端末番号", "LU名", "食い違い", "配備先", "場所", "始まり", "終わり"),
            map(_cells, found),
        )
    context = {
        "form": form,
        "windows": found,
        "terminals": exposure.terminals(found),
        "present": exposure.terminals([window for window in found if window.contains(request.at)]),
        "query": request.GET.urlencode(),
    }
    return render(request, "terminals/reconciliation/exposure.html", context)


def _cells(window: exposure.Window) -> Sequence[str]:
    ends = [
        f"{timezone.localtime(end):%Y/%m/%d %H:%M:%S}" if end else "" for end in (window.begins, window.ends)
    ]
    return (window.terminal, window.lu, window.fault_words, window.holder, window.place, *ends)


@require_safe
def inbox(request: ViewerRequest) -> HttpResponse:
    """Show what the signed-in person was told."""
    return render(request, "terminals/reconciliation/notices.html", {"notices": notices.latest(request.user)})


@require_POST
def read_notices(request: ViewerRequest) -> HttpResponse:
    """Note that the signed-in person has read it."""
    notices.read_all(request.user, at=request.at)
    return redirect("notices")


def _csv(name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> HttpResponse:
    """Return a file a spreadsheet opens: UTF-8 with BOM, CRLF, no cell that runs."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([neutralise(cell) for cell in row] for row in rows)
    return HttpResponse(
        text.getvalue().encode("utf-8-sig"),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
