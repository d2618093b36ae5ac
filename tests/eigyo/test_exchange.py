"""The exchange CSV: what is accepted, what is refused and with which words, and what is kept."""

import csv
import io
from dataclasses import dataclass

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from eigyo import exchange
from eigyo.choices import VoltageClass
from eigyo.exchange import (
    COLUMNS,
    HEADER,
    STAGED_COLUMNS,
    EncodingError,
    ExchangeRow,
    HeaderError,
    RowError,
    copy_values,
    detect_encoding,
    format_row,
    neutralise,
    parse_row,
    private_use,
    read_rows,
)
from eigyo.search_keys import address_key, kana_key, name_key, phone_key

NUMBER = "0201234567890123456789"
CLEAN = {
    "供給地点特定番号": NUMBER,
    "契約名義": "髙橋　太郎",
    "契約名義カナ": "タカハシ　タロウ",
    "郵便番号": "980-0811",
    "供給地点住所": "宮城県仙台市青葉区一番町二丁目３－４",
    "電話番号": "022-001-2345",
    "電圧区分": "低圧",
    "契約容量": "30",
    "契約容量単位": "A",
    "負荷設備容量": "",
    "負荷設備容量単位": "",
    "主開閉器容量": "30",
    "主開閉器容量単位": "A",
    "自社": "1",
}
CONTRACT = dict.fromkeys([*HEADER[1:3], *HEADER[5:13]], "")

digits = st.sampled_from("0123456789")
kept_text = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), min_size=1, max_size=100
).filter(str.strip)
kana = st.text(st.sampled_from("アイウエオガッー　ｱｶﾞｯｰ ・（）Ａ１A1-"), max_size=100)
thousandths = st.integers(0, exchange.ADDRESS_LENGTH * 10_000_000)


def capacity(*units):
    pairs = st.tuples(thousandths, st.sampled_from(units))
    return st.just((None, "")) | pairs


@st.composite
def rows(draw):
    contract, load = draw(capacity("A", "kVA", "kW")), draw(capacity("kVA", "kW"))
    phone = draw(st.none() | st.text(digits, min_size=9, max_size=10))
    return ExchangeRow(
        number="02" + draw(st.text(digits, min_size=20, max_size=20)),
        holder_name=draw(kept_text),
        holder_kana=draw(kana),
        postal_code=draw(st.text(digits, min_size=7, max_size=7)),
        address=draw(kept_text),
        phone="" if phone is None else f"0{phone}",
        voltage_class=draw(st.sampled_from(["low", "high", "extra_high"])),
        contract_capacity=contract[0],
        contract_capacity_unit=contract[1],
        load_capacity=load[0],
        load_capacity_unit=load[1],
        **dict(zip(["breaker_capacity", "breaker_capacity_unit"], draw(capacity("A")), strict=True)),
        own=draw(st.booleans()),
    )


def cells(**changes):
    return list((CLEAN | changes).values())


def parsed(**changes):
    row = parse_row(cells(**changes), 2)
    assert isinstance(row, ExchangeRow), row
    return row


def errors(**changes):
    found = parse_row(cells(**changes), 2)
    assert isinstance(found, list), found
    return found


def wide(text):
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


def file_of(*lines, encoding="utf-8-sig", header=HEADER):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([header, *lines])
    return io.BytesIO(text.getvalue().encode(encoding))


