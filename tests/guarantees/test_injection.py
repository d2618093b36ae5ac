"""A look-up page with a planted SQL injection on the retail side yields nothing hidden.

The page puts the search text into its statement and shows every row and every error. It stands in
the URLs of this test only, behind the same gate as the product's pages.
"""

import json
from collections.abc import Iterator

import psycopg
import pytest
from django.db import Error, connections, transaction
from django.http import HttpResponse
from django.urls import include, path
from psycopg.errors import InsufficientPrivilege

from tests.guarantees.report import report
from tests.people import HIDDEN_FROM_RETAIL, OTHER_LOW, Person

HIDDEN = HIDDEN_FROM_RETAIL
BEGINNING = "SELECT number, address, own::text FROM eigyo.supply_point WHERE number = '"

WRITING = " COMMIT; BEGIN READ WRITE;"

# Each would show a hidden value if the login could read it; `test_…_would_show` runs them as one that can.
TELLING = {
    "union": "' UNION SELECT number, holder_name, phone FROM eigyo.contract_other -- ",
    "union of the parent": "' UNION SELECT number, holder_name, phone FROM eigyo.contract -- ",
    "union of everything at once": (
        "' UNION SELECT string_agg(holder_name || phone, ','), '', '' FROM eigyo.contract_other -- "
    ),
    "another statement": "'; SELECT number, holder_name, phone FROM eigyo.contract_other -- ",
    "a statement after a commit": "'; COMMIT; SELECT number, holder_name, phone FROM eigyo.contract_other -- ",
    "a subselect": "' OR true UNION SELECT (SELECT max(holder_name) FROM eigyo.contract_other), '', '' -- ",
    "a row as text": "' UNION SELECT held::text, '', '' FROM eigyo.contract_other held -- ",
    "a row as JSON": "' UNION SELECT to_jsonb(held)::text, '', '' FROM eigyo.contract_other held -- ",
    "an error with the value": (
        "' OR (SELECT holder_name FROM eigyo.contract_other WHERE holder_name LIKE '秘密%' LIMIT 1)::int = 1 -- "
    ),
    "an error with the number in it": (
        "' OR (SELECT replace(phone, '-', '') || 'x' FROM eigyo.contract_other WHERE phone LIKE '022%')::int = 1 -- "
    ),
    "a lateral join": (
        "' UNION SELECT p.number, c.holder_name, c.phone FROM eigyo.supply_point p"
        " JOIN LATERAL (SELECT * FROM eigyo.contract c WHERE c.number = p.number) c ON true -- "
    ),
    "a materialized query": (
        "' UNION SELECT * FROM (WITH held AS MATERIALIZED (SELECT number, holder_name, phone"
        " FROM eigyo.contract_other) SELECT * FROM held) held -- "
    ),
    "the words of a text search": (
        "' UNION SELECT word, '', '' FROM ts_stat($$SELECT to_tsvector('simple', holder_name)"
        " FROM eigyo.contract_other$$) -- "
    ),
    "a cursor": (
        "'; DECLARE held CURSOR FOR SELECT number, holder_name, phone FROM eigyo.contract_other; FETCH ALL held -- "
    ),
    "a prepared statement": (
        "'; DEALLOCATE ALL; PREPARE held AS SELECT number, holder_name, phone FROM eigyo.contract_other;"
        " EXECUTE held -- "
    ),
    "a plan with its statistics": (
        "' UNION SELECT most_common_vals::text, histogram_bounds::text, '' FROM pg_stats"
        " WHERE tablename = 'contract_other' -- "
    ),
    "the planner's statistics of the parent": (
        "' UNION SELECT most_common_vals::text, histogram_bounds::text, '' FROM pg_stats"
        " WHERE tablename = 'contract' -- "
    ),
    "a changed row given back": (
        "'; COMMIT; BEGIN READ WRITE; UPDATE eigyo.contract SET phone = phone"
        " RETURNING number, holder_name, phone -- "
    ),
    "a point made own": (
        "'; COMMIT; BEGIN READ WRITE; UPDATE eigyo.supply_point SET own = true;"
        " UPDATE eigyo.contract SET own = true; SELECT number, holder_name, phone FROM eigyo.contract_own -- "
    ),
    "a grant to oneself": (
        "'; COMMIT; BEGIN READ WRITE; GRANT SELECT ON eigyo.contract_other TO eigyo_retail;"
        " SELECT number, holder_name, phone FROM eigyo.contract_other -- "
    ),
    "a table of one's own": (
        "'; COMMIT; BEGIN READ WRITE; CREATE TEMP TABLE kept AS SELECT * FROM eigyo.contract_other;"
        " SELECT number, holder_name, phone FROM kept -- "
    ),
    "a view in the way": (
        "'; COMMIT; BEGIN READ WRITE; CREATE VIEW eigyo.kept AS SELECT * FROM eigyo.contract_other;"
        " SELECT number, holder_name, phone FROM eigyo.kept -- "
    ),
    "a function that shadows another": (
        "'; COMMIT; BEGIN READ WRITE; CREATE FUNCTION eigyo.kept() RETURNS SETOF text LANGUAGE sql"
        " AS 'SELECT holder_name FROM eigyo.contract_other'; SELECT kept, '', '' FROM eigyo.kept() -- "
    ),
    "code": (
        "'; DO $$ DECLARE held text; BEGIN SELECT string_agg(holder_name, ',') INTO held FROM"
        " eigyo.contract_other; RAISE EXCEPTION '%', held; END $$ -- "
    ),
}
# What no login of the product can do; a login that could would stand above the grants.
BECOMING = {
    "a role set": "'; SET ROLE eigyo_nw; SELECT number, holder_name, phone FROM eigyo.contract -- ",
    "a role configured": (
        "' UNION SELECT set_config('role', 'eigyo_owner', false), holder_name, '' FROM eigyo.contract -- "
    ),
    "a session's user": "'; SET SESSION AUTHORIZATION eigyo_owner; TABLE eigyo.contract_other -- ",
    "a reset": "'; RESET ROLE; RESET SESSION AUTHORIZATION; TABLE eigyo.contract_other -- ",
    "a variable": "' UNION SELECT set_config('app.side', 'nw', false), holder_name, '' FROM eigyo.contract -- ",
    "the file of a table": (
        "' UNION SELECT encode(pg_read_binary_file(pg_relation_filepath('eigyo.contract_other')), 'escape'), '', '' -- "
    ),
    "a copy to a program": "'; COPY eigyo.contract_other TO PROGRAM 'cat' -- ",
    "a copy to a file": "'; COPY eigyo.contract_other TO '/dev/stdout' -- ",
    "a copy to the client": "'; COPY eigyo.contract_other TO STDOUT -- ",
    "a large object": "' UNION SELECT lo_from_bytea(0, holder_name::bytea)::text, '', '' FROM eigyo.contract_other -- ",
    "a second connection": "'; COMMIT; BEGIN READ WRITE; CREATE EXTENSION dblink; SELECT dblink_connect('dbname=eigyo') -- ",
    "sessions of others": "' UNION SELECT query, usename, '' FROM pg_stat_activity WHERE usename <> current_user -- ",
    "the statistics below": "' UNION SELECT stavalues1::text, '', '' FROM pg_statistic -- ",
    "passwords": "' UNION SELECT rolname, rolpassword, '' FROM pg_authid -- ",
    "the read log": "' UNION SELECT payload, '', '' FROM audit.entry -- ",
    "the registry": "' UNION SELECT number, pin_hash, '' FROM app.accesscontrol_card -- ",
    "an error that counts": (
        "' OR 1 / (SELECT count(*) FROM eigyo.contract_other WHERE name_key LIKE '秘密%') = 1 -- "
    ),
    "a wait that counts": (
        "' OR (SELECT pg_sleep(1) FROM eigyo.contract_other WHERE name_key LIKE '秘密%') IS NULL -- "
    ),
}


