"""端末配備先情報 as a file: encodings, faults by row and column, and that writing and reading are inverse."""

import io
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audit.textfile import RowError, Unreadable, detect_encoding
from terminals.choices import LedgerState
from terminals.ledger import exchange
from terminals.ledger.exchange import HEADER, LedgerRow

GOOD = (
    "NW-0118", "A-0118", "SN0118NW", "NWU0118", "配備", "NW", "B-01", "2F", "配電センター", "N-10001", "2024-04-01", "",
)  # fmt: skip


def cells(**changes: str) -> list[str]:
    """A good row, with some columns changed."""
    return [changes.get(column, cell) for column, cell in zip(HEADER, GOOD, strict=True)]


def content(*rows, header=HEADER, encoding="utf-8", end="\r\n") -> bytes:
    return end.join(",".join(row) for row in (header, *rows, [])).encode(encoding)


def read(data: bytes):
    """What is read of a file, and in which encoding."""
    stream = io.BytesIO(data)
    encoding = detect_encoding(stream)
    return encoding, list(exchange.read_rows(stream, encoding=encoding))


def faults(**changes: str) -> list[tuple[str, str]]:
    found = exchange.parse_row(cells(**changes), 2)
    assert isinstance(found, list)
    return [(error.column, error.message) for error in found]


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
    @pytest.mark.parametrize("end", ["\r\n", "\n"])
    def test_a_room_with_long_vowels_and_a_private_character_arrives_as_it_was_sent(self, encoding, end):
        room = "サーバールーム～㈱髙\ue000"
        changes = {"室・区画": room}
        found, ((line, row),) = read(content(cells(**changes), encoding=encoding, end=end))
        assert (found, line, row.room) == (encoding, 2, room)

    def test_columns_may_stand_in_any_order(self):
        turned = [list(reversed(row)) for row in (HEADER, cells())]
        assert read(content(turned[1], header=turned[0])) == read(content(cells()))

    def test_a_header_without_a_column_says_which(self):
        with pytest.raises(Unreadable, match="ない列：端末番号"):
            read(content(header=HEADER[1:]))


class TestFaults:
    def test_all_faults_of_a_row_are_reported_by_column(self):
        changes = {
            "端末番号": "118",
            "製造番号": "1.2E+10",
            "LU名": "nw",
            "状態": "使用中",
            "使用者職員番号": "林",
        }
        assert [column for column, _ in faults(**changes)] == list(changes)

    @pytest.mark.parametrize("column", ["配備先コード", "建物コード", "階", "室・区画", "配備日"])
    def test_a_terminal_in_use_says_where_it_is(self, column):
        assert faults(**{column: " "}) == [(column, "状態が配備のときは入力してください。")]

    def test_a_terminal_in_use_has_no_return_and_a_returned_one_has(self):
        assert faults(返却日="2024-05-01")[0][0] == "返却日"
        assert faults(状態="返却") == [("返却日", "状態が返却のときは入力してください。")]

    def test_nothing_is_returned_before_it_was_deployed(self):
        assert faults(状態="返却", 返却日="2024-03-31") == [
            ("返却日", "配備日より前の日付です。どちらかを直してください。")
        ]

    @pytest.mark.parametrize("day", ["2024-02-30", "20240401", "2024-04/01", "令和6年4月1日", "0000-01-01"])
    def test_a_day_that_is_none_is_refused(self, day):
        assert faults(配備日=day)[0][1].startswith("実在する日付を")

    @pytest.mark.parametrize("day", ["2024-4-1", "2024/4/1", "2024/04/01", "２０２４/４/１"])
    def test_a_day_may_be_written_as_spreadsheets_do(self, day):
        assert exchange.parse_row(cells(配備日=day), 2) == exchange.parse_row(cells(), 2)

    @pytest.mark.parametrize("column", HEADER)
    def test_a_control_character_is_refused_in_every_column_and_not_repeated(self, column):
        (found, *_) = [
            e for e in exchange.parse_row(cells(**{column: "A\x07\u202e"}), 2) if e.column == column
        ]
        assert found.message.startswith("使えない制御文字（U+0007・U+202E）")
        assert found.value == "A〓〓"

    @pytest.mark.parametrize(
        ("column", "limit"),
        [
            ("資産番号", 24),
            ("製造番号", 40),
            ("配備先コード", 16),
            ("建物コード", 16),
            ("階", 8),
            ("室・区画", 80),
        ],
    )
    def test_a_text_is_as_long_as_its_column_and_no_longer(self, column, limit):
        assert isinstance(exchange.parse_row(cells(**{column: "B" * limit}), 2), LedgerRow)
        assert faults(**{column: "B" * (limit + 1)}) == [
            (column, f"{limit}文字以内にしてください（{limit + 1}文字あります）。")
        ]

    def test_a_row_of_another_width_and_a_broken_quote_are_faults_of_their_line_alone(self):
        _, found = read(content(cells()[:-1], ['"NW"x', *cells()[1:]], cells(端末番号="NW-0119")))
        assert [(line, isinstance(row, LedgerRow)) for line, row in found] == [
            (2, False),
            (3, False),
            (4, True),
        ]
        assert found[0][1][0].message == "列が11個あります。12個にしてください。"

    def test_a_terminal_named_twice_is_a_fault_of_the_later_line_that_names_the_first(self):
        _, found = read(content(cells(), cells(端末番号="ＮＷ－０１１８", 資産番号="A-9")))
        assert found[1] == (
            3,
            [RowError(3, "端末番号", "NW-0118", "2行目と同じ端末番号です。1台を1行だけにしてください。")],
        )

    def test_more_rows_than_a_ledger_may_have_are_refused(self, monkeypatch):
        monkeypatch.setattr(exchange, "ROWS_LIMIT", 2)
        three = [cells(端末番号=f"NW-000{n}") for n in range(3)]
        assert len(read(content(*three[:2]))[1]) == 2
        with pytest.raises(Unreadable, match="2行を超えています"):
            read(content(*three))


