"""A pytest plugin: a test that is skipped, at whatever level, fails the run; with
--fast, only those run that are rolled back in the end."""

import os

import pytest

OWN_DATABASE = "queue_job_server"  # the tag of those that have one, and servers


def pytest_addoption(parser):
    what = "leave out the tests with databases, servers and commands of their own"
    parser.addoption("--fast", action="store_true", help=what)


def pytest_collection_modifyitems(config, items):
    if config.option.fast:
        slow = {i for i in items if OWN_DATABASE in getattr(i.cls, "test_tags", ())}
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


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
