"""A PostgreSQL server that may be crashed: not the one that all commands share."""

import os
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.cache import alone, new_log
from harness.cluster import PACKAGE, Cluster, foreign
from harness.databases import Databases
from harness.process import run
from harness.report import step
from harness.templates import Templates


@contextmanager
def own_or_given(env, purpose):
    """As own_cluster, but where PGHOST names a server that one, and no cluster."""
    if foreign():
        with env.database(purpose) as database:
            yield None, env.databases, database
    else:
        with own_cluster(env, purpose) as place:
            yield place


@contextmanager
def own_cluster(env, purpose):
    """A cluster of this command alone, the databases in it, and a new database's name.

    The database is a copy of the template, and dropped at the end. Commands of another
    purpose have another cluster: no notification of theirs is heard in this one.
    """
    template = Templates(env).addon()
    cluster = Cluster(purpose)
    with alone(purpose, f"another {purpose}"), cluster.running():
        variables = {**env.variables, **cluster.variables}
        databases = Databases(variables)
        with databases.name(purpose) as database:
            databases.create(database)
            with step("Copying the template into a cluster of our own"):
                _copy(template, env.variables, database, variables)
            yield cluster, databases, database


def _copy(template, there, database, here):
    """Copy a database between servers, each given by its variables."""
    [package] = find_spec(PACKAGE).submodule_search_locations
    programs = Path(package) / "pginstall" / "bin"
    log, error = new_log("template-copy"), "The template could not be copied."
    with TemporaryDirectory() as folder:
        dump = Path(folder, "template")
        options = ["--format=directory", "--compress=none", f"--file={dump}"]
        run([programs / "pg_dump", *options, template], log, error, env=there)
        options = ["--no-owner", f"--jobs={os.cpu_count()}", f"--dbname={database}"]
        quick = {**here, "PGOPTIONS": "-c synchronous_commit=off"}
        run([programs / "pg_restore", *options, dump], log, error, env=quick)
