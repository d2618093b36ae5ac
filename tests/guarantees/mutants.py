"""Planted leaks: what a careless programmer might write, applied to the real code while a test runs.

Where the login role of the retail side refuses, the leak uses an alias of more rights, as somebody in
a hurry would. Each names the channel it must be noticed in, so that a slip in another does not count.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.loader import get_template
from structlog.stdlib import get_logger

from accesscontrol import disclosure
from accesscontrol import views as people_pages
from accesscontrol.clearance import Side
from eigyo import api, inquiries, queries, records, views
from eigyo.choices import SearchKind

Plant = Callable[[pytest.MonkeyPatch], None]
_CONTRACT = "SELECT {} FROM contract WHERE number = %s"


@dataclass(frozen=True)
class Mutant:
    """A leak, and where it has to be noticed by whom."""

    name: str
    plant: Plant
    channel: str
    viewer: str


MUTANTS: list[Mutant] = []


def leaks_into(channel: str, viewer: str = "retail_clerk") -> Callable[[Plant], Plant]:
    """Register a planted leak under the name of its function."""

    def register(plant: Plant) -> Plant:
        MUTANTS.append(Mutant(plant.__name__.replace("_", " "), plant, channel, viewer))
        return plant

    return register


def hidden(number: str, column: str = "holder_name", alias: str = "nw"):
    """Read a column of any contract, as the other side's login."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_CONTRACT.format(column), [number])
        row = cursor.fetchone()
    return row[0] if row else None


def unseen(number: str, column: str):
    """Read a column of any contract past all that watches statements."""
    connections["nw"].ensure_connection()
    row = connections["nw"].connection.execute(_CONTRACT.format(column), [number]).fetchone()
    return row[0] if row else None


def hits(asked) -> list[tuple[str, str, str]]:
    """Search every contract, as the other side's login."""
    source, where, values = queries._condition(Side.NW, replace(asked, own_only=False))
    if source != "contract" or not asked.key:
        return []
    with connections["nw"].cursor() as cursor:
        cursor.execute(
            f"SELECT number, holder_name, voltage_class FROM contract WHERE {where} ORDER BY number", values
        )
        return cursor.fetchall()


