"""odoo [ARGUMENTS]: Odoo's own command line, on a database that stays."""

from harness.environment import environment
from harness.process import attend

DATABASE = "development"
WORK_ON_A_DATABASE = ("server", "shell", "module", "i18n", "neutralize", "populate")


def main(argv):
    with environment() as env:
        if _needs_a_database(argv):
            env.keep_database(DATABASE)
            env.variables["PGDATABASE"] = DATABASE
        return attend(["odoo", *argv], env.variables)


def _needs_a_database(argv):
    """Whether these arguments mean a database, and name none."""
    if argv and not argv[0].startswith("-") and argv[0] not in WORK_ON_A_DATABASE:
        return False
    elsewhere = ("-d", "--database", "-h", "--help", "--version")
    return not any(argument.startswith(elsewhere) for argument in argv)
