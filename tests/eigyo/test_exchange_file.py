"""Files of the exchange CSV: encodings, headers, lines."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.textfile import EncodingError, HeaderError
from eigyo.exchange import HEADER, ExchangeRow, private_use, read_rows
from tests.exchange_rows import CLEAN, NUMBER, cells, file_of, parsed


class TestTheEncoding:
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp932"])
    def test_keeps_every_character_that_cp932_has(self, encoding):
        name = "髙﨑德㈱①～\ufa1bｶﾞ"
        ((_, row),) = read_rows(file_of(cells(契約名義=name), encoding=encoding))
        assert row.holder_name == name

    def test_has_a_user_defined_area_in_cp932_which_is_read_as_private_use(self):
        ((_, row),) = read_rows(file_of(cells(契約名義="山\ue000"), encoding="cp932"))
        assert private_use(row) == [("契約名義", "U+E000")]

    def test_that_was_found_before_is_not_looked_for_again(self):
        stream = file_of(cells(), encoding="cp932")
        assert list(read_rows(stream, encoding="cp932")) == [(2, parsed())]

    def test_that_is_none_is_refused_before_the_first_row(self):
        with pytest.raises(EncodingError, match="2行目"):
            next(read_rows(io.BytesIO(file_of().getvalue() + b"\xff\r\n")))


class TestTheHeader:
    @given(header=st.permutations(HEADER))
    def test_may_stand_in_any_order(self, header):
        row = [CLEAN[column] for column in header]
        assert list(read_rows(file_of(row, header=header))) == [(2, parsed())]

    def test_without_a_column_is_refused(self):
        with pytest.raises(HeaderError, match="ない列：自社"):
            next(read_rows(file_of(cells(), header=HEADER[:-1])))

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
