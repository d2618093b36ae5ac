"""照会: the read door. The only way from a viewer to a customer row.

Each call fetches as the login role of the viewer's side, lets `disclosure` decide and log every
row, and returns plain values.
"""

import hashlib
import hmac
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied

from accesscontrol import disclosure
from accesscontrol.policy import FIELDS
from accesscontrol.viewer import Viewer
from audit.choices import Action
from eigyo import queries
from eigyo.interpretation import NUMBER_DIGITS, Search
from eigyo.records import CAPACITIES, Record, Results, quantity, record

LIST_FIELDS = ("number", "address", "holder_name", "contract_capacity")
RECORD_FIELDS = tuple(FIELDS)


def search(
    viewer: Viewer, asked: Search, *, after: str = "", before: str = "", rows: int | None = None
) -> Results:
    """Return one page of a search, every row of it logged as read.

    Raises PermissionDenied when the viewer's clearance shows no customer information,
    disclosure.SideUnavailable when this process does not serve the side, audit.log.LogUnavailable.
    """
    _must_inquire(viewer)
    page = queries.NOTHING
    if asked.key:
        page = queries.page(
            viewer.clearance.side,
            asked,
            after=after,
            before=before,
            rows=rows or settings.PAGE_ROWS,
            exact_limit=settings.EXACT_COUNT_LIMIT,
        )
    disclosed = disclosure.disclose(
        viewer,
        [_subject(found) for found in page.rows],
        fields=LIST_FIELDS,
        action=Action.LIST,
        query=_query(asked),
    )
    records = [record(row) for row in disclosed]
    return Results(
        search=asked,
        records=records,
        count=page.count,
        exact=page.exact,
        after=records[-1].number if page.more_after and records else "",
        before=records[0].number if page.more_before and records else "",
    )


def open_point(viewer: Viewer, number: str, *, action: Action = Action.OPEN) -> Record | None:
    """Return one point with every field the viewer may see, or None when the number does not exist."""
    _must_inquire(viewer)
    if len(number) != NUMBER_DIGITS or not number.isascii() or not number.isdigit():
        return None
    found = queries.point(viewer.clearance.side, number)
    subjects = [_subject(found)] if found else []
    query = {} if found else {"kind": "number", "match": "exact", "key": _hashed(number)}
    disclosed = disclosure.disclose(viewer, subjects, fields=RECORD_FIELDS, action=action, query=query)
    return record(disclosed[0]) if disclosed else None


def _must_inquire(viewer: Viewer) -> None:
    if not viewer.clearance.shows_customers or not viewer.purpose:
        raise PermissionDenied


def _subject(found: queries.Found) -> disclosure.Subject:
    values: dict[str, Any] = dict(found.values)
    for name in CAPACITIES:
        values[name] = quantity(values.get(name), values.get(f"{name}_unit"))
    return disclosure.Subject(found.number, found.own, values)


def _query(asked: Search) -> dict[str, str]:
    """Return how was searched, the term as a keyed hash: terms are personal data."""
    return {
        "kind": asked.kind.value,
        "match": asked.match.value,
        "key": _hashed(asked.key),
        "own_only": "true" if asked.own_only else "false",
    }


def _hashed(term: str) -> str:
    return hmac.new(settings.QUERY_HASH_KEY.encode(), term.encode(), hashlib.sha256).hexdigest()
