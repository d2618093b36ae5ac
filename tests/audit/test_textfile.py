"""A CSV from elsewhere: which encoding it is in, which columns it has, where its rows begin."""

import io
from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from audit.textfile import EncodingError, HeaderError, Unreadable, column_order, detect_encoding, split_rows

HEADER = ("番号", "氏名", "場所")
SATO = ["R-20001", "佐藤 花子", "研修室"]


def rows(*lines: str, header: str = "番号,氏名,場所"):
    return list(split_rows(io.StringIO("\r\n".join((header, *lines)), newline=""), HEADER))


@dataclass(frozen=True)
class Spoilt:
    content: bytes
    offset: int
    line: int


class TestTheEncoding:
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp932"])
    def test_of_a_file_is_found(self, encoding):
        content = "番号,氏名\r\n1,髙﨑德㈱①～\r\n".encode(encoding)
        assert detect_encoding(io.BytesIO(content)) == encoding

    def test_is_found_without_moving_the_stream(self):
        stream = io.BytesIO("いろは".encode("cp932"))
        stream.seek(2)
        assert detect_encoding(stream) == "cp932"
        assert stream.tell() == 2

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
    def test_that_is_neither_is_refused_with_the_place(self, spoilt):
        with pytest.raises(EncodingError, match="保存し直してください") as refused:
            detect_encoding(io.BytesIO(spoilt.content))
        assert (refused.value.offset, refused.value.line) == (spoilt.offset, spoilt.line)

    def test_is_wrong_at_a_byte_beyond_the_first_chunk(self):
        line = "あいうえお\r\n".encode()
        with pytest.raises(EncodingError, match="100001行目（先頭から1700000バイト目）") as refused:
            detect_encoding(io.BytesIO(line * 100_000 + b"\xff\x0a"))
        assert (refused.value.offset, refused.value.line) == (1_700_000, 100_001)

    @given(content=st.binary())
    def test_that_is_named_reads_the_whole_file(self, content):
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
    @given(found=st.permutations(HEADER))
    def test_may_stand_in_any_order(self, found):
        turned = [dict(zip(HEADER, SATO, strict=True))[column] for column in found]
        ((line, cells),) = rows(",".join(turned), header=",".join(found))
        assert (line, list(cells)) == (2, SATO)

    def test_may_have_spaces_around_a_name(self):
        assert column_order([" 氏名", "番号 ", "　場所"], HEADER) == (1, 0, 2)

    @pytest.mark.parametrize(
        ("found", "words"),
        [
            (HEADER[:-1], "（ない列：場所）"),
            ([*HEADER, "備考"], "（知らない列：4列目）"),
            ([*HEADER, "場所"], "（重複した列：場所）"),
            ([*HEADER[:-1], "場　所"], "（ない列：場所、知らない列：3列目）"),
            ([*HEADER, *"abcdef"], "（知らない列：4列目・5列目・6列目・7列目・8列目・ほか）"),
            ([], "（ない列：番号・氏名・場所）"),
        ],
    )
    def test_is_refused_with_the_columns_to_mend(self, found, words):
        with pytest.raises(HeaderError) as refused:
            column_order(found, HEADER)
        assert str(refused.value) == f"1行目の列名を直してください{words}。"

    def test_names_its_faulty_columns_apart(self):
        with pytest.raises(HeaderError) as refused:
            column_order(["番号", "番号", "備考"], HEADER)
        error = refused.value
        assert (error.missing, error.repeated, error.unknown, error.line) == (
            ["氏名", "場所"],
            ["番号"],
            ["3列目"],
            1,
        )

    def test_repeats_nobody_who_stands_in_its_place(self):
        with pytest.raises(HeaderError) as refused:
            column_order(SATO, HEADER)
        assert not any(cell in str(refused.value) for cell in SATO)

    def test_with_a_quote_that_never_ends_says_so_and_names_no_column(self):
        with pytest.raises(HeaderError, match="引用符を確認してください") as refused:
            list(split_rows(['"番号,氏名'], HEADER))
        assert [*refused.value.missing, *refused.value.repeated, *refused.value.unknown] == []

    def test_of_an_empty_file_is_missing(self):
        with pytest.raises(Unreadable, match="ない列"):
            list(split_rows([], HEADER))


class TestRows:
    def test_have_the_line_they_begin_on_and_empty_lines_are_passed_over(self):
        found = rows("1,佐藤,研修室", "", '2,"鈴木\n一郎",受付', "3,林,受付")
        assert [(line, cells[0]) for line, cells in found] == [(2, "1"), (4, "2"), (6, "3")]

    def test_of_another_width_stay_as_they_stand(self):
        assert rows("a,b", "a,b,c,d", header="場所,氏名,番号") == [(2, ["a", "b"]), (3, ["a", "b", "c", "d"])]

    def test_that_cannot_be_split_are_none_and_the_next_one_is_read(self):
        assert rows('1,"佐"藤,受付', ",".join(SATO)) == [(2, None), (3, SATO)]
