"""A pytest plugin: a test that is skipped, at whatever level, fails the run."""

import os

import pytest


def pytest_configure(config):
    # pytest-odoo would copy the database for each process, but they have their own
    os.environ.pop("PYTEST_XDIST_WORKER", None)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not reporter:  # in one of two processes: the other one is told
        return
    if reporter.stats.get("skipped") and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.section("skipped tests fail the run", red=True)