class TestACleanRow:
    def test_becomes_the_fields_of_a_supply_point(self):
        assert parsed() == ExchangeRow(
            number=NUMBER,
            holder_name="髙橋　太郎",
            holder_kana="タカハシ　タロウ",
            postal_code="9800811",
            address="宮城県仙台市青葉区一番町二丁目３－４",
            phone="022-001-2345",
            voltage_class="low",
            contract_capacity=30_000,
            contract_capacity_unit="A",
            load_capacity=None,
            load_capacity_unit="",
            breaker_capacity=30_000,
            breaker_capacity_unit="A",
            own=True,
        )

    def test_has_the_columns_of_the_header(self):
        assert tuple(COLUMNS.values()) == ExchangeRow._fields

    @given(row=rows())
    def test_comes_back_as_it_was_written(self, row):
        assert parse_row(format_row(row), 2) == row

    @given(row=rows())
    def test_says_the_same_in_full_width(self, row):
        written = dict(zip(HEADER, format_row(row), strict=True))
        kept = {
            column: written[column] for column in ("契約名義", "契約名義カナ", "供給地点住所", "電話番号")
        }
        widened = {column: wide(text) for column, text in written.items()} | kept
        assert parse_row(list(widened.values()), 2) == row

    @given(name=kept_text, address=kept_text)
    @example(name="\ufa1b 葛\U000e0100西　", address=" 𠮷田ﾋﾞﾙ　３０１")
    def test_keeps_name_and_address_as_received(self, name, address):
        row = parsed(契約名義=name, 供給地点住所=address)
        assert (row.holder_name, row.address) == (name, address)

    @pytest.mark.parametrize(
        ("label", "code"), [("低圧", "LOW"), ("高圧", "HIGH"), ("特別高圧", "EXTRA_HIGH")]
    )
    def test_has_the_voltage_class_that_the_database_knows(self, label, code):
        assert parsed(電圧区分=label).voltage_class == VoltageClass[code].value
        assert VoltageClass[code].label == label

    @pytest.mark.parametrize(
        ("written", "value"),
        [("612.5", 612_500), ("0", 0), ("0.001", 1), ("2147483.647", 2**31 - 1)],
    )
    def test_has_its_capacity_in_thousandths(self, written, value):
        assert parsed(契約容量=written, 契約容量単位="kW").contract_capacity == value

    @pytest.mark.parametrize("written", ["kW", "KW", "kw", "ｋＷ", "㎾", " kW "])
    def test_has_its_unit_spelt_one_way(self, written):
        assert parsed(契約容量単位=written).contract_capacity_unit == "kW"

    @pytest.mark.parametrize(
        "written",
        [wide(NUMBER), "02-0123-4567-8901-2345-6789", "02 0123 4567 8901 2345 6789　"],
    )
    def test_has_its_number_in_plain_digits(self, written):
        assert parsed(供給地点特定番号=written).number == NUMBER

    @pytest.mark.parametrize(
        "written",
        [
            "",
            "0220012345",
            "０２２－００１－２３４５",
            "(022)001-2345",
            "+81-22-001-2345",
            "09000012345",
        ],
    )
    def test_keeps_its_telephone_as_typed(self, written):
        assert parsed(電話番号=written).phone == written

    @pytest.mark.parametrize(
        ("written", "own"),
        [("1", True), ("0", False), ("自社", True), ("他社", False), ("１", True)],
    )
    def test_says_whose_it_is(self, written, own):
        assert parsed(自社=written).own is own


class TestAVacantPoint:
    def test_has_no_contract(self):
        row = parsed(**CONTRACT, 自社="0")
        assert row.is_vacant
        assert (row.voltage_class, row.contract_capacity, row.phone) == ("", None, "")

    def test_may_have_blanks_where_the_contract_would_stand(self):
        assert parsed(**dict.fromkeys(CONTRACT, " "), 自社="0").is_vacant

    def test_comes_back_as_it_was_written(self):
        row = parsed(**CONTRACT, 自社="0")
        assert parse_row(format_row(row), 2) == row

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("電話番号", "022-001-2345"),
            ("契約名義カナ", "タ"),
            ("電圧区分", "低圧"),
            ("契約容量", "30"),
        ],
    )
    def test_is_not_vacant_with_a_part_of_a_contract(self, column, value):
        found = errors(**CONTRACT | {column: value})
        assert ("契約名義", "契約名義を入力してください") in {
            (error.column, error.message.split("。")[0]) for error in found
        }

    def test_still_needs_an_address(self):
        assert [error.column for error in errors(**CONTRACT, 供給地点住所="　")] == ["供給地点住所"]


