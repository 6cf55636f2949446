"""test [PYTEST ARGUMENTS]: the whole suite, or the tests that the arguments name, on a
fresh database."""

import os
import sys
from pathlib import Path

from harness.chromium import chromium
from harness.environment import Failure, environment
from harness.process import attend
from harness.templates import complaints, installation_log

HARNESS = Path(__file__).parents[1]


def main(argv):
    browser = chromium()
    with environment() as env, env.database("test") as database:
        _check_installation(env.template)
        variables = dict(env.variables)
        variables["PATH"] = os.pathsep.join([*browser, variables["PATH"]])
        # pytest-odoo starts an HTTP server, and queue_job its regular runner in that
        variables["ODOO_QUEUE_JOB_CHANNELS"] = "root:0"
        variables["PYTHONPATH"] = f"{HARNESS.parent}{os.pathsep}{env.odoo.root}"
        options = [
            f"-c={HARNESS / 'pytest.ini'}",
            f"--rootdir={env.addon}",
            f"--odoo-database={database}",
        ]
        command = [sys.executable, "-m", "pytest", *options]
        return attend(command + _named(argv, env.checkout, env.addon), variables)


def _check_installation(template):
    found = complaints(template)
    if found:
        log = installation_log(template)
        raise Failure("\n".join([*found, f"Installing the addon logged this: {log}"]))


def _named(argv, checkout, addon):
    """The arguments, the tests among them named by their path below addon; all tests if
    none are named. The checkout's own folder may not have the addon's name, and the
    tests' package gets its name from the path."""
    tests = checkout / "tests"
    arguments, any_named = [], False
    for argument in argv:
        path, *inside = argument.split("::")
        place = next((p for p in (Path(path), checkout / path) if p.exists()), None)
        if not argument.startswith("-") and place:
            place = place.resolve()
            if place.is_relative_to(tests):
                any_named = True
                linked = addon / place.relative_to(checkout)
                argument = "::".join([str(linked), *inside])
        arguments.append(argument)
    return arguments if any_named else [*arguments, str(addon / "tests")]
