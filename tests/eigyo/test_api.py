"""Programs come through the same door: same terminal, card, masks, purpose and log as the pages."""

import pytest

from tests.people import (
    HIDDEN_FROM_RETAIL,
    OTHER_HIGH,
    OTHER_LOW,
    OTHER_VACANT,
    OWN_HIGH,
    OWN_LOW,
    PIN,
    UNKNOWN_NUMBER,
)

POINTS = "/api/v1/supply-points"


def test_a_program_signs_in_on_its_terminal_and_uses_its_token(region, read_log):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    given = {"card": clerk.card.number, "pin": PIN, "purpose": "contract_inquiry", "reference": "夜間照合"}
    answer = clerk.posts("/api/v1/sessions", given, content_type="application/json")
    assert answer.status_code == 201
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    record = clerk.gets(f"{POINTS}/{OTHER_HIGH}", headers=bearer).json()
    assert record["holder_name"] == "株式会社機密冷蔵"
    assert record["contract_capacity"] == {"amount": "999.000", "unit": "kW"}
    assert record["masked"] == []
    assert read_log.entries(action="open", point=OTHER_HIGH, purpose="contract_inquiry")


def test_a_token_is_worth_nothing_on_another_terminal(region):
    clerk = region.nw_clerk()
    token = clerk.client.cookies["eigyo_session"].value
    outsider = region.outsider()
    answer = outsider.get(f"{POINTS}/{OWN_LOW}", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in {401, 403}
    assert "髙橋" not in answer.content.decode()


def test_a_retail_program_gets_null_and_the_names_of_the_masked_fields(region):
    record = region.retail_clerk().gets(f"{POINTS}/{OTHER_LOW}").json()
    assert record["number"] == OTHER_LOW
    assert record["address"].startswith("宮城県")
    assert set(record["masked"]) == {
        "holder_name",
        "holder_kana",
        "phone",
        "voltage_class",
        "contract_capacity",
        "load_capacity",
        "breaker_capacity",
    }
    assert all(record[name] is None for name in record["masked"])


def test_a_vacant_point_of_others_answers_a_retail_program_as_an_occupied_one(region):
    clerk = region.retail_clerk()
    occupied, vacant = (
        clerk.gets(f"{POINTS}/{OTHER_HIGH}").json(),
        clerk.gets(f"{POINTS}/{OTHER_VACANT}").json(),
    )
    for record in (occupied, vacant):
        for own_to_the_point in ("number", "address", "log_number"):
            del record[own_to_the_point]
    assert occupied == vacant


def test_a_search_gives_rows_count_and_cursors(region):
    clerk = region.nw_clerk()
    first = clerk.gets(POINTS, data={"q": "0210", "rows": 4}).json()
    assert (first["kind"], first["match"], first["count"], first["exact"]) == ("number", "prefix", 6, True)
    assert first["previous"] is None
    rest = clerk.gets(POINTS, data={"q": "0210", "rows": 4, "after": first["next"]}).json()
    assert rest["next"] is None
    assert len({row["number"] for row in first["results"] + rest["results"]}) == 6


def test_a_retail_program_cannot_find_others_by_their_values(region):
    clerk = region.retail_clerk()
    for words in HIDDEN_FROM_RETAIL[:4]:
        answer = clerk.gets(POINTS, data={"q": words})
        assert answer.json()["results"] == []
        assert answer.json()["count"] == 0


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({}, {"q"}),
        ({"q": ""}, {"q"}),
        ({"q": "x", "kind": "retailer"}, {"kind"}),
        ({"q": "x", "rows": 51, "after": "1"}, {"rows", "after"}),
    ],
)
def test_bad_parameters_are_each_named_in_a_problem_document(region, query, fields):
    answer = region.nw_clerk().gets(POINTS, data=query)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {error["field"] for error in answer.json()["errors"]} == fields


