"""A text as a cell of a file that people open: no formula, nothing the encoding lacks. Pure."""

import re

GETA = "〓"
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def neutralise(cell: str) -> str:
    """Return the cell so that a spreadsheet does not run it: with an apostrophe if need be.

    For files that people open, never for the exchange itself. No exception is made for what looks
    like a plain number: nothing here is rightly negative, "+81-22-…" would be computed as a sum,
    and an exception for numbers is how "-2+3+cmd|…" gets in. Telephones begin with 0 and stay.
    Rule: OWASP, CSV Injection.
    """
    return "'" + cell if cell.startswith(_FORMULA_STARTS) else cell


def guard(cell: str) -> str:
    """Return the cell of an exchange so that a spreadsheet does not run it; `unguard` gives it back.

    Unlike `neutralise` it puts an apostrophe before its own as well, so nothing is lost on the way.
    """
    return "'" + cell if cell.lstrip("'").startswith(_FORMULA_STARTS) else cell


def unguard(cell: str) -> str:
    """Return the cell as it was before `guard`; one that nobody guarded stays as it is."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA_STARTS) else cell


def without_controls(cell: str) -> str:
    """Return the cell with 〓 for controls that split lines or that a workbook cannot hold."""
    return _CONTROL.sub(GETA, cell)


def in_cp932(cell: str) -> str:
    """Return the cell with 〓 for every character that CP932 lacks or would not give back."""
    return "".join(character if _survives(character) else GETA for character in cell)


def _survives(character: str) -> bool:
    try:
        return character.encode("cp932").decode("cp932") == character
    except UnicodeEncodeError:
        return False
