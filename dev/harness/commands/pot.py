"""The template of the translations, as Odoo exports it from a database."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from ..cache import NAME, new_log
from ..environment import CHECKOUT, environment
from ..made import make, parse_check
from ..process import run

POT = CHECKOUT / "i18n" / f"{NAME}.pot"
DATES = re.compile(r'^"(?:POT-Creation|PO-Revision)-Date: .*\n', re.MULTILINE)


def main(argv):
    """Write the file, or with ``--check`` compare it only.

    :return: 0
    :raises Failure: Odoo has failed; with ``--check``, the file is stale
    """
    check = parse_check("pot", __doc__, argv)
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
