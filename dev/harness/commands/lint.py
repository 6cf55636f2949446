"""The quality gates, all of them: what can be told of the files without running them,
and whether those that are made from others are up to date."""

import subprocess
import time

from ..cache import setup_lock
from ..environment import CHECKOUT
from ..options import Options
from ..packages import LINT_REQUIREMENTS, python
from ..report import Failure
from ..sources import addons, files
from ..xml_format import complaints
from . import pot, readme

OLDEST_PYTHON = "3.10"


def main(argv):
    """Return 0 if every gate is passed; the others tell why on stdout."""
    Options("lint", __doc__).parse_args(argv)
    with setup_lock():
        tools = python(LINT_REQUIREMENTS).parent
    # by the addon's own name: pylint-odoo does not see a manifest in the root
    modules = [*files(".py", *addons())]
    dev = [*files(".py", CHECKOUT / "dev")]
    translations = sorted(CHECKOUT.glob("i18n/*.po*"))
    vermin = [f"-t={OLDEST_PYTHON}-", "--no-tips", "--violations"]
    gates = {
        "ruff check": _tool(tools / "ruff", "check", "--no-cache"),
        "ruff format": _tool(tools / "ruff", "format", "--no-cache", "--diff"),
        "pylint-odoo": _tool(tools / "pylint", *modules),
        "modules": _tool(tools / "oca-checks-odoo-module", *addons()),
        "translations": _tool(
            tools / "oca-checks-po", "--disable=po-pretty-format", *translations
        ),
        "XML format": _xml_format,
        "Python versions": _tool(tools / "vermin", *vermin, *modules, *dev),
        "README.rst, index.html": lambda: _command(readme),
        ".pot": lambda: _command(pot),
    }
    passed = [_pass(name, gate) for name, gate in gates.items()]
    return 0 if all(passed) else 1


def _pass(name, gate):
    start = time.monotonic()
    found = gate()
    duration = f"{time.monotonic() - start:.1f} s"
    print(f"{name}: {'FAILED' if found else 'ok'} ({duration})", flush=True)
    if found:
        print(found, flush=True)
    return not found


def _tool(*command):
    """What the command prints, if it fails; else nothing."""

    def run():
        outcome = subprocess.run(
            [*map(str, command)],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if outcome.returncode:
            return outcome.stdout.strip() or f"Exit status {outcome.returncode}"
        return ""

    return run


def _xml_format():
    return "\n".join(
        text for path in files(".xml", *addons()) for text in complaints(path)
    )


def _command(module):
    """Why the command's --check fails, if it does."""
    try:
        module.main(["--check"])
    except Failure as failure:
        return str(failure)
    return ""
