"""The officer's pages on the read log. Every one of these reads is on the log itself."""

from typing import Any, Protocol

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from audit import chart, exports, integrity, links, overview, queries, readings, review
from audit.choices import READ, WITHHOLD, Action, ExportFormat, ExportPurpose, Withheld
from audit.entry import Actor
from audit.forms import AnswerForm, ConditionForm, ExportForm, PointForm, ReleaseForm, SaveForm, WithholdForm

ROWS = 50
POINT_DIGITS = 22
may_read = permission_required(READ, raise_exception=True)
may_withhold = permission_required(WITHHOLD, raise_exception=True)


class _Viewer(Protocol):
    @property
    def actor(self) -> Actor: ...


class LoggedRequest(HttpRequest):
    """A request whose viewer can say who acts; the gate has put it there."""

    id: str
    at: Any
    viewer: _Viewer
    user: Any


@require_safe
@may_read
def reads(request: LoggedRequest) -> HttpResponse:
    """Search the read log."""
    form = ConditionForm.of(request.GET)
    if not form.is_valid():
        return render(request, "audit/reads.html", {"form": form}, status=400)
    condition = form.condition(request.at)
    _consult(request, condition.chosen())
    coverage = queries.coverage(condition, at=request.at)
    page = queries.search(condition, cursor=request.GET.get("older"), rows=ROWS)
    figures = overview.overview(condition)
    context = {
        "form": form,
        "condition": condition,
        "page": page,
        "menus": links.menus(form),
        "chips": links.chips(form),
        "same_period": links.same_period(form),
        "older_query": links.paged(form, page.older) if page.older else "",
        "newest_query": form.query().urlencode() if request.GET.get("older") else "",
        "figures": figures,
        "count": figures.entries if figures.whole else max(figures.entries, queries.estimate(condition)),
        "chart": chart.daily(figures.days),
        "coverage": coverage,
        "saved": review.saved_conditions(request.viewer.actor.person),
        "save_form": SaveForm(initial={"query": form.query().urlencode()}),
    }
    return render(request, "audit/reads.html", context)


@require_safe
@may_read
def read(request: LoggedRequest, number: int) -> HttpResponse:
    """Show one entry whole."""
    _consult(request, {"entry": str(number)})
    line = queries.entry(number)
    if line is None:
        raise Http404
    return render(request, "audit/read.html", {"line": line})


@require_POST
@may_read
def save_condition(request: LoggedRequest) -> HttpResponse:
    """Keep a search under a name."""
    form = SaveForm(request.POST)
    if not form.is_valid():
        messages.error(request, "名前を40文字以内で入力してください。")
        return redirect("reads")
    name, query = form.cleaned_data["name"], form.cleaned_data["query"]
    try:
        review.save_condition(name=name, query=query, by=request.viewer.actor.person, at=request.at)
    except review.TooManySaved:
        messages.error(
            request, f"保存できる条件は{review.MOST_SAVED}件までです。使わないものを消してください。"
        )
    else:
        messages.success(request, f"条件「{name}」を保存しました。")
    return redirect(f"{reverse('reads')}?{query}")


@require_POST
@may_read
def forget_condition(request: LoggedRequest, pk: int) -> HttpResponse:
    """Drop one of one's own searches."""
    review.forget_condition(pk, by=request.viewer.actor.person, at=request.at)
    messages.success(request, "保存した条件を消しました。")
    return redirect("reads")


@require_safe
@may_read
def points(request: LoggedRequest) -> HttpResponse:
    """Ask which point a customer wants to know about."""
    form = PointForm(request.GET or None)
    if form.is_bound and form.is_valid():
        return redirect("point_readings", point=form.cleaned_data["number"])
    return render(request, "audit/points.html", {"form": form}, status=400 if form.errors else 200)


