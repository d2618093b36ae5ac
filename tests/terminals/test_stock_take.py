"""A stock-take: the room first, then everything in it; what differs is listed at once."""

import re

import pytest
from django.utils import timezone

from terminals.lifecycle import stock_takes
from terminals.models import Sighting, StockTake
from tests.people import Person, make_terminal
from tests.terminals.pages import refused, text


@pytest.fixture
def segawa(region) -> Person:
    return region.person("terminal_contractor").sits_at(region.contractor_terminal).signs_in("registry")


def begins(by: Person, **given) -> StockTake:
    answer = by.posts("/stock-takes/begin/", given)
    assert answer.status_code == 302, text(answer)
    return StockTake.objects.get(pk=int(answer.headers["Location"].split("/")[-2]))


def reads(by: Person, stock_take: StockTake, *codes: str) -> None:
    for code in codes:
        answer = by.posts(f"/stock-takes/{stock_take.pk}/codes/", {"code": code})
        assert answer.headers["Location"] == f"/stock-takes/{stock_take.pk}/"


def test_lists_what_is_as_expected_elsewhere_missing_and_unknown(region, segawa):
    make_terminal("NW-0119", "nw", region.nw, region.places["nw"])
    going_on = begins(segawa, place=region.places["nw"].pk)
    reads(segawa, going_on, "NW-0118", "RT-0412", "9999")
    found = stock_takes.difference(going_on, timezone.now())
    assert [each.terminal.number for each in found.as_expected] == ["NW-0118"]
    assert [each.terminal.number for each in found.elsewhere] == ["RT-0412"]
    assert [each.terminal.number for each in found.not_found] == ["NW-0119"]
    assert [each.code for each in found.unknown] == ["9999"]
    page = text(segawa.gets(f"/stock-takes/{going_on.pk}/"))
    assert "合同庁舎 3F 営業所" in page
    counts = re.findall(r"<dd>(\d+)<small>", page)
    assert counts == ["1", "1", "1", "1"]


def test_begins_where_the_plate_at_the_door_is_read(region, segawa):
    going_on = begins(segawa, plate=f"ｐ-{region.places['office'].pk:04d}")
    assert going_on.place == region.places["office"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "いまいる室・区画を読み取るか"),
        ({"plate": "P-9999999"}, "この番号の室・区画はありません"),
        ({"plate": "玄関"}, "この番号の室・区画はありません"),
    ],
)
def test_begins_nowhere_without_a_room(region, segawa, given, message):
    refused(segawa.posts("/stock-takes/begin/", given), message)
    assert not StockTake.objects.exists()


def test_goes_on_with_the_one_that_is_open_in_the_same_room(region, segawa):
    first = begins(segawa, place=region.places["nw"].pk)
    assert begins(segawa, place=region.places["nw"].pk) == first


@pytest.mark.parametrize("code", ["NW-0118", "nw-0118", "ＮＷ－０１１８", " A-NW-0118 ", "S-NW-0118"])
def test_any_code_on_the_device_finds_it_however_the_reader_types(region, segawa, code):
    going_on = begins(segawa, place=region.places["nw"].pk)
    reads(segawa, going_on, code)
    assert Sighting.objects.get().terminal == region.nw_terminal


def test_a_code_read_twice_counts_once_and_so_does_another_code_of_the_same_device(region, segawa):
    going_on = begins(segawa, place=region.places["nw"].pk)
    reads(segawa, going_on, "NW-0118", "NW-0118", "A-NW-0118")
    assert Sighting.objects.count() == 1


@pytest.mark.parametrize("code", ["", "   ", "9" * 41, "\x00"])
def test_what_is_no_code_is_refused_beside_the_field(region, segawa, code):
    going_on = begins(segawa, place=region.places["nw"].pk)
    body = refused(
        segawa.posts(f"/stock-takes/{going_on.pk}/codes/", {"code": code}), "どれかを読み取ってください"
    )
    assert 'id="code"' in body
    assert not Sighting.objects.exists()


def test_finished_takes_no_more_codes_and_keeps_its_result(region, segawa):
    going_on = begins(segawa, place=region.places["nw"].pk)
    reads(segawa, going_on, "NW-0118")
    segawa.posts(f"/stock-takes/{going_on.pk}/finish/")
    refused(segawa.posts(f"/stock-takes/{going_on.pk}/codes/", {"code": "RT-0412"}), "終わっています")
    page = text(segawa.gets(f"/stock-takes/{going_on.pk}/"))
    assert 'id="code"' not in page
    assert "登録どおり" in page
    assert Sighting.objects.count() == 1


def test_the_terminals_page_shows_where_it_was_found(region, segawa):
    going_on = begins(segawa, place=region.places["office"].pk)
    reads(segawa, going_on, "NW-0118")
    page = text(segawa.gets(f"/terminals/{region.nw_terminal.pk}/"))
    assert 'class="differs"' in page
    assert "合同庁舎 5F 情報管理室" in page


def test_the_auditor_reads_and_changes_nothing(region, segawa):
    going_on = begins(segawa, place=region.places["nw"].pk)
    auditor = region.person("auditor").sits_at(region.office_terminal).signs_in("log_review")
    assert 'id="code"' not in text(auditor.gets(f"/stock-takes/{going_on.pk}/"))
    for address in ("begin/", f"{going_on.pk}/codes/", f"{going_on.pk}/finish/"):
        assert auditor.posts(f"/stock-takes/{address}", {"code": "NW-0118"}).status_code == 403
    assert not Sighting.objects.exists()
