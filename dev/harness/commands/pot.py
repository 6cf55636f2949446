"""The template of the translations, as Odoo exports it from a database."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from ..cache import NAME, new_log
from ..environment import CHECKOUT, environment
from ..process import run
from ..report import Options, make

POT = CHECKOUT / "i18n" / f"{NAME}.pot"
DATES = re.compile(r'^"(?:POT-Creation|PO-Revision)-Date: .*\n', re.MULTILINE)


def main(argv):
    """Write the file, or with ``--check`` compare it only.

    :return: 0
    :raises Failure: Odoo has failed; with ``--check``, the file is stale
    """
    parser = Options("pot", __doc__)
    parser.add_check()
    check = parser.parse_args(argv).check
    with (
        environment() as env,
        env.database("pot") as database,
        TemporaryDirectory() as folder,
    ):
        exported = Path(folder, POT.name)
        export = ["odoo", "i18n", "export", "--database", database]
        export += ["--languages", "pot", "--output", exported, NAME]
        error = "The terms could not be exported."
        run(export, new_log("pot"), error, env=env.variables)
        make(POT, DATES.sub("", exported.read_text("utf-8")), check, "./dev/pot")
    return 0
