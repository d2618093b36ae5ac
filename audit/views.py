"""The officer's pages on the read log. Every one of these reads is on the log itself."""

from typing import Any, Protocol

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit import chart, log, queries
from audit.choices import Action, Outcome
from audit.entry import Actor, Entry
from audit.forms import ConditionForm

ROWS = 50


class _Viewer(Protocol):
    @property
    def actor(self) -> Actor: ...


class LoggedRequest(HttpRequest):
    """A request whose viewer can say who acts; the gate has put it there."""

    id: str
    at: Any
    viewer: _Viewer


@require_safe
@permission_required("audit.read_log", raise_exception=True)
def reads(request: LoggedRequest) -> HttpResponse:
    """Search the read log."""
    form = ConditionForm(request.GET or None)
    if form.is_bound and not form.is_valid():
        return render(request, "audit/reads.html", {"form": form}, status=400)
    if not form.is_bound:
        form = ConditionForm({})
        form.is_valid()
    condition = form.condition(request.at)
    _note(request, condition.chosen())
    page = queries.search(condition, cursor=request.GET.get("older"), rows=ROWS)
    days = queries.by_day(condition)
    context = {
        "form": form,
        "condition": condition,
        "page": page,
        "older_query": _with(request, older=page.older) if page.older else "",
        "newest_query": _with(request) if request.GET.get("older") else "",
        "figures": queries.figures(condition),
        "chart": chart.daily(days),
        "covered_since": queries.covered_since(),
    }
    return render(request, "audit/reads.html", context)


@require_safe
@permission_required("audit.read_log", raise_exception=True)
def read(request: LoggedRequest, number: int) -> HttpResponse:
    """Show one entry whole."""
    _note(request, {"entry": str(number)})
    line = queries.entry(number)
    if line is None:
        raise Http404
    return render(request, "audit/read.html", {"line": line})


def _note(request: LoggedRequest, query: dict[str, str]) -> None:
    """Put the officer's own read on the log before anything of it is shown."""
    entry = Entry(
        actor=request.viewer.actor,
        action=Action.READ_LOG,
        outcome=Outcome.ALLOWED,
        at=request.at,
        request=request.id,
        query=query,
    )
    log.append([entry])


def _with(request: HttpRequest, **changes: str) -> str:
    query = request.GET.copy()
    query.pop("older", None)
    for name, value in changes.items():
        query[name] = value
    return query.urlencode()
