"""Cells of files that a spreadsheet opens: nothing in them runs, and the exchange loses nothing by it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audit.cells import guard, neutralise, unguard

RUNS = tuple("=+-@\t\r\n＝＋－＠")


class TestNeutralise:
    @pytest.mark.parametrize(
        "cell",
        ["=1+1", "+81-22-001", "-5", "-2+3+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "＝1+1"],
    )
    def test_puts_an_apostrophe_before_what_a_spreadsheet_would_run(self, cell):
        assert neutralise(cell) == f"'{cell}"

    @pytest.mark.parametrize(
        "cell", ["", "022-001-2345", "0201234567890123456789", "髙橋　太郎", "A=B", "612.5"]
    )
    def test_leaves_everything_else_alone(self, cell):
        assert neutralise(cell) == cell

    @given(cell=st.text())
    def test_is_done_once(self, cell):
        assert neutralise(neutralise(cell)) == neutralise(cell)


class TestGuard:
    @given(cell=st.text() | st.text("'=＝+-@a"))
    @example(cell="'=1+1")
    @example(cell="''＋cmd")
    def test_is_undone_whatever_stands_in_the_cell(self, cell):
        assert unguard(guard(cell)) == cell

    @given(cell=st.text() | st.text("'=＝+-@a"))
    def test_leaves_nothing_that_a_spreadsheet_would_run(self, cell):
        assert not guard(cell).startswith(RUNS)

    @pytest.mark.parametrize("cell", ["", "'", "A=B", "'A-1", "022-001-2345"])
    def test_leaves_everything_else_alone(self, cell):
        assert guard(cell) == unguard(cell) == cell

    @pytest.mark.parametrize("cell", ["=1+1", "-5", "＠SUM(1)"])
    def test_a_cell_that_nobody_guarded_is_read_as_it_stands(self, cell):
        assert unguard(cell) == cell
