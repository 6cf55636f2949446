"""PostgreSQL: the server that PGHOST, PGPORT and PGUSER name, or one of our own."""

import os
from contextlib import contextmanager

from .cluster import Cluster
from .report import Failure


def foreign():
    """The libpq variables that the user has set: none of them if the server is ours.

    A command that another command has started inherits those of our own server.
    """
    names = ("PGHOST", "PGPORT", "PGUSER")
    given = {name: os.environ[name] for name in names if os.environ.get(name)}
    return {} if given == Cluster().variables else given


@contextmanager
def postgres():
    """The libpq variables of a server that runs for as long as the block lasts."""
    given = foreign()
    if given.get("PGUSER") == "postgres":
        raise Failure("Odoo refuses to work as PGUSER=postgres: name another role.")
    if given:
        yield given
    else:
        cluster = Cluster()
        with cluster.running():
            yield cluster.variables