def key(alphabet: str, least: int, most: int):
    return st.text(alphabet=alphabet, min_size=least, max_size=most)


NUMBERS = key("ABCXYZ0189-_=+@'", 1, 24).filter(lambda text: not exchange._EXPONENT.fullmatch(text))
CODES = key("ABCN0189-=+@'", 1, 16)
ROOMS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), min_size=1, max_size=80
).filter(str.strip)
DAYS = st.dates(date(1990, 1, 1), date(2099, 12, 31))


@st.composite
def ledger_rows(draw) -> LedgerRow:
    state = draw(st.sampled_from(list(exchange.STATES.values())))
    in_use = state == "deployed"
    days = sorted(draw(st.tuples(DAYS, DAYS)))
    optional = st.booleans() if not in_use else st.just(True)
    return LedgerRow(
        draw(st.from_regex("[A-Z]{2}-[0-9]{4}", fullmatch=True)),
        draw(NUMBERS),
        draw(NUMBERS),
        draw(st.just("") | st.from_regex("[A-Z@#$][A-Z0-9@#$]{0,7}", fullmatch=True)),
        state,
        draw(CODES) if draw(optional) else "",
        draw(CODES) if draw(optional) else "",
        draw(key("B0123F-'", 1, 8)) if draw(optional) else "",
        draw(ROOMS) if draw(optional) else "",
        draw(st.just("") | st.from_regex("[A-Z]-[0-9]{5}", fullmatch=True)),
        days[0] if draw(optional) else None,
        days[1] if state == "returned" else None,
    )


PLAIN = exchange.parse_row(list(GOOD), 2)


@given(st.lists(ledger_rows(), max_size=6, unique_by=lambda row: row.terminal_number))
@example([PLAIN._replace(room="'=1+1"), PLAIN._replace(terminal_number="NW-0119", room="''＋cmd")])
def test_what_is_written_is_read_back(rows):
    data = b"".join(exchange.write(rows))
    assert [row for _, row in read(data)[1]] == rows


@given(ledger_rows())
def test_no_cell_that_is_written_is_computed_by_a_spreadsheet(row):
    assert not [cell for cell in exchange.format_row(row) if cell.startswith(tuple("=+-@＝＋－＠"))]


@given(st.lists(st.text(max_size=20), min_size=12, max_size=12) | st.lists(st.text(), max_size=14))
def test_whatever_stands_in_a_row_it_is_read_or_refused_in_words(row):
    found = exchange.parse_row(row, 2)
    assert isinstance(found, LedgerRow) or all(error.message for error in found)


@given(ledger_rows())
def test_the_quick_way_and_the_thorough_way_agree(row):
    written = exchange.format_row(row)
    assert exchange.parse_row(written, 2) == exchange._examine(written, 2)


def test_the_states_are_those_of_the_registry():
    assert {(str(state.label), state.value) for state in LedgerState} == set(exchange.STATES.items())