@require_safe
@may_read
def point_readings(request: LoggedRequest, point: str) -> HttpResponse:
    """誰が見たか: the readings of one point, with what is withheld marked for the officer."""
    return _answer(request, point, "audit/point_readings.html", Action.READ_LOG, alias=queries.ALIAS)


@require_safe
@may_read
def point_answer(request: LoggedRequest, point: str) -> HttpResponse:
    """Show the sheet the customer gets, whole up to now; what is withheld is neither on it nor counted."""
    return _answer(request, point, "audit/point_answer.html", Action.EXPORT_LOG, alias=queries.PRIMARY)


def _answer(request: LoggedRequest, point: str, template: str, action: Action, *, alias: str) -> HttpResponse:
    if not (len(point) == POINT_DIGITS and point.isascii() and point.isdecimal()):
        raise Http404
    form = AnswerForm.of(request.GET, request.at)
    if not form.is_valid():
        return render(request, "audit/point_readings.html", {"form": form, "point": point}, status=400)
    since, until = form.days()
    query = {"disclosure": point, "since": since.isoformat(), "until": until.isoformat()}
    _consult(request, query | ({"names": "1"} if form.cleaned_data["names"] else {}), action=action)
    condition = queries.Condition(since=since, until=until, point=point)
    context = {
        "form": form,
        "point": point,
        "condition": condition,
        "names": form.cleaned_data["names"],
        "coverage": queries.coverage(condition, at=request.at, alias=alias),
        "found": readings.readings(point, since=since, until=until, at=request.at, alias=alias),
        "query": request.GET.urlencode(),
        "may_withhold": request.user.has_perm(WITHHOLD),
    }
    return render(request, template, context)


@require_safe
@may_read
def withholdings(request: LoggedRequest) -> HttpResponse:
    """List what is withheld from answers to customers now."""
    form = WithholdForm(initial={name: request.GET.get(name, "") for name in ("kind", "subject")})
    return _withholdings(request, form)


@require_POST
@may_withhold
def withhold(request: LoggedRequest) -> HttpResponse:
    """Withhold a point, a person or a case from answers through a day."""
    form = WithholdForm(request.POST)
    if not form.is_valid():
        return _withholdings(request, form, status=400)
    given = form.cleaned_data
    if form.until() <= request.at:
        form.add_error("last", "保留の最終日は今日か、それより後の日にしてください。")
        return _withholdings(request, form, status=400)
    review.withhold(
        kind=Withheld(given["kind"]),
        subject=given["subject"],
        until=form.until(),
        reason=given["reason"],
        by=request.viewer.actor,
        at=request.at,
        request=request.id,
    )
    messages.success(request, "本人への開示を保留しました。")
    return redirect("withholdings")


@require_POST
@may_withhold
def release(request: LoggedRequest) -> HttpResponse:
    """End a withholding before its day."""
    form = ReleaseForm(request.POST)
    if not form.is_valid():
        messages.error(request, "解除の理由を入力してください。")
        return redirect("withholdings")
    given = form.cleaned_data
    review.release(
        kind=Withheld(given["kind"]),
        subject=given["subject"],
        reason=given["reason"],
        by=request.viewer.actor,
        at=request.at,
        request=request.id,
    )
    messages.success(request, "保留を解除しました。")
    return redirect("withholdings")


def _withholdings(request: LoggedRequest, form: WithholdForm, *, status: int = 200) -> HttpResponse:
    _consult(request, {"withholdings": "1"})
    context = {
        "form": form,
        "now": readings.withholdings(at=request.at),
        "may_withhold": request.user.has_perm(WITHHOLD),
    }
    return render(request, "audit/withholdings.html", context, status=status)


