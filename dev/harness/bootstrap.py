"""From the machine's Python, and its standard library, to the virtual environment's."""

import os
import subprocess
import sys

from . import cache, packages
from .report import Failure


def main(arguments):
    try:
        with cache.setup_lock():
            python = packages.python()
            if arguments[0] not in ("demo", "odoo") or "--series" in arguments:
                packages.install(python, packages.MORE_REQUIREMENTS)
            command = [python, "-m", "harness", *arguments]
            if "--series" in arguments:
                command = _in_series(python, *arguments)
    except Failure as failure:
        return str(failure)
    except KeyboardInterrupt:
        return 130
    os.environ["PYTHONPYCACHEPREFIX"] = str(cache.folder() / "pycache")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.execv(command[0], list(map(str, command)))


def _in_series(python, name, *arguments):
    """The same command of the checkout that is made for the series."""
    place = arguments.index("--series")
    before, (series, *after) = arguments[:place], arguments[place + 1 :] or [""]
    folder = cache.folder() / "series" / series / cache.NAME
    make = [python, "-m", "harness", "series", series, folder]
    if status := subprocess.run(make).returncode:
        sys.exit(status)
    os.chdir(folder)  # what the arguments name is there
    return [folder / "dev" / name, *before, *after]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