FAULTS = [
    ("供給地点特定番号", "", "22桁"),
    ("供給地点特定番号", NUMBER[:-1], "22桁"),
    ("供給地点特定番号", "03" + NUMBER[2:], "02で始まる"),
    ("供給地点特定番号", "02" + "٣" * 20, "22桁"),
    ("供給地点特定番号", "2.01E+20", "指数"),
    ("供給地点特定番号", "２．０１２３５Ｅ＋２０", "指数"),
    ("契約名義", "　", "契約名義を入力"),
    ("契約名義", "あ" * 101, "100文字以内にしてください（101文字"),
    ("契約名義", "髙橋\x00太郎", "U+0000"),
    ("契約名義", "髙橋\t太郎", "U+0009"),
    ("契約名義", "髙橋\n太郎", "U+000A"),
    ("契約名義", "髙橋\ud800", "U+D800"),
    ("契約名義", "髙橋\u202e太郎", "U+202E"),
    ("契約名義カナ", "高橋タロウ", "使えない文字：高橋"),
    ("契約名義カナ", "カ" * 201, "200文字以内"),
    ("郵便番号", "", "7桁"),
    ("郵便番号", "980-081", "7桁"),
    ("郵便番号", "98-00811", "7桁"),
    ("供給地点住所", "", "供給地点住所を入力"),
    ("供給地点住所", "あ" * 201, "200文字以内"),
    ("供給地点住所", "仙台市\x7f", "U+007F"),
    ("電話番号", "22-001-2345", "0で始まる"),
    ("電話番号", "022-001-234", "10桁か11桁"),
    ("電話番号", "022-001-234567", "10桁か11桁"),
    ("電話番号", "022-001-2345 内線", "10桁か11桁"),
    ("電圧区分", "", "特別高圧・高圧・低圧"),
    ("電圧区分", "中圧", "特別高圧・高圧・低圧"),
    ("契約容量", "-1", "0以上の数字"),
    ("契約容量", "1,500", "桁区切りなし"),
    ("契約容量", "1.2345", "小数は3桁まで"),
    ("契約容量", "1e3", "0以上の数字"),
    ("契約容量", "2147483.648", "2147483以下"),
    ("契約容量単位", "", "単位（A・kVA・kW）を入力"),
    ("契約容量単位", "MW", "A・kVA・kWのいずれか"),
    ("負荷設備容量単位", "kW", "負荷設備容量を入力するか"),
    ("負荷設備容量単位", "A", "kVA・kWのいずれか"),
    ("主開閉器容量単位", "kW", "単位はAのいずれか"),
    ("主開閉器容量", "三十", "0以上の数字"),
    ("自社", "", "1（自社）か0（他社）"),
    ("自社", "2", "1（自社）か0（他社）"),
]


class TestAFaultyRow:
    @pytest.mark.parametrize(("column", "value", "words"), FAULTS)
    def test_says_what_is_wrong_where_and_what_to_do(self, column, value, words):
        (error,) = errors(**{column: value})
        expected = "負荷設備容量" if (column, value) == ("負荷設備容量単位", "kW") else column
        assert (error.line, error.column) == (2, expected)
        assert words in error.message
        assert "ください" in error.message

    @given(planted=st.lists(st.sampled_from(FAULTS), unique_by=lambda fault: fault[0][:4]))
    def test_says_everything_that_is_wrong_at_once(self, planted):
        changes = {column: value for column, value, _ in planted}
        found = parse_row(cells(**changes), 2)
        wrong = {error.column[:4] for error in found} if isinstance(found, list) else set()
        assert wrong == {column[:4] for column in changes}

    def test_shows_no_more_than_the_beginning_of_a_cell(self):
        (error,) = errors(供給地点住所="あ" * 5000)
        assert error.value == "あ" * 100

    @given(row=st.lists(st.text(st.characters()), max_size=16))
    def test_is_never_more_than_a_list_of_errors(self, row):
        found = parse_row(row, 7)
        assert isinstance(found, list)
        assert found
        assert all(isinstance(error, RowError) and error.line == 7 for error in found)

    @pytest.mark.parametrize("row", [[], ["a"], cells()[:-1], [*cells(), ""]])
    def test_with_too_few_or_too_many_cells_says_how_many(self, row):
        (error,) = parse_row(row, 2)
        assert f"{len(row)}個" in error.message

    def test_cannot_shift_its_columns_with_a_tab(self):
        row = cells()
        row[1:3] = ["\t".join(row[1:3])]
        assert isinstance(parse_row(row, 2), list)
        assert isinstance(parse_row([*row, ""], 2), list)


