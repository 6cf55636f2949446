"""test [--fast | --long | --peers] [PYTEST ARGUMENTS]: the quality gates, the whole
suite, --long with what takes minutes, and those of peers; or the tests that the
arguments name, those without servers, or those of peers alone; on a fresh database."""

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from pytest import ExitCode

from harness import peers
from harness.cluster import foreign
from harness.environment import ADDON, environment
from harness.packages import chromium
from harness.process import attend
from harness.report import Failure
from harness.templates import complaints, installation_log

from . import lint

HARNESS = Path(__file__).parents[1]
PYTEST = [sys.executable, "-m", "pytest", f"-c={HARNESS / 'pytest.ini'}"]
FORGET = ["-p", "no:cacheprovider"]
# More processes than a small machine has processors: they wait most of the time.
# Every notification wakes all Odoos of a PostgreSQL server: tests that run at the same
# time would help each other, unless each process has a server of its own.
SERVERS = (None, "second", "third")
# How many may fail beside others, and pass alone.
UNSTEADY = 2
DIFFERENT = ("ODOO_RC", "PGHOST", "PGDATABASE", "QUEUE_JOB_CRON_JOBRUNNER_TEMPLATE")


def main(argv):
    """Return 0 if all is well, else the status of what has failed."""
    if argv[:1] == ["--peers"]:
        return _test_peers(argv[1:])
    named = _named(argv)
    some = bool(named) or "--fast" in argv
    if not some and lint.main([]):
        return 1
    status = _test(named or [*argv, str(ADDON / "tests")], side_by_side=not some)
    return status or (0 if some else _test_peers([]))


def _test(arguments, side_by_side):
    """Run our own tests; side_by_side: in several processes."""
    browser = chromium()
    servers = SERVERS if side_by_side and not foreign() else SERVERS[:1]
    with ExitStack() as stack:
        env, *others = (_environment(stack, server) for server in servers)
        env.variables["PATH"] = os.pathsep.join([*browser, env.variables["PATH"]])
        command = [*PYTEST, f"--rootdir={env.addon}", *arguments]
        if not others:
            return attend([*command, *FORGET], env.variables)
        memory = stack.enter_context(TemporaryDirectory())
        command += ["-o", f"cache_dir={memory}"]
        processes = ["--dist=worksteal", *map(_process, [env, *others])]
        status = attend([*command, *processes], env.variables)
        if status == ExitCode.TESTS_FAILED:
            failed = json.loads(Path(memory, "v/cache/lastfailed").read_text())
            if len(failed) <= UNSTEADY:
                print("Again, alone, what failed beside others:", *failed, sep="\n")
                status = attend([*command, "--last-failed"], env.variables)
        return status


def _test_peers(arguments):
    with ExitStack() as stack:
        env = _environment(stack, None)
        return peers.test(env, [*PYTEST, *FORGET, *arguments])


def _environment(stack, server):
    """An Environment whose variables name a database for tests."""
    env = stack.enter_context(environment(server))
    env.variables["PGDATABASE"] = stack.enter_context(env.database("test"))
    _check_installation(env.template)
    # pytest-odoo starts an HTTP server, and queue_job its regular runner in that
    env.variables["ODOO_QUEUE_JOB_CHANNELS"] = "root:0"
    env.variables["PYTHONPATH"] = f"{HARNESS.parent}{os.pathsep}{env.odoo.root}"
    return env


def _process(env):
    """The option that lets pytest-xdist start a process in that Environment."""
    variables = [f"env:{name}={env.variables[name]}" for name in DIFFERENT]
    return "--tx=" + "//".join(["popen", *variables])


def _check_installation(template):
    found = complaints(template)
    if found:
        log = installation_log(template)
        raise Failure("\n".join([*found, f"Installing the addon logged this: {log}"]))


def _named(argv):
    """The arguments, the tests among them named by their path below the addon's folder;
    none if they name no test. The checkout's own folder may not have the addon's name,
    and the tests' package gets its name from the path."""
    tests = [path for path in argv if path.startswith("tests/")]
    named = [str(ADDON / path) if path in tests else path for path in argv]
    return named if tests else []
