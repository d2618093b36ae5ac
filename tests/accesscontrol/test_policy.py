"""The policy matrix is 参考1 of the notice, cell by cell, and nothing more."""

import pytest

from accesscontrol.clearance import Clearance, Level, Side
from accesscontrol.policy import FIELDS, MATRIX, Item, Rule, rule, shows
from eigyo import grants

NOTICE = [
    ("供給地点特定番号", Rule.ALL, Rule.ALL),
    ("契約名義", Rule.ALL, Rule.OWN),
    ("供給地点住所", Rule.ALL, Rule.ALL),
    ("電話番号", Rule.ALL, Rule.OWN),
    ("契約容量・負荷設備容量・主開閉器容量", Rule.ALL, Rule.OWN),
    ("契約先小売電気事業者", Rule.NEVER, Rule.NEVER),
    ("託送契約情報", Rule.NEVER, Rule.NEVER),
]


def test_the_matrix_has_the_seven_rows_of_the_notice_and_no_other():
    assert [(item.value, row[Side.NW], row[Side.RETAIL]) for item, row in MATRIX.items()] == NOTICE
    assert all(set(row) == {Side.NW, Side.RETAIL} for row in MATRIX.values())


@pytest.mark.parametrize("side", [Side.ANY, Side.NOBODY])
@pytest.mark.parametrize("field", FIELDS)
def test_no_other_side_sees_any_field(field, side):
    assert rule(field, side) is Rule.NEVER
    assert not shows(field, Clearance(side, Level.FULL), own=True)


@pytest.mark.parametrize("side", [Side.NW, Side.RETAIL])
def test_a_field_that_is_not_listed_is_shown_to_nobody(side):
    assert not shows("retailer_name", Clearance(side, Level.FULL), own=True)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("level", [Level.OUTAGE, Level.NONE])
def test_a_lowered_level_shows_no_field_of_the_matrix(field, level):
    assert not shows(field, Clearance(Side.NW, level), own=True)


def test_retail_sees_exactly_number_and_address_of_points_that_are_not_own():
    retail = Clearance(Side.RETAIL, Level.FULL)
    assert {field for field in FIELDS if shows(field, retail, own=False)} == {
        "number",
        "address",
        "postal_code",
    }
    assert all(shows(field, retail, own=True) for field in FIELDS)


def test_every_field_has_its_columns_in_the_database_grants():
    assert set(grants.POINT_COLUMNS) | set(grants.CONTRACT_COLUMNS) == set(FIELDS)
    assert not set(grants.POINT_COLUMNS) & set(grants.CONTRACT_COLUMNS)


def test_no_item_about_the_retailer_has_a_field_at_all():
    assert not {Item.RETAILER, Item.WHEELING} & set(FIELDS.values())