@pytest.mark.parametrize("number", [UNKNOWN_NUMBER, "abc", "0", "%00"])
def test_a_number_that_does_not_exist_is_a_problem_404(region, number):
    answer = region.nw_clerk().gets(f"{POINTS}/{number}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "この番号の供給地点はありません。"


@pytest.mark.parametrize("who", ["officer", "terminal_admin", "card_desk", "auditor"])
def test_office_duties_get_no_customer_from_the_api(region, who):
    person = region.person(who).sits_at(region.office_terminal).signs_in("other")
    answer = person.gets(f"{POINTS}/{OWN_LOW}")
    assert answer.status_code == 403
    assert answer.json()["title"] == "照会できません"
    assert answer.json()["detail"] == "いまの所属の業務では、お客さま情報を照会できません。"
    assert "髙橋" not in answer.content.decode()


def test_a_wrong_pair_is_refused_with_its_code(region):
    clerk = region.person("retail_clerk").sits_at(region.nw_terminal)
    given = {"card": clerk.card.number, "pin": PIN, "purpose": "contract_inquiry", "reference": "夜間照合"}
    answer = clerk.posts("/api/v1/sessions", given, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["code"] == "C-201"


def test_a_program_says_what_it_looks_customers_up_for(region):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    given = {"card": clerk.card.number, "pin": PIN, "purpose": "outage"}
    refused = clerk.posts("/api/v1/sessions", given, content_type="application/json")
    assert refused.json()["errors"][0]["field"] == "reference"
    given["reference"] = "T-77"
    assert clerk.posts("/api/v1/sessions", given, content_type="application/json").status_code == 201


def test_a_program_needs_a_reference_only_where_the_page_needs_one(region):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    given = {"card": clerk.card.number, "pin": PIN, "purpose": "contract_inquiry"}
    assert clerk.posts("/api/v1/sessions", given, content_type="application/json").status_code == 201
    for blank in ("", "　 "):
        given |= {"purpose": "supply_start", "reference": blank}
        refused = clerk.posts("/api/v1/sessions", given, content_type="application/json")
        assert refused.status_code == 400
        assert refused.json()["errors"] == [
            {"field": "reference", "message": "この利用目的では受付番号を入力してください。"}
        ]


def test_an_officers_program_cannot_claim_a_clerks_purpose(region, read_log):
    officer = region.person("officer").sits_at(region.office_terminal)
    given = {"card": officer.card.number, "pin": PIN, "purpose": "contract_inquiry"}
    refused = officer.posts("/api/v1/sessions", given, content_type="application/json")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "purpose"
    assert officer.session is None
    (entry,) = read_log.entries(action="sign_in")
    assert (entry["outcome"], entry["reasons"], entry["person"]) == ("refused", ["C-002"], "N-10002")


def test_own_only_holds_for_every_kind_of_search(region):
    clerk = region.nw_clerk()
    for words, kind in (("カブシキ", "kana"), ("0210", "number"), ("岩手県", "address")):
        rows = clerk.gets(POINTS, data={"q": words, "kind": kind, "own": "true"}).json()["results"]
        assert all(row["own"] for row in rows), kind
    assert clerk.gets(POINTS, data={"q": "カブシキ", "kind": "kana", "own": "true"}).json()["count"] == 1


def test_wrong_pin_and_unknown_card_get_the_same_problem(region):
    clerk = region.person("nw_clerk").sits_at(region.nw_terminal)
    answers = [
        clerk.posts(
            "/api/v1/sessions",
            {"card": card, "pin": "000111", "purpose": "night_duty", "reference": "夜間照合"},
            content_type="application/json",
        )
        for card in (clerk.card.number, "9999999999")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_other_methods_are_refused_as_problems(region, method):
    clerk = region.nw_clerk()
    answer = getattr(clerk.client, method)(f"{POINTS}/{OWN_HIGH}")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_no_field_about_the_retailer_exists_in_the_description(region):
    document = region.nw_clerk().gets("/api/v1/openapi.json", data={"format": "json"}).content.decode()
    assert "retailer" not in document
    assert "wheeling" not in document
