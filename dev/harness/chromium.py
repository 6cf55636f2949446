"""Chromium, for Odoo's browser tests, which pass over its absence in silence, and for
pictures of the screens."""

import shlex
import shutil

from . import cache
from .apt import Apt
from .report import Failure, step

# Where Odoo looks for one.
NAMES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
WAY_ROUND = (
    "The browser tests need Chromium: install Chromium or Google Chrome, so that "
    f"{' or '.join(NAMES[:2])} is on PATH."
)
NEEDED = ("install", "--simulate", "--no-install-recommends", "chromium")
LAUNCHER = """\
#!/bin/sh
export LD_LIBRARY_PATH={libraries}
exec {program} "$@"
"""


def chromium():
    """Folders to put on PATH for a Chromium: none if there is one already."""
    if any(map(shutil.which, NAMES)):
        return []
    folder = cache.folder() / "chromium"
    with cache.setup_lock():
        try:
            cache.built(folder, lambda: _unpack(folder))
        except Failure as failure:
            raise Failure(f"{failure}\n{WAY_ROUND}") from failure
    return [str(folder / "bin")]


def _unpack(folder):
    with step("Downloading and unpacking Chromium"):
        apt = Apt(cache.folder() / "apt" / "machine", cache.new_log("chromium"))
        plan = [line.split() for line in apt.output(*NEEDED)]
        apt.unpack([words[1] for words in plan if words[:1] == ["Inst"]], folder)
        program = folder / "usr/lib/chromium/chromium"
        libraries = {path.parent for path in folder.rglob("*.so*")} - {program.parent}
        launcher = LAUNCHER.format(
            libraries=shlex.quote(":".join(map(str, sorted(libraries)))),
            program=shlex.quote(str(program)),
        )
        cache.write(folder / "bin" / "chromium", launcher, 0o755)
