"""The proofs print what they covered at the end of the run."""

from tests.guarantees.report import REPORTS


def pytest_terminal_summary(terminalreporter) -> None:
    for report in REPORTS.values():
        terminalreporter.section(report.title)
        terminalreporter.line(" | ".join(report.columns))
        for row in report.rows:
            terminalreporter.line(" | ".join(row))
