"""From the machine's Python, and its standard library, to the virtual environment's."""

import os
import sys

from . import cache, packages
from .report import Failure


def main(arguments):
    try:
        with cache.setup_lock():
            python = packages.python()
            if arguments[0] not in ("demo", "odoo"):
                packages.install(python, packages.MORE_REQUIREMENTS)
    except Failure as failure:
        return str(failure)
    except KeyboardInterrupt:
        return 130
    os.environ["PYTHONPYCACHEPREFIX"] = str(cache.folder() / "pycache")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.execv(python, [str(python), "-m", "harness", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
