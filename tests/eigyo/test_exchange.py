"""Rows of the exchange CSV: what is accepted, what is refused with which words, what is kept."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eigyo.choices import VoltageClass
from eigyo.exchange import (
    COLUMNS,
    HEADER,
    ExchangeRow,
    RowError,
    format_row,
    parse_row,
    private_use,
)
from eigyo.exchange_cells import CAPACITY_LIMIT
from eigyo.search_keys import address_key, kana_key, name_key, phone_key
from eigyo.staging import CONTRACT as CONTRACT_COPY
from eigyo.staging import NULL, POINT, stage
from tests.exchange_rows import NUMBER, cells, file_of, parsed

CONTRACT = dict.fromkeys([*HEADER[1:3], *HEADER[5:13]], "")

digits = st.sampled_from("0123456789")
kept_text = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), min_size=1, max_size=100
).filter(str.strip)
kana = st.text(st.sampled_from("アイウエオガッー　ｱｶﾞｯｰ ・（）Ａ１A1-"), max_size=100)
thousandths = st.integers(0, CAPACITY_LIMIT)


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


def errors(**changes):
    found = parse_row(cells(**changes), 2)
    assert isinstance(found, list), found
    return found


def wide(text):
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


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

    @pytest.mark.parametrize(
        ("written", "unit"),
        [
            ("KW", "kW"),
            ("ｋＷ", "kW"),
            ("㎾", "kW"),
            (" kW ", "kW"),
            ("KVA", "kVA"),
            ("ｋＶＡ", "kVA"),
            ("a", "A"),
        ],
    )
    def test_has_its_unit_spelt_one_way(self, written, unit):
        assert parsed(契約容量単位=written).contract_capacity_unit == unit

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
        row = parsed(契約名義=f"髙{sign}", 契約名義カナ=f"タカ{sign}", 供給地点住所=f"仙台市{sign}町")
        code = f"U+{ord(sign):04X}"
        assert private_use(row) == [("契約名義", code), ("契約名義カナ", code), ("供給地点住所", code)]

    def test_is_absent_from_a_clean_row(self):
        assert private_use(parsed()) == []


def staged(*lines, header=HEADER):
    head, body = file_of(*lines, encoding="utf-8", header=header).getvalue().decode().split("\r\n", 1)
    return stage(head, body, 2)


def copied(text, columns):
    plain = text.decode().replace("\\\\", "\\")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in plain.splitlines()]


def as_copied(values):
    plain = {True: "1", False: "0", None: NULL}
    return {
        name: value if type(value) is str else plain.get(value, str(value)) for name, value in values.items()
    }


class TestStaging:
    @given(row=rows())
    def test_copies_a_row_as_it_is_with_its_search_keys(self, row):
        keys = {
            "name_key": name_key(row.holder_name),
            "kana_key": kana_key(row.holder_kana),
            "phone_key": phone_key(row.phone),
            "address_key": address_key(row.address),
        }
        values = as_copied(row._asdict() | keys)
        found = staged(format_row(row))
        (point,) = copied(found.points, POINT)
        del point["municipality_code"]
        assert point == {name: values[name] for name in point}
        contracts = [{name: values[name] for name in CONTRACT_COPY}] if row.holder_name else []
        assert copied(found.contracts, CONTRACT_COPY) == contracts

    def test_finds_the_same_with_quotes_without_them_and_with_the_columns_turned_round(self):
        lines = [
            cells(),
            cells(電話番号="12"),
            cells(契約名義="外字\ue000"),
            cells(契約名義=""),
            cells(契約容量="2.5"),
        ]
        plain = staged(*lines)
        assert (plain.rows, {error.line for error in plain.errors}) == (5, {3, 5})
        assert plain.private_use == [(4, "契約名義", "U+E000")]
        assert staged(*(line[::-1] for line in lines), header=HEADER[::-1]) == plain
        quoted = "".join(",".join(f'"{cell}"' for cell in line) + "\r\n" for line in lines)
        assert stage(",".join(HEADER), quoted, 2) == plain

    def test_counts_empty_lines_and_reads_every_line_end(self):
        good, bad = ",".join(cells()), ",".join(cells(電話番号="12"))
        for end in ("\r\n", "\n", "\r"):
            found = stage(",".join(HEADER), end.join([good, "", bad, good]), 101)
            assert (found.rows, [error.line for error in found.errors]) == (3, [103])
