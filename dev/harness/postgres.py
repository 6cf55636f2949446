"""PostgreSQL: the server that PGHOST, PGPORT and PGUSER name, or one of our own."""

import os
from contextlib import contextmanager
from pathlib import Path

from .cluster import Cluster
from .report import Failure


def foreign():
    """The libpq variables that the user has set: none of them if the server is ours.

    A command that another command has started inherits those of a server of ours.
    """
    names = ("PGHOST", "PGPORT", "PGUSER")
    given = {name: os.environ[name] for name in names if os.environ.get(name)}
    ours = Cluster().folder.parent
    return {} if Path(given.get("PGHOST", "")).parent == ours else given


@contextmanager
def postgres(purpose=None):
    """The libpq variables of a server that runs for as long as the block lasts.

    purpose: another server than that which all commands share, if it is ours.
    """
    given = foreign()
    if given.get("PGUSER") == "postgres":
        raise Failure("Odoo refuses to work as PGUSER=postgres: name another role.")
    if given:
        yield given
    else:
        cluster = Cluster(purpose)
        with cluster.running():
            yield cluster.variables
