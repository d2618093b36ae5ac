"""The proofs print what they covered at the end of the run."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from tests.guarantees.noninterference import Trial
from tests.guarantees.report import REPORTS


def pytest_terminal_summary(terminalreporter) -> None:
    for report in REPORTS.values():
        terminalreporter.section(report.title)
        terminalreporter.line(" | ".join(report.columns))
        for row in report.rows:
            terminalreporter.line(" | ".join(row))


@pytest.fixture(scope="session")
def trial(database) -> Iterator[Trial]:
    """Two worlds in step, with pages of three rows and exact counts up to four."""
    made = Trial()
    with override_settings(PAGE_ROWS=3, EXACT_COUNT_LIMIT=4):
        yield made
    made.twins.close()
