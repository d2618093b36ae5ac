"""The proofs print what they covered at the end of the run."""

from collections.abc import Iterator

import pytest

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
    """Two worlds in step."""
    made = Trial()
    yield made
    made.twins.close()
