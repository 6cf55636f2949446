"""The quality gates, all of them: what can be told of the files without running them,
and whether those that are made from others are up to date."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from .. import cache
from ..environment import ADDON, CHECKOUT
from ..packages import LINT_REQUIREMENTS, python
from ..process import run
from ..report import Failure, Options, step
from ..series import all_series, make_series
from . import pot, readme

OLDEST_PYTHON = "3.10"
# the versions that .pre-commit-config.yaml names
PRETTIER = ("prettier@3.9.7", "@prettier/plugin-xml@3.4.2")


def main(argv):
    """Return 0 if every gate is passed; the others tell why on stdout."""
    Options("lint", __doc__).parse_args(argv)
    with cache.setup_lock():
        tools = python(LINT_REQUIREMENTS).parent
        modules = _prettier(tools)
    # by the addon's own name: pylint-odoo does not see a manifest in the root
    addons = [ADDON, *(CHECKOUT / "dev" / ".addons").iterdir()]
    sources = [*_files(".py", *addons)]
    dev = [*_files(".py", CHECKOUT / "dev")]
    translations = sorted(CHECKOUT.glob("i18n/*.po*"))
    prettier = [tools / "node", modules / "prettier/bin/prettier.cjs", "--check"]
    vermin = [f"-t={OLDEST_PYTHON}-", "--no-tips", "--violations"]
    gates = {
        "ruff check": _tool(tools / "ruff", "check", "--no-cache"),
        "ruff format": _tool(tools / "ruff", "format", "--no-cache", "--diff"),
        "pylint-odoo": _tool(tools / "pylint", *sources),
        "modules": _tool(tools / "oca-checks-odoo-module", *addons),
        "translations": _tool(
            tools / "oca-checks-po", "--disable=po-pretty-format", *translations
        ),
        "XML format": _tool(
            *("env", f"NODE_PATH={modules}"), *prettier, *_files(".xml", *addons)
        ),
        "Python versions": _tool(tools / "vermin", *vermin, *sources, *dev),
        "README.rst, index.html": lambda: readme.main(["--check"]),
        ".pot": lambda: pot.main(["--check"]),
        **{f"Odoo {each}": _other_series(each, tools) for each in all_series()},
    }
    with ThreadPoolExecutor() as pool:
        passed = [*pool.map(_pass, gates, gates.values())]
    return 0 if all(passed) else 1


def _prettier(tools):
    """The folder of node's modules with prettier and its plugin for XML."""
    folder = cache.folder() / "prettier" / "-".join(PRETTIER).replace("/", "-")

    def install():
        with step("Installing prettier"):
            npm = [tools / "npm", "install", f"--prefix={folder}", *PRETTIER]
            log, error = cache.new_log("prettier"), "Prettier could not be installed."
            variables = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
            run(npm, log, error, env=variables)

    return cache.built(folder, install) / "node_modules"


def _other_series(series, tools):
    """A gate for what can be told of another series without an Odoo of it."""

    def check():
        with TemporaryDirectory() as folder:
            home = Path(folder, "made")
            make_series(series, home)
            addon = home / ADDON.relative_to(CHECKOUT)
            sources = [*_files(".py", addon)]
            _tool(sys.executable, "-m", "compileall", "-q", *sources)()
            _tool(tools / "ruff", "check", "--no-cache", "--select=F", *sources)()
            _tool(tools / "pylint", f"--rcfile={home / '.pylintrc'}", *sources)()
            _tool(tools / "oca-checks-odoo-module", addon)()

    return check


def _files(suffix, *folders):
    """Those below the folders and below what is linked there, but no further."""
    for folder in folders:
        for child in sorted(folder.iterdir()):
            if child.suffix == suffix:
                yield child
            elif child.is_dir():
                yield from sorted(child.rglob(f"*{suffix}"))


def _pass(name, gate):
    start, found = time.monotonic(), ""
    try:
        gate()
    except Failure as failure:
        found = f"\n{failure}"
    duration = f"{time.monotonic() - start:.1f} s"
    print(f"{name}: {'FAILED' if found else 'ok'} ({duration}){found}", flush=True)
    return not found


def _tool(*command):
    """A gate that fails with what the command prints, if that fails."""

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
            raise Failure(outcome.stdout.strip() or f"Exit {outcome.returncode}")

    return run