def around(patch: pytest.MonkeyPatch, owner: object, name: str, wrap: Callable) -> None:
    """Replace a function by one that is given the original first."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda *given, **named: wrap(original, *given, **named))


def on_record_pages(patch: pytest.MonkeyPatch, change: Callable[[HttpResponse, str], None]) -> None:
    """Change the answer of the record pages, knowing the point."""

    def changed(original, request, number, template, action):
        response = original(request, number, template, action)
        change(response, number)
        return response

    around(patch, views, "_record_page", changed)


def fetch_everything(patch: pytest.MonkeyPatch) -> None:
    """Read contracts of all points and trust in the masks alone."""

    def everything(original, cursor, side, numbers):
        with connections["nw"].cursor() as privileged:
            return original(privileged, Side.NW, numbers)

    around(patch, queries, "_points", everything)


@leaks_into("body")
def filter_on_the_other_partition(patch):
    patch.setitem(queries.ALIASES, Side.RETAIL, "nw")
    patch.setitem(queries.CONTRACTS, Side.RETAIL, "contract")


@leaks_into("body")
def count_over_both_partitions(patch):
    def count(original, cursor, source, where, values, limit):
        with connections["nw"].cursor() as privileged:
            source, where = (text.replace("contract_own", "contract") for text in (source, where))
            return original(privileged, source, where, values, limit)

    around(patch, queries, "_count", count)


@leaks_into("body")
def order_by_a_hidden_name(patch):
    def ordered(original, *given, **named):
        found = original(*given, **named)
        return replace(found, rows=sorted(found.rows, key=lambda row: hidden(row.number) or ""))

    around(patch, queries, "page", ordered)


@leaks_into("body")
def order_as_rows_lie_on_disk(patch):
    def ordered(original, *given, **named):
        found = original(*given, **named)
        with connections["feed"].cursor() as cursor:
            cursor.execute("SELECT number FROM supply_point ORDER BY ctid")
            places = [row[0] for row in cursor.fetchall()]
        return replace(found, rows=sorted(found.rows, key=lambda row: places.index(row.number)))

    around(patch, queries, "page", ordered)


@leaks_into("body")
def place_of_a_cursor_from_a_hidden_row(patch):
    def position(original, cursor, source, order, number):
        with connections["nw"].cursor() as privileged:
            return original(privileged, source.replace("contract_own", "contract"), order, number)

    around(patch, queries, "_position", position)


@leaks_into("body")
def cursor_built_from_a_hidden_value(patch):
    def turned(original, base, direction, cursor):
        query = original(base, direction, cursor)
        return f"{query}&from={hidden(cursor, 'name_key')}" if query else ""

    around(patch, views, "_turned", turned)


@leaks_into("status")
def unknown_cursor_is_an_error(patch):
    def search(original, viewer, asked, *, after="", before="", rows=None):
        if (cursor := after or before) and hidden(cursor) is None:
            raise PermissionDenied
        return original(viewer, asked, after=after, before=before, rows=rows)

    around(patch, inquiries, "search", search)


@leaks_into("body")
def mask_as_long_as_the_value(patch):
    fetch_everything(patch)
    _mask_by(patch, lambda value: "●" * len(str(value or "")))


@leaks_into("body")
def no_mask_where_there_is_no_value(patch):
    fetch_everything(patch)
    _mask_by(patch, lambda value: None if value is None else disclosure.WITHHELD)


def _mask_by(patch: pytest.MonkeyPatch, mask: Callable) -> None:
    def decide(original, viewer, subject, fields):
        shown = original(viewer, subject, fields)
        withheld = {name for name, value in shown.items() if value is disclosure.WITHHELD}
        return {
            name: mask(subject.values.get(name)) if name in withheld else value
            for name, value in shown.items()
        }

    around(patch, disclosure, "_decide", decide)


@leaks_into("body")
def template_given_the_row_itself(patch):
    def point_page(original, request, number, template, action):
        response = original(request, number, template, action)
        response.content = response.content.replace(
            b'<span class="mask">', f'<span class="mask" title="{hidden(number)}">'.encode()
        )
        return response

    around(patch, views, "_record_page", point_page)


@leaks_into("status")
def forbidden_where_there_is_a_contract(patch):
    def open_point(original, viewer, number, **named):
        found = original(viewer, number, **named)
        if found is not None and found.masked and hidden(number) is not None:
            raise PermissionDenied
        return found

    around(patch, inquiries, "open_point", open_point)


@leaks_into("status")
def not_found_where_there_is_no_contract(patch):
    def open_point(original, viewer, number, **named):
        found = original(viewer, number, **named)
        return None if found is not None and hidden(number) is None else found

    around(patch, inquiries, "open_point", open_point)


@leaks_into("status", viewer="officer")
def existence_told_before_the_right_to_ask(patch):
    def open_point(original, viewer, number, **named):
        with connections["nw"].cursor() as cursor:
            cursor.execute("SELECT number FROM supply_point WHERE number = %s", [number])
            return original(viewer, number, **named) if cursor.fetchone() else None

    around(patch, inquiries, "open_point", open_point)


@leaks_into("headers")
def etag_of_the_row(patch):
    def tag(response, number):
        row = hidden(number, "contract::text", alias="feed")
        response["ETag"] = f'"{hashlib.sha256(str(row).encode()).hexdigest()}"'

    on_record_pages(patch, tag)


@leaks_into("headers")
def last_modified_of_the_row(patch):
    def stamp(response, number):
        version = int(str(hidden(number, "xmin", alias="feed") or 0))
        response["Last-Modified"] = f"Wed, 15 Apr 2026 00:{version // 60 % 60:02}:{version % 60:02} GMT"

    on_record_pages(patch, stamp)


@leaks_into("headers")
def size_of_the_print_before_masking(patch):
    def size(response, number):
        response["X-Print-Size"] = str(len(response.content) + len(hidden(number) or ""))

    on_record_pages(patch, size)


@leaks_into("headers")
def holder_remembered_in_a_cookie(patch):
    on_record_pages(
        patch,
        lambda response, number: response.set_cookie("recent", str(len(hidden(number, "holder_kana") or ""))),
    )


@leaks_into("body")
def suggestion_from_all_names(patch):
    around(
        patch,
        views,
        "_readings",
        lambda original, asked: [
            *original(asked),
            *(views.Reading(f"もしかして {name}", "") for _, name, _ in hits(asked)),
        ],
    )


@leaks_into("body")
def readings_offered_only_where_they_hit(patch):
    around(
        patch,
        views,
        "_readings",
        lambda original, asked: original(asked) if hits(asked) else [],
    )


@leaks_into("status")
def duplicate_check_of_a_telephone(patch):
    def interpreted(original, text, **named):
        asked = original(text, **named)
        if asked.kind is SearchKind.PHONE and hits(asked):
            raise views.NotSearchable("この電話番号は登録済みです。")
        return asked

    around(patch, views, "interpret", interpreted)
    around(patch, api, "interpret", interpreted)


@leaks_into("body")
def echo_of_the_match(patch):
    def interpreted(original, text, **named):
        asked = original(text, **named)
        found = hits(asked)
        return replace(asked, text=found[0][1]) if found else asked

    around(patch, views, "interpret", interpreted)


@leaks_into("status")
def redirect_on_a_single_hit(patch):
    def rendered(original, request, template, context, **named):
        found = hits(context["results"].search) if "results" in context else []
        return (
            redirect("point", found[0][0])
            if len(found) == 1
            else original(request, template, context, **named)
        )

    around(patch, views, "render", rendered)


@leaks_into("body")
def facet_of_voltage_classes(patch):
    def label(results):
        classes = sorted(voltage for _, _, voltage in hits(results.search))
        return f"{results.count}件（{', '.join(classes)}）"

    patch.setattr(records.Results, "count_label", property(label))


@leaks_into("body")
def masked_names_only_what_has_a_value(patch):
    def plain(original, record):
        made = original(record)
        kept = [name for name in made["masked"] if hidden(record.number, name) not in (None, "")]
        return made | {"masked": kept}

    around(patch, api, "plain", plain)


@leaks_into("statements")
def rows_of_the_other_side_fetched_and_masked(patch):
    fetch_everything(patch)


@leaks_into("statements")
def one_more_statement_for_a_hidden_row(patch):
    def open_point(original, viewer, number, **named):
        if hidden(number) is not None:
            hidden(number, "phone")
        return original(viewer, number, **named)

    around(patch, inquiries, "open_point", open_point)


@leaks_into("statements")
def hidden_voltage_class_on_the_read_log(patch):
    around(
        patch,
        disclosure,
        "_voltage_class",
        lambda original, viewer, subject: str(unseen(subject.point, "voltage_class") or ""),
    )


@leaks_into("lines")
def value_in_the_log_of_the_process(patch):
    logger = get_logger("eigyo.views")
    on_record_pages(patch, lambda response, number: logger.info("opened", holder=hidden(number)))


@leaks_into("body")
def not_found_page_with_a_hint(patch):
    def stopped(original, request, status, title, detail):
        with connections["nw"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM contract")
            return original(request, status, title, f"{detail}（全{cursor.fetchone()[0]}契約）")

    around(patch, people_pages, "_stopped", stopped)


@leaks_into("body")
def mask_component_with_a_hint(patch):
    fetch_everything(patch)
    seen: list[str] = []

    def decide(original, viewer, subject, fields):
        seen.append(str(subject.values.get("phone")))
        return original(viewer, subject, fields)

    around(patch, disclosure, "_decide", decide)
    mask = get_template("components/mask.html").template
    around(patch, mask, "_render", lambda original, context: original(context) + f"<!-- {seen[-1][-4:]} -->")
