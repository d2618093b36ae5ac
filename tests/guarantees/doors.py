"""The product's pages and, beside them, views of a kind that future work may bring; they know only the read door."""

from collections.abc import Iterator
from itertools import chain

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import include, path
from django.views.decorators.http import require_safe

from accesscontrol.disclosure import WITHHELD
from accesscontrol.http import ViewerRequest
from accesscontrol.viewer import Viewer
from eigyo import inquiries
from eigyo.interpretation import Search, interpret
from eigyo.records import Results

ROWS_AT_A_TIME = 4


@require_safe
def export(request: ViewerRequest) -> StreamingHttpResponse:
    """Stream a search as lines, a few rows at a time; the first rows are on the log before the headers go."""
    asked = interpret(request.GET["q"], kind="", match="", own_only=False)
    first = inquiries.search(request.viewer, asked, rows=ROWS_AT_A_TIME)
    stream = chain([lines(first)], _others(request.viewer, asked, first))
    return StreamingHttpResponse(stream, content_type="text/csv; charset=utf-8")


def _others(viewer: Viewer, asked: Search, results: Results) -> Iterator[str]:
    while results.after:
        results = inquiries.search(viewer, asked, after=results.after, rows=ROWS_AT_A_TIME)
        yield lines(results)


def lines(results: Results) -> str:
    rows = (record.fields.values() for record in results.records)
    return "".join(
        "\t".join("閲覧対象外" if cell is WITHHELD else str(cell or "") for cell in row) + "\n"
        for row in rows
    )


@require_safe
def breaks(request: ViewerRequest, number: str) -> HttpResponse:
    """Read a point and fail with what was read in hand."""
    record = inquiries.open_point(request.viewer, number)
    raise ValueError(record.fields)


urlpatterns = [
    path("export/", export),
    path("breaks/<str:number>/", breaks),
    path("", include("config.urls")),
]
handler500 = "accesscontrol.views.server_error"
