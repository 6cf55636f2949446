"""A pytest plugin: a test that is skipped, at whatever level, fails the run."""

import os

import pytest

_skipped = []


def pytest_configure(config):
    # pytest-odoo would copy the database for each process, but they have their own
    os.environ.pop("PYTEST_XDIST_WORKER", None)


def pytest_collectreport(report):
    _note(report)


def pytest_runtest_logreport(report):
    _note(report)


def _note(report):
    expected_failure = hasattr(report, "wasxfail")
    if report.skipped and not expected_failure:
        *_, reason = report.longrepr
        _skipped.append(f"{report.nodeid}: {reason}")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    if _skipped and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if _skipped:
        terminalreporter.section("skipped tests fail the run", red=True)
        for line in _skipped:
            terminalreporter.write_line(line)
