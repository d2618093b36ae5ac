"""One box: how a text is read, and how the reading can be changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigyo.choices import Match, SearchKind
from eigyo.interpretation import INFIX_MINIMUM, NotSearchable, alternatives, interpret, matches


@pytest.mark.parametrize(
    ("text", "kind", "match"),
    [
        ("0212345678901234567890", SearchKind.NUMBER, Match.EXACT),
        ("02 1234 5678 9012 3456 7890", SearchKind.NUMBER, Match.EXACT),
        ("0212", SearchKind.NUMBER, Match.PREFIX),
        ("022-012-3456", SearchKind.PHONE, Match.EXACT),
        ("０９０－００１２－３４５６", SearchKind.PHONE, Match.EXACT),
        ("仙台市青葉区", SearchKind.ADDRESS, Match.INFIX),
        ("青葉台", SearchKind.ADDRESS, Match.INFIX),
        ("一番町二丁目3番1号", SearchKind.ADDRESS, Match.INFIX),
        ("宮城県", SearchKind.ADDRESS, Match.PREFIX),
        ("新潟県新潟市中央区", SearchKind.ADDRESS, Match.PREFIX),
        ("中村", SearchKind.NAME, Match.PREFIX),
        ("市川", SearchKind.NAME, Match.PREFIX),
        ("髙橋 花子", SearchKind.NAME, Match.PREFIX),
        ("株式会社青葉製作所", SearchKind.NAME, Match.PREFIX),
        ("さとう", SearchKind.KANA, Match.PREFIX),
        ("ｻﾄｳ", SearchKind.KANA, Match.PREFIX),
    ],
)
def test_texts_are_read_as_people_mean_them(text, kind, match):
    search = interpret(text)
    assert (search.kind, search.match) == (kind, match)


def test_the_reading_can_be_changed_to_every_other_kind_that_has_a_key():
    search = interpret("青葉台")
    assert {other.kind for other in alternatives(search)} == {SearchKind.NAME, SearchKind.KANA}
    assert interpret("青葉台", kind="name").kind is SearchKind.NAME


def test_short_keys_match_from_the_start_only():
    assert Match.INFIX not in matches(interpret("佐藤"))
    assert interpret("佐藤", match="infix").match is Match.PREFIX
    assert interpret("佐藤花", match="infix").match is Match.INFIX


@pytest.mark.parametrize(
    ("text", "words"), [("", "入力してください"), ("　", "入力してください"), ("あ" * 121, "120文字以内")]
)
def test_what_cannot_be_searched_is_said_with_what_to_do(text, words):
    with pytest.raises(NotSearchable, match=words):
        interpret(text)


def test_a_text_without_a_key_for_the_chosen_kind_finds_nothing_and_is_not_offered():
    assert interpret("佐藤", kind="phone").key == ""
    assert SearchKind.PHONE not in {other.kind for other in alternatives(interpret("佐藤"))}


@given(
    st.text(max_size=130),
    st.sampled_from(["", *SearchKind.values, "x"]),
    st.sampled_from(["", *Match.values, "y"]),
)
def test_any_text_is_either_read_or_refused_in_words(text, kind, match):
    try:
        search = interpret(text, kind=kind, match=match)
    except NotSearchable as refused:
        assert str(refused)
    else:
        assert search.match in matches(search)
        assert search.match is not Match.INFIX or len(search.key) >= INFIX_MINIMUM
        assert search.text in search.meaning