class TestPrivateUse:
    @pytest.mark.parametrize("sign", ["\ue000", "\uf8ff", "\U000f0000", "\U0010fffd"])
    def test_is_listed_and_not_an_error(self, sign):
        row = parsed(契約名義=f"髙{sign}", 供給地点住所=f"仙台市{sign}町")
        code = f"U+{ord(sign):04X}"
        assert private_use(row) == [("契約名義", code), ("供給地点住所", code)]

    def test_comes_from_the_user_defined_area_of_cp932(self):
        ((_, row),) = read_rows(file_of(cells(契約名義="山\ue000"), encoding="cp932"))
        assert private_use(row) == [("契約名義", "U+E000")]

    def test_is_absent_from_a_clean_row(self):
        assert private_use(parsed()) == []


class TestCopyValues:
    @given(row=rows())
    def test_stand_in_the_order_of_the_staged_columns(self, row):
        values = dict(zip(STAGED_COLUMNS, copy_values(row), strict=True))
        keys = {
            "name_key": name_key(row.holder_name),
            "kana_key": kana_key(row.holder_kana),
            "phone_key": phone_key(row.phone),
            "address_key": address_key(row.address),
        }
        assert values == row._asdict() | keys


class TestNeutralise:
    @pytest.mark.parametrize(
        "cell",
        ["=1+1", "+81-22-001", "-5", "-2+3+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "＝1+1"],
    )
    def test_puts_an_apostrophe_before_what_a_spreadsheet_would_run(self, cell):
        assert neutralise(cell) == f"'{cell}"

    @pytest.mark.parametrize("cell", ["", "022-001-2345", NUMBER, "髙橋　太郎", "A=B", "612.5"])
    def test_leaves_everything_else_alone(self, cell):
        assert neutralise(cell) == cell

    @given(cell=st.text())
    def test_is_done_once(self, cell):
        assert neutralise(neutralise(cell)) == neutralise(cell)


@dataclass(frozen=True)
class Spoilt:
    content: bytes
    offset: int
    line: int


class TestDetectEncoding:
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp932"])
    def test_finds_the_encoding_of_a_file(self, encoding):
        assert detect_encoding(file_of(cells(), encoding=encoding)) == encoding

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp932"])
    def test_keeps_every_character_that_cp932_has(self, encoding):
        name = "髙﨑德㈱①～\ufa1bｶﾞ"
        ((_, row),) = read_rows(file_of(cells(契約名義=name), encoding=encoding))
        assert row.holder_name == name

    def test_leaves_the_stream_where_it_was(self):
        stream = file_of(cells())
        detect_encoding(stream)
        assert stream.tell() == 0

    @pytest.mark.parametrize(
        "spoilt",
        [
            Spoilt(b"abc\r\n\xff\x81", offset=6, line=2),
            Spoilt("あ\r\nい".encode() + b"\xff\r\n", offset=8, line=2),
            Spoilt(b"\xef\xbb\xbfab\r\ncd\x82\xa0", offset=9, line=2),
            Spoilt("あ\r\n".encode("cp932") + b"a\x81", offset=5, line=2),
            Spoilt("a\r\n".encode("utf-16"), offset=0, line=1),
        ],
    )
    def test_refuses_what_is_neither_and_says_where(self, spoilt):
        with pytest.raises(EncodingError, match="保存し直してください") as refused:
            detect_encoding(io.BytesIO(spoilt.content))
        assert (refused.value.offset, refused.value.line) == (spoilt.offset, spoilt.line)

    def test_finds_a_bad_byte_beyond_the_first_chunk(self):
        line = "あいうえお\r\n".encode()
        with pytest.raises(EncodingError) as refused:
            detect_encoding(io.BytesIO(line * 100_000 + b"\xff\x0a"))
        assert (refused.value.offset, refused.value.line) == (1_700_000, 100_001)

    @given(content=st.binary())
    def test_names_an_encoding_that_reads_the_whole_file(self, content):
        try:
            encoding = detect_encoding(io.BytesIO(content))
        except EncodingError as error:
            encoding, offset = "utf-8", error.offset
            assume(not content.startswith((b"\xff\xfe", b"\xfe\xff")))
            with pytest.raises(UnicodeDecodeError):
                content[: offset + 3].decode(encoding)
        else:
            content.decode(encoding)


class TestTheHeader:
    @given(header=st.permutations(HEADER))
    def test_may_stand_in_any_order(self, header):
        row = [CLEAN[column] for column in header]
        assert list(read_rows(file_of(row, header=header))) == [(2, parsed())]

    @pytest.mark.parametrize(
        ("header", "words"),
        [
            (HEADER[:-1], "ない列：自社"),
            ([*HEADER, "備考"], "知らない列：15列目"),
            ([*HEADER, "自社"], "重複した列：自社"),
            ([*HEADER[:-1], "自　社"], "ない列：自社、知らない列：14列目"),
            ([], "ない列：供給地点特定番号"),
        ],
    )
    def test_is_refused_with_the_columns_to_mend(self, header, words):
        with pytest.raises(HeaderError, match=words):
            next(read_rows(file_of(cells(), header=header)))

    def test_of_an_empty_file_is_missing(self):
        with pytest.raises(HeaderError, match="ない列"):
            next(read_rows(io.BytesIO(b"")))

    def test_repeats_no_customer_when_there_is_none(self):
        with pytest.raises(HeaderError) as refused:
            next(read_rows(file_of(header=cells())))
        assert not any(value in str(refused.value) for value in cells() if len(value) > 2)

    @given(header=st.lists(st.text(st.sampled_from('abc,"\n髙'), max_size=9), max_size=40))
    def test_is_refused_in_less_than_two_hundred_characters(self, header):
        with pytest.raises(HeaderError) as refused:
            next(read_rows(file_of(cells(), header=header)))
        assert len(str(refused.value)) <= 200


class TestAFile:
    def test_gives_each_row_with_its_line(self):
        lines = [cells(), [], cells(自社="9"), cells(供給地点住所="仙台市\n青葉区"), cells()]
        found = list(read_rows(file_of(*lines)))
        assert [(line, type(row)) for line, row in found] == [
            (2, ExchangeRow),
            (4, list),
            (5, list),
            (7, ExchangeRow),
        ]
        assert found[1][1][0].line == 4

    def test_may_end_its_lines_with_a_line_feed_alone(self):
        stream = io.BytesIO(file_of(cells()).getvalue().replace(b"\r\n", b"\n"))
        assert list(read_rows(stream)) == [(2, parsed())]

    def test_with_broken_quotes_names_the_line_and_goes_on(self):
        broken = f'{NUMBER},"髙橋"太郎\r\n'.encode()
        content = file_of(cells()).getvalue() + broken + ",".join(cells()).encode()
        found = list(read_rows(io.BytesIO(content)))
        assert [line for line, _ in found] == [2, 3, 4]
        assert "引用符" in found[1][1][0].message
        assert found[2][1] == parsed()

    def test_with_a_quote_that_never_ends_is_an_error(self):
        content = file_of(cells()).getvalue() + b'"' + b"a,\r\n" * 100_000
        found = list(read_rows(io.BytesIO(content)))
        assert found[0][1] == parsed()
        assert all(isinstance(row, list) for _, row in found[1:])

    def test_stays_open_for_who_opened_it(self):
        stream = file_of(cells())
        list(read_rows(stream))
        assert not stream.closed

    def test_is_read_in_the_encoding_that_was_found_before(self):
        stream = file_of(cells(), encoding="cp932")
        assert list(read_rows(stream, encoding="cp932")) == [(2, parsed())]
