"""The look-up pages: one call through the read door each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accesscontrol.disclosure import note_own_reads
from accesscontrol.http import ViewerRequest, verdict
from audit import queries as readings
from audit.choices import Action, Purpose
from eigyo import inquiries
from eigyo.choices import SearchKind
from eigyo.interpretation import NotSearchable, Search, alternatives, interpret, matches
from eigyo.records import Record, Results, groups

OWN_READS_ROWS = 200
OWN_READS_PERIOD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Reading:
    """Another way to read the same text, as a link."""

    meaning: str
    query: str


@require_safe
def points(request: ViewerRequest) -> HttpResponse:
    """Search, list, and show the point chosen beside the list."""
    text = request.GET.get("q", "")
    context: dict[str, Any] = {"text": text, "point_kinds": [SearchKind.NUMBER, SearchKind.ADDRESS]}
    if not text.strip():
        return render(request, "eigyo/points.html", context)
    try:
        asked = interpret(
            text,
            kind=request.GET.get("kind", ""),
            match=request.GET.get("match", ""),
            own_only="own" in request.GET,
        )
    except NotSearchable as error:
        return render(request, "eigyo/points.html", context | {"error": str(error)}, status=400)
    results = inquiries.search(
        request.viewer,
        asked,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    return render(request, "eigyo/points.html", context | _listing(request, results) | _selected(request))


@require_safe
def point(request: ViewerRequest, number: str) -> HttpResponse:
    """Show one point."""
    return _record_page(request, number, "eigyo/point.html", Action.OPEN)


@require_safe
def print_point(request: ViewerRequest, number: str) -> HttpResponse:
    """Show one point for printing; printing is an action of its own on the log."""
    return _record_page(request, number, "eigyo/print.html", Action.PRINT)


@require_safe
def own_reads(request: ViewerRequest) -> HttpResponse:
    """Show a person's own look-ups of the last 30 days; they name points, so this too is on the log first."""
    since = request.at - OWN_READS_PERIOD
    note_own_reads(request.viewer, since=since)
    reads = readings.own_readings(request.viewer.card.staff_number, since=since, rows=OWN_READS_ROWS)
    lines = [
        {
            "logged_at": read.logged_at,
            "point": read.point,
            "groups": groups(read.point),
            "action": Action(read.action).label,
            "purpose": Purpose(read.purpose).label if read.purpose else "",
            "fields": len(read.fields),
        }
        for read in reads
    ]
    return render(
        request,
        "eigyo/own_reads.html",
        {"reads": lines, "since": since, "limit": OWN_READS_ROWS},
    )


def _record_page(request: ViewerRequest, number: str, template: str, action: Action) -> HttpResponse:
    record = inquiries.open_point(request.viewer, number, action=action)
    if record is None:
        raise Http404
    context = {
        "record": record,
        "verdict": verdict(request.viewer.clearance),
        "times_opened": _times_opened(request, record),
        "back": _list_url(request),
    }
    return render(request, template, context)


def _listing(request: ViewerRequest, results: Results) -> dict[str, Any]:
    asked = results.search
    base = _query(asked)
    own = _query(asked, own_only=not asked.own_only)
    return {
        "results": results,
        "readings": _readings(asked),
        "own_filter": own.urlencode() if asked.kind in {SearchKind.NUMBER, SearchKind.ADDRESS} else "",
        "panel_query": base.urlencode(),
        "after_query": _turned(base, "after", results.after),
        "before_query": _turned(base, "before", results.before),
    }


def _selected(request: ViewerRequest) -> dict[str, Any]:
    number = request.GET.get("sel", "")
    record = inquiries.open_point(request.viewer, number) if number else None
    if record is None:
        return {}
    return {
        "selected": record,
        "selected_number": record.number,
        "times_opened": _times_opened(request, record),
    }


def _readings(asked: Search) -> list[Reading]:
    found = [
        Reading(f"{asked.kind.label}（{match.label}）", _query(asked, match=match.value).urlencode())
        for match in matches(asked)
        if match is not asked.match
    ]
    return found + [Reading(other.meaning, _query(other).urlencode()) for other in alternatives(asked)]


def _query(asked: Search, **changes: Any) -> QueryDict:
    query = QueryDict(mutable=True)
    query["q"], query["kind"] = asked.text, asked.kind.value
    query["match"] = changes.get("match", asked.match.value)
    if changes.get("own_only", asked.own_only):
        query["own"] = "1"
    return query


def _turned(base: QueryDict, direction: str, cursor: str) -> str:
    if not cursor:
        return ""
    query = base.copy()
    query[direction] = cursor
    return query.urlencode()


def _times_opened(request: ViewerRequest, record: Record) -> int:
    month = _start_of_month(request.at)
    return readings.times_opened(request.viewer.card.staff_number, record.number, since=month)


def _start_of_month(at: datetime) -> datetime:
    return timezone.localtime(at).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _list_url(request: ViewerRequest) -> str:
    came_from = request.headers.get("Referer", "")
    prefix = f"{request.scheme}://{request.get_host()}/points/?"
    return came_from.removeprefix(prefix[: -len("/points/?")]) if came_from.startswith(prefix) else "/points/"
