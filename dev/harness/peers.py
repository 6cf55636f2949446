"""The suites of others that have to pass beside this addon, from their wheels: that of
OCA's addon of the same name, run against this one in its place, and those of queue_job,
run on a database that has this one installed."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from . import cache
from .packages import addons
from .process import attend, run
from .report import step

# The first one's tests load on 19.0 as they are.
OCA = "odoo-addon-queue-job-cron-jobrunner==18.0.*"
TEST_QUEUE_JOB = "odoo-addon-test-queue-job==19.0.*"


def test(env, pytest):
    """Return the exit status of pytest, which is a command without tests.

    env: an Environment; its variables name a database that may be changed.
    """
    with cache.setup_lock():
        wheels = addons(sys.executable, "peers/19.0", OCA, TEST_QUEUE_JOB)
    with TemporaryDirectory() as folder:
        path = _addons_path(env, Path(folder), wheels)
        _install(env, f"--addons-path={path}", "test_queue_job")
        suites = [
            Path(folder, cache.NAME),
            Path(folder, "test_queue_job"),
            env.queue_job / "queue_job",
        ]
        tests = [str(suite / "tests") for suite in suites]
        options = [f"--odoo-addons-path={path}", f"--rootdir={folder}"]
        return attend([*pytest, *options, *tests], env.variables)


def _addons_path(env, folder, wheels):
    """Odoo's, with our addon in the folder: under its own name, with OCA's tests."""
    own = {child.name: child for child in env.addon.iterdir()}
    (folder / cache.NAME).mkdir()
    for name, child in (own | {"tests": wheels / cache.NAME / "tests"}).items():
        (folder / cache.NAME / name).symlink_to(child)
    (folder / "test_queue_job").symlink_to(wheels / "test_queue_job")
    return ",".join(map(str, [*env.odoo.addons, env.queue_job, folder, env.demo]))


def _install(env, path, addon):
    command = ["odoo", path, "--init", addon, "--stop-after-init"]
    log, error = cache.new_log("peers"), f"{addon} could not be installed."
    with step(f"Installing {addon}"):
        run(command, log, error, env=env.variables)