@require_safe
@may_read
def integrity_page(request: LoggedRequest) -> HttpResponse:
    """改ざん検証: how far the log is sealed, witnessed and verified."""
    _consult(request, {"integrity": "1"})
    trusted = integrity.policy()
    checkpoints = integrity.checkpoints(trusted)
    context = {
        "sealed": integrity.sealed(),
        "parts": [(part, part.trouble(request.at)) for part in integrity.health()],
        "checkpoints": checkpoints,
        "published": next((each for each in checkpoints if each.published_at), None),
        "keys": integrity.keys(trusted),
        "quorum": trusted.quorum if trusted else "",
        **_runs(),
    }
    return render(request, "audit/integrity.html", context)


@require_safe
@may_read
def progress(request: LoggedRequest) -> HttpResponse:
    """Show how far the verifier is: figures of its runs only, no entry of the log."""
    return render(request, "audit/verification.html", _runs())


@require_POST
@may_read
def verify(request: LoggedRequest) -> HttpResponse:
    """Have the log verified; the verdict is an entry of the log when it is there."""
    try:
        review.ask_verification(by=request.viewer.actor.person, at=request.at)
    except review.AlreadyVerifying:
        messages.error(request, "いま検証しています。終わってからもう一度押してください。")
    else:
        messages.success(request, "検証を始めます。この画面を閉じても続きます。")
    return redirect("integrity")


@require_safe
@may_read
def exports_page(request: LoggedRequest) -> HttpResponse:
    """List the exports asked for, with a form for the search that is given."""
    search = ConditionForm.of(request.GET)
    query = search.query().urlencode() if search.is_valid() else ""
    return _exports(request, ExportForm(initial={"query": query}))


@require_POST
@may_read
def ask_export(request: LoggedRequest) -> HttpResponse:
    """Ask for an export; somebody else has to approve it."""
    form = ExportForm(request.POST)
    if not form.is_valid():
        return _exports(request, form, status=400)
    given = form.cleaned_data
    wish = exports.Wish(
        condition=form.condition(request.at),
        purpose=ExportPurpose(given["purpose"]),
        reason=given["reason"],
        format=ExportFormat(given["format"]),
    )
    try:
        exports.ask(wish, by=request.viewer.actor, at=request.at, request=request.id)
    except exports.ExportRefused as refusal:
        form.add_error(None, str(refusal))
        return _exports(request, form, status=400)
    messages.success(request, "出力を依頼しました。ほかの担当者が承認すると作成します。")
    return redirect("exports")


@require_POST
@may_read
def approve_export(request: LoggedRequest, pk: int) -> HttpResponse:
    """Approve what somebody else asked for."""
    try:
        exports.approve(pk, by=request.viewer.actor, at=request.at, request=request.id)
    except exports.ExportRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "承認しました。まもなく作成します。")
    return redirect("exports")


@require_safe
@may_read
def export_file(request: LoggedRequest, pk: int) -> FileResponse:
    """Hand the file of an export out; who takes it is on the log first."""
    try:
        path = exports.fetch(pk, by=request.viewer.actor, at=request.at, request=request.id)
    except exports.ExportRefused as refusal:
        raise Http404 from refusal
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name)


def _exports(request: LoggedRequest, form: ExportForm, *, status: int = 200) -> HttpResponse:
    _consult(request, {"exports": "1"})
    mine = request.viewer.actor.person
    lines = [
        (each, each.is_ready(request.at), each.awaits_approval(request.at), each.asked_by == mine)
        for each in exports.latest()
    ]
    search = ConditionForm.of(QueryDict(form["query"].value() or ""))
    context = {
        "form": form,
        "lines": lines,
        "about": exports.in_words(search.condition(request.at)) if search.is_valid() else [],
        "most": settings.READ_LOG_EXPORT_ROWS,
    }
    return render(request, "audit/exports.html", context, status=status)


def _runs() -> dict[str, Any]:
    runs = integrity.runs()
    return {"runs": runs, "running": next((run for run in runs if run.running), None)}


def _consult(request: LoggedRequest, query: dict[str, str], *, action: Action = Action.READ_LOG) -> None:
    review.consult(query, by=request.viewer.actor, at=request.at, request=request.id, action=action)
