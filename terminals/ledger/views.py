"""端末配備先情報: the deliveries, a new one, and one of them from its reception to its confirmation."""

from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accesscontrol.http import ViewerRequest
from terminals.choices import KEEP, MANAGE, VIEW, Channel, FileState
from terminals.ledger import exchange, operations, queries
from terminals.ledger.forms import AcceptForm, DeliveryForm, RefuseForm
from terminals.models import LedgerFile

may_view = permission_required(VIEW, raise_exception=True)
may_keep = permission_required(KEEP, raise_exception=True)
may_manage = permission_required(MANAGE, raise_exception=True)
FILES_SHOWN, ERRORS_SHOWN = 50, 100
ENCODINGS = {"cp932": "CP932", "utf-8": "UTF-8", "utf-8-sig": "UTF-8（BOMあり）"}


@dataclass(frozen=True, slots=True)
class StepShown:
    """One step of a delivery: done, now, stop (it ended here) or still to come."""

    label: str
    state: str
    detail: str = ""

    @property
    def spoken(self) -> str:
        """Return the state for whoever does not see its colour."""
        return {"done": "（済み）", "stop": "（ここで終わりました）", "now": "（いまここ）"}.get(
            self.state, ""
        )


@require_safe
@may_view
def ledger(request: ViewerRequest) -> HttpResponse:
    """List the deliveries, the ledger in force first."""
    context = {
        "current": queries.in_force(request.at),
        "files": Paginator(queries.deliveries(), FILES_SHOWN).get_page(request.GET.get("page")),
        "may_keep": request.user.has_perm(KEEP),
    }
    return render(request, "terminals/ledger/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@may_keep
def deliver(request: ViewerRequest) -> HttpResponse:
    """Take a delivery in and show what the check found."""
    posted = request.method == "POST"
    form = DeliveryForm(request.POST, request.FILES) if posted else DeliveryForm()
    if posted and form.is_valid():
        given = form.delivered()
        file = operations.receive(
            cast(BinaryIO, given.file),
            file_name=given.name or "",
            as_of=form.cleaned_data["as_of"],
            channel=Channel.UPLOAD,
            by=request.user,
            at=request.at,
        )
        return redirect("ledger_file", pk=file.pk)
    context = {"form": form, "header": exchange.HEADER}
    return render(request, "terminals/ledger/new.html", context, status=400 if posted else 200)


@require_safe
@may_view
def ledger_file(request: ViewerRequest, pk: int) -> HttpResponse:
    """Show one delivery: its steps, what differs from the ledger in force, what is wrong in it."""
    return _page(request, get_object_or_404(LedgerFile, pk=pk))


@require_POST
@may_manage
def accept(request: ViewerRequest, pk: int) -> HttpResponse:
    """Put a checked delivery in force."""
    file = get_object_or_404(LedgerFile, pk=pk)
    form = AcceptForm(request.POST)
    if not form.is_valid():
        return _page(request, file, accept_form=form, status=400)
    try:
        operations.accept(file, by=request.user, at=request.at, accept_anyway=form.cleaned_data["reason"])
    except operations.LedgerRefused as refusal:
        file.refresh_from_db()
        form.add_error(None, str(refusal))
        return _page(request, file, accept_form=form, status=400)
    messages.success(request, "台帳を反映しました。端末の突合を始めます。")
    return redirect("ledger_file", pk=pk)


@require_POST
@may_manage
def refuse(request: ViewerRequest, pk: int) -> HttpResponse:
    """Turn a checked delivery down."""
    file = get_object_or_404(LedgerFile, pk=pk)
    form = RefuseForm(request.POST)
    if form.is_valid():
        try:
            operations.refuse(file, reason=form.cleaned_data["refusal"], by=request.user, at=request.at)
        except operations.LedgerRefused as refusal:
            file.refresh_from_db()
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "不採用にしました。")
            return redirect("ledger_file", pk=pk)
    return _page(request, file, refuse_form=form, status=400)


@require_safe
@may_view
def errors(request: ViewerRequest, pk: int) -> HttpResponse:
    """Hand out everything that is wrong in a delivery."""
    file = get_object_or_404(LedgerFile, pk=pk)
    return _download(exchange.write_errors(queries.row_errors(file)), f"ledger-{pk}-errors.csv")


@require_safe
@may_view
def lines(request: ViewerRequest, pk: int) -> HttpResponse:
    """Hand out the lines of a delivery as a file that can be delivered again."""
    file = get_object_or_404(LedgerFile, pk=pk)
    return _download(exchange.write(queries.rows(file)), f"haibisaki_{file.as_of:%Y%m%d}.csv")


def _download(content: Any, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _page(
    request: ViewerRequest,
    file: LedgerFile,
    *,
    accept_form: AcceptForm | None = None,
    refuse_form: RefuseForm | None = None,
    status: int = 200,
) -> HttpResponse:
    waits = file.state == FileState.CHECKED
    current = queries.in_force(request.at)
    found = Paginator(queries.errors(file), ERRORS_SHOWN)
    brakes = operations.brakes(file, at=request.at) if waits else []
    context = {
        "file": file,
        "steps": steps(file, faults=found.count),
        "encoding": ENCODINGS.get(file.encoding, "読めません"),
        "current": current,
        "is_current": current is not None and current.pk == file.pk,
        "differences": queries.differences(current, file) if waits and current else [],
        "errors": found.get_page(request.GET.get("page")),
        "brakes": brakes,
        "may_lift": all(brake.may_be_lifted for brake in brakes) and file.received_by != request.user,
        "may_manage": waits and request.user.has_perm(MANAGE),
        "has_lines": queries.has_lines(file),
        "accept_form": accept_form or AcceptForm(),
        "refuse_form": refuse_form or RefuseForm(),
    }
    return render(request, "terminals/ledger/file.html", context, status=status)


def steps(file: LedgerFile, *, faults: int) -> list[StepShown]:
    """Return how far a delivery came, step by step."""
    sender = file.received_by.name if file.received_by else "自動"
    when = timezone.localtime(file.received_at)
    unread = not file.encoding or (not file.rows and faults > 0)
    unsound = not unread and (file.bad_rows > 0 or not file.rows)
    refused = file.state == FileState.REFUSED and not (unread or unsound)
    accepted = file.state == FileState.ACCEPTED
    return [
        StepShown("受け取り", "done", f"{when:%m/%d %H:%M} {sender}"),
        StepShown("文字と列", "stop" if unread else "done", ENCODINGS.get(file.encoding, "")),
        StepShown(
            "検査",
            "" if unread else "stop" if unsound else "done",
            "" if unread else f"{file.rows:,}行・誤り{file.bad_rows:,}行",
        ),
        StepShown("確認", _confirmation(file, refused=refused), "不採用" if refused else ""),
        StepShown(
            "反映",
            "done" if accepted else "",
            f"{timezone.localtime(file.accepted_at):%m/%d %H:%M}" if accepted and file.accepted_at else "",
        ),
    ]


def _confirmation(file: LedgerFile, *, refused: bool) -> str:
    if refused:
        return "stop"
    return {FileState.CHECKED: "now", FileState.ACCEPTED: "done"}.get(FileState(file.state), "")
