"""Files of the exchange CSV: encodings, headers, lines."""

import io
from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eigyo.exchange import (
    HEADER,
    EncodingError,
    ExchangeRow,
    HeaderError,
    detect_encoding,
    private_use,
    read_rows,
)
from tests.exchange_rows import CLEAN, NUMBER, cells, file_of, parsed


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

    def test_reads_the_user_defined_area_of_cp932_as_private_use(self):
        ((_, row),) = read_rows(file_of(cells(契約名義="山\ue000"), encoding="cp932"))
        assert private_use(row) == [("契約名義", "U+E000")]

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
