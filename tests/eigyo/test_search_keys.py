"""The keys of eigyo.search_keys: what is read alike, and what every text may be sure of."""

import sys
from collections import Counter
from collections.abc import Callable
from unicodedata import is_normalized, normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eigyo.search_keys import (
    VARIANT_KANJI,
    address_key,
    kana_key,
    name_key,
    number_key,
    phone_key,
)

KEYS = (name_key, kana_key, address_key, phone_key, number_key)
PIECES = (
    *("株式会社", "㈱", "（株）", "(有)", "㍿", "医療法人社団", "一般社団法人", "社", "法人", "組"),
    *(
        "丁目",
        "二",
        "十",
        "百",
        "〇",
        "３",
        "番地",
        "関",
        "丘",
        "が",
        "ガ",
        "ヶ",
        "ケ",
        "之",
        "ッ",
        "ｯ",
    ),
    *("ｶ", "ﾞ", "゛", "\u3099", "\u0301", "e", "ǆ", "ß", "ΐ", "髙", "𠮷", "\ufa1b", "々", "〆"),
    *(" ", "　", "・", "ー", "－", "−", "-", "〜", "+81", "(0)", "\U000e0100", "\ud842", "\u200d"),
)
any_text = st.text(st.characters()) | st.lists(st.sampled_from(PIECES)).map("".join)
katakana = st.text(st.characters(min_codepoint=0x30A1, max_codepoint=0x30F4))


@pytest.mark.parametrize("key", KEYS)
class TestEveryKey:
    @given(text=any_text)
    @example(text="株式会社")
    @example(text="(株)(株)")
    @example(text="カ ゛\u3099")
    @example(text="\U0001d6a4\u0301")
    def test_is_its_own_key(self, key, text):
        assert key(key(text)) == key(text)

    def test_is_its_own_key_for_every_character(self, key):
        unstable = [hex(code) for code in range(0x30000) if key(key(chr(code))) != key(chr(code))]
        assert unstable == []

    def test_of_nothing_is_nothing(self, key):
        assert key("") == ""


class TestNameKey:
    @pytest.mark.parametrize(
        ("written", "typed"),
        [
            ("髙橋　太郎", "高橋太郎"),
            ("山﨑花子", "山崎 花子"),
            ("渡邉一", "渡辺一"),
            ("渡邊一", "渡辺一"),
            ("齋藤", "斎藤"),
            ("齊藤", "斉藤"),
            ("𠮷田", "吉田"),
            ("\ufa1b島", "福嶋"),
            ("葛\U000e0100西", "葛西"),
            ("德川", "徳川"),
            ("Ａ＆Ｂ商店", "a&b商店"),
            ("ローソン", "ロ－ソン"),
            ("ジャン・ポール", "ジャンポール"),
        ],
    )
    def test_reads_alike_what_people_write_differently(self, written, typed):
        assert name_key(written) == name_key(typed)

    @pytest.mark.parametrize(
        "written",
        [
            "株式会社本町建設",
            "本町建設株式会社",
            "㈱本町建設",
            "本町建設　㈱",
            "（株）本町建設",
            "(株) 本町建設",
            "㍿本町建設",
            "株式會社　本町建設",
            "有限会社本町建設",
            "（有）本町建設",
            "合同会社本町建設",
            "本町建設(同)",
            "医療法人社団本町建設",
            "一般社団法人 本町建設",
            "株式会社本町建設（株）",
        ],
    )
    def test_drops_what_kind_of_company_it_is(self, written):
        assert name_key(written) == "本町建設"

    def test_keeps_a_designator_inside_a_name(self):
        assert name_key("本町株式会社前商店") == "本町株式会社前商店"

    def test_keeps_a_name_that_is_only_a_designator(self):
        assert name_key("株式会社") == "株式会社"

    @pytest.mark.parametrize(("one", "other"), [("佐藤", "斎藤"), ("高田", "高野"), ("上", "下")])
    def test_keeps_different_names_apart(self, one, other):
        assert name_key(one) != name_key(other)

    @given(text=any_text)
    def test_is_free_of_blanks_and_compatibility_characters(self, text):
        key = name_key(text)
        assert is_normalized("NFKC", key)
        assert not any(character.isspace() for character in key)


class TestVariantKanji:
    def test_are_many(self):
        assert sum(len(group) - 1 for group in VARIANT_KANJI.split()) >= 150

    def test_stand_in_one_group_each(self):
        characters = Counter("".join(VARIANT_KANJI.split()))
        assert [character for character, times in characters.items() if times > 1] == []

    def test_are_all_reached_by_the_key(self):
        missed = [
            variant
            for group in VARIANT_KANJI.split()
            for variant in group
            if name_key(variant) != group[0] or address_key(variant) != group[0]
        ]
        assert missed == []


