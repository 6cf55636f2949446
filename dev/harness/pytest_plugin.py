"""A pytest plugin: a test that is skipped, at whatever level, fails the run; with
--fast, only those run that are rolled back in the end, and only with --long the longest
ones."""

import os

import pytest

OWN_DATABASE = "queue_job_server"  # the tag of those that have one, and servers
SKIPPED = 10  # the exit status; pytest has those up to 5
LONG = "queue_job_long"  # that of those which are for now and then
# By classes in tests/common: long ones first, or one process ends long before another.
# Commands and TestPostgres, which would wait for each other, in the same process.
RANKS = {"CommandCase": 0, "TestPostgres": 0, "RunCase": 2, "ServerCase": 1}


def pytest_addoption(parser):
    what = "leave out the tests with databases, servers and commands of their own"
    parser.addoption("--fast", action="store_true", help=what)
    what = "add those that take minutes"
    parser.addoption("--long", action="store_true", help=what)


def pytest_collection_modifyitems(config, items):
    without = {OWN_DATABASE} if config.option.fast else set()
    without |= set() if config.option.long else {LONG}
    left_out = [i for i in items if without & getattr(i.cls, "test_tags", set())]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    items.sort(key=_rank)


def _rank(item):
    names = [base.__name__ for base in getattr(item.cls, "__mro__", ())]
    return next((RANKS[name] for name in names if name in RANKS), 3)


def pytest_configure(config):
    # pytest-odoo would copy the database for each process, but they have their own
    os.environ.pop("PYTEST_XDIST_WORKER", None)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not reporter:  # in one of two processes: the other one is told
        return
    is_over = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if reporter.stats.get("skipped") and is_over:
        session.exitstatus = SKIPPED
        reporter.section("skipped tests fail the run", red=True)
