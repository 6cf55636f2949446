"""`./dev/series SERIES FOLDER`: write the addon, its README and its tests for an older
series of Odoo into a folder. See harness/series.py."""

import os
import sys
from pathlib import Path

from .. import cache
from ..process import run
from ..report import Options
from ..series import make_series


def main(argv):
    """Return 0."""
    parser = Options("series", __doc__)
    parser.add_argument("series", metavar="SERIES", help="such as 18.0")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    options = parser.parse_args(argv)
    make_series(options.series, options.folder)
    dev = options.folder.resolve() / "dev"
    error = "The README could not be made."
    command = [sys.executable, "-m", "harness", "readme"]
    variables = os.environ | {"PYTHONPATH": str(dev)}
    run(command, cache.new_log("series"), error, cwd=dev, env=variables)
    return 0