class TestKanaKey:
    @given(text=katakana)
    def test_reads_hiragana_like_katakana(self, text):
        hiragana = "".join(chr(ord(character) - 0x60) for character in text)
        assert kana_key(hiragana) == kana_key(text)

    @given(text=st.text(st.characters(min_codepoint=0xFF61, max_codepoint=0xFF9F)))
    def test_reads_half_width_like_full_width(self, text):
        assert kana_key(text) == kana_key(normalize("NFKC", text))

    @pytest.mark.parametrize(
        ("written", "key"),
        [
            ("ｶﾞｯｺｳ ｼﾞｭﾝ", "ガツコウジユン"),
            ("さとう・ゆういち", "サトウユウイチ"),
            ("コ－ヒ-", "コーヒー"),
            ("シズヱ", "シズエ"),
            ("ヶ", "ケ"),
            ("abc", "ABC"),
        ],
    )
    def test_is_large_katakana_with_long_vowels(self, written, key):
        assert kana_key(written) == key


class TestAddressKey:
    @pytest.mark.parametrize(
        ("written", "key"),
        [
            ("本町二丁目３－４", "本町2丁目3-4"),
            ("本町　２丁目３−４", "本町2丁目3-4"),
            ("本町十丁目", "本町10丁目"),
            ("本町二十三丁目", "本町23丁目"),
            ("本町二三丁目", "本町23丁目"),
            ("本町百二丁目", "本町102丁目"),
            ("三本木一丁目", "三本木1丁目"),
            ("一番町四丁目二番", "一番町4丁目二番"),
        ],
    )
    def test_has_figures_and_plain_hyphens(self, written, key):
        assert address_key(written) == key

    @pytest.mark.parametrize("written", ["霞ヶ関", "霞ケ関", "霞が関", "霞ガ関", "霞ｶﾞ関", "霞ヵ関"])
    def test_reads_every_ga_between_kanji_alike(self, written):
        assert address_key(written) == "霞ケ関"

    @pytest.mark.parametrize(
        ("one", "other"),
        [("山ノ内", "山の内"), ("山之内", "山乃内"), ("山之内", "山の内"), ("四ッ谷", "四つ谷")],
    )
    def test_reads_small_joining_kana_alike(self, one, other):
        assert address_key(one) == address_key(other)

    def test_leaves_ga_in_a_building_alone(self):
        assert address_key("サガハイツ") == "サガハイツ"

    def test_reads_variant_kanji_alike(self):
        assert address_key("宮城縣大﨑市澤") == address_key("宮城県大崎市沢")


class TestPhoneKey:
    @pytest.mark.parametrize(
        "written",
        [
            "022-001-2345",
            "0220012345",
            "０２２－００１－２３４５",
            "(022) 001-2345",
            "+81-22-001-2345",
            "＋８１　２２　００１　２３４５",
            "+81 (0)22-001-2345",
        ],
    )
    def test_is_the_national_digits(self, written):
        assert phone_key(written) == "0220012345"

    @given(text=any_text)
    def test_has_nothing_but_digits(self, text):
        assert set(phone_key(text)) <= set("0123456789")

    def test_takes_81_without_plus_for_what_it_is(self):
        assert phone_key("81-22") == "8122"


class TestNumberKey:
    @pytest.mark.parametrize("written", ["02-0123", "０２０１２３", "02 01 23", "02‐0123"])
    def test_is_the_digits(self, written):
        assert number_key(written) == "020123"

    @given(text=any_text)
    def test_has_nothing_but_digits(self, text):
        assert set(number_key(text)) <= set("0123456789")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (name_key, "髙橋　太郎"),
        (name_key, "（株）本町建設"),
        (kana_key, "ｶﾞｯｺｳ ｼﾞｭﾝ"),
        (address_key, "宮城県仙台市青葉区本町二丁目３－４"),
        (phone_key, "022-001-2345"),
        (number_key, "0201234567890123456789"),
    ],
)
def test_a_longer_text_takes_no_more_steps_of_python(key, text):
    """A table does the work, letter by letter in C: millions of rows are read in minutes."""
    longer = text + text[0] * 200
    key(text)  # some tables are made at the first use
    assert steps(lambda: key(text)) == steps(lambda: key(longer))


def steps(work: Callable[[], object]) -> int:
    """Count the instructions of the interpreter."""
    taken = 0

    def trace(frame, event, argument):
        nonlocal taken
        frame.f_trace_opcodes = True
        taken += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return taken