def planted(request) -> HttpResponse:
    """The fault: the text is put into the statement, and whatever comes of it is shown."""
    with connections["retail"].cursor() as cursor:
        return HttpResponse(_shown(cursor, request.GET.get("q", "")))


def _shown(cursor, text: str) -> str:
    """Run the statement with the text in it; return every result of it, or the error."""
    answers = []
    try:
        cursor.execute(f"{BEGINNING}{text}'")
        while True:
            if cursor.description:
                answers += cursor.fetchall()
            if not cursor.nextset():
                break
    except (Error, psycopg.Error) as error:
        answers.append([str(error), getattr(error.__cause__ or error, "sqlstate", "")])
    return json.dumps(answers, ensure_ascii=False, default=str)


urlpatterns = [path("planted/", planted), path("", include("config.urls"))]


@pytest.fixture
def clerk(town, owner, settings) -> Iterator[Person]:
    """A retail clerk in a house with the planted page, fresh statistics kept of every column."""
    settings.ROOT_URLCONF = __name__
    owner.execute("ANALYZE eigyo.contract, eigyo.contract_own, eigyo.contract_other")
    town.client("retail_clerk")
    yield town.people["retail_clerk"]
    connections["retail"].close()


def told(clerk: Person, payload: str) -> str:
    answer = clerk.gets("/planted/", data={"q": payload})
    assert answer.status_code == 200
    return answer.content.decode()


def echoed(text: str, payload: str) -> str:
    """The answer without what the attacker wrote."""
    return text if not any(word in payload for word in HIDDEN) else text.replace("秘密%", "")


def test_the_planted_page_really_is_a_hole(clerk):
    everything = told(clerk, "' OR true -- ")
    assert OTHER_LOW in everything
    own = told(clerk, "' UNION SELECT number, holder_name, phone FROM eigyo.contract_own -- ")
    assert "髙橋　花子" in own
    stacked = told(clerk, "'; SELECT 'stacked', current_user, session_user -- ")
    assert '["stacked", "eigyo_retail", "eigyo_retail"]' in stacked


@pytest.mark.parametrize("payload", TELLING)
def test_a_login_that_may_read_all_would_show_hidden_values_by_it(clerk, payload):
    """The payloads are real: run by the owner of the tables, each brings a hidden value out."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        text = _shown(cursor, TELLING[payload].replace(WRITING, "").replace(" COMMIT;", ""))
        transaction.set_rollback(True, using="owner")
    assert [hidden for hidden in HIDDEN if hidden in echoed(text, TELLING[payload])], text


@pytest.mark.parametrize("payload", TELLING | BECOMING)
def test_nothing_hidden_comes_out_of_it(clerk, payload):
    injected = (TELLING | BECOMING)[payload]
    text = told(clerk, injected)
    assert [hidden for hidden in HIDDEN if hidden in echoed(text, injected)] == []
    ((*_, outcome),) = json.loads(text)[-1:] or [["no row"]]
    assert outcome in {InsufficientPrivilege.sqlstate, "no row"} or "<insufficient privilege>" in text, text
    report("Injections through a planted retail page", "payload", "hidden values", "answer").add(
        payload, 0, outcome
    )


def test_the_page_beside_it_still_answers_rightly_on_the_same_connection(clerk):
    for payload in (TELLING | BECOMING).values():
        told(clerk, payload)
    body = clerk.gets(f"/points/{OTHER_LOW}/").content.decode()
    assert [hidden for hidden in HIDDEN if hidden in body] == []
