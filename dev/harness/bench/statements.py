"""SQL statements per job, as PostgreSQL's log has them: those of the whole server."""

import re
from contextlib import contextmanager

from harness.cluster import SUPERUSER
from harness.databases import Databases

from .live import PATIENCE
from .row import Row

PARALLEL = (1,)
NAME = "logged"
WARM_UP = 10  # jobs that do not count
LINE_PREFIX = "%n %d "
LINE = re.compile(r"^([0-9.]+) (\S+) LOG:  (?:statement|execute [^:]+): (.*)", re.M)
COMMIT = re.compile(r"COMMIT\b", re.I)
TRANSACTION = re.compile(r"(BEGIN\b|COMMIT\b|ROLLBACK;?$)", re.I)
STARTS = """
    SELECT EXTRACT(EPOCH FROM date_started)::float8
      FROM queue_job
     WHERE name = %s
     ORDER BY date_started
"""


def measure(bench, site, server, _parallel):
    """Return statements and commits per job; None if PostgreSQL is not ours."""
    cluster = site.system.env.cluster
    if not cluster:
        return None
    count = bench.number(70, quick=20)
    offset = cluster.log.stat().st_size
    with _logged(cluster):
        site.enqueue(count=count, name=NAME)
        site.wait_until_done(NAME, count, server, PATIENCE)
    starts = [moment for (moment,) in site.query(STARTS, NAME) if moment]
    if len(starts) < count:
        return None
    return _per_job(cluster, offset, site.database, starts[WARM_UP:])


def rows(found):
    [systems] = found.values()
    yield Row(
        "statements",
        "statements",
        "SQL statements per no-op job",
        "",
        {name: each and each["statements"] for name, each in systems.items()},
        drawn=True,
        samples={name: [each] for name, each in systems.items()},
    )


def log_statements(cluster, which):
    """Let all sessions log their statements, as only the superuser may.

    :param which: a value of PostgreSQL's `log_statement`
    """
    databases = Databases({**cluster.variables, "PGUSER": SUPERUSER})
    with databases.connect() as connected, connected.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET log_line_prefix = %s", [LINE_PREFIX])
        cursor.execute("ALTER SYSTEM SET log_statement = %s", [which])
        cursor.execute("SELECT pg_reload_conf()")


@contextmanager
def _logged(cluster):
    log_statements(cluster, "all")
    try:
        yield
    finally:
        log_statements(cluster, "none")


def _per_job(cluster, offset, database, starts):
    """Count from the first of these starts to the last."""
    with cluster.log.open() as log:
        log.seek(offset)
        lines = LINE.findall(log.read())
    texts = [
        text
        for moment, name, text in lines
        if name == database and starts[0] <= float(moment) < starts[-1]
    ]
    jobs = len(starts) - 1
    return {
        "statements": sum(not TRANSACTION.match(text) for text in texts) / jobs,
        "commits": sum(bool(COMMIT.match(text)) for text in texts) / jobs,
    }
