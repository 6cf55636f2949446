"""What jobs cost with 1, 2 and 4 runners, when enough of them wait.

From the first start to the last end of jobs that were there when the server started.
"""

import re

from harness.cluster import SUPERUSER
from harness.databases import Databases

from .report import Row
from .site import ENDED, cpu_seconds

NO_OP, WAITING, LOGGED = "no-op", "waiting", "logged"
WAIT = 0.02  # seconds that a waiting job lasts
STATEMENTS_AT, CPU_AT = 1, 2  # runners
WARM_UP = 10  # jobs whose statements do not count
LINE_PREFIX = "%n %d "
LINE = re.compile(r"^([0-9.]+) (\S+) LOG:  (?:statement|execute [^:]+): (.*)", re.M)
TRANSACTION = re.compile(r"(BEGIN\b|COMMIT\b|ROLLBACK;?$)", re.I)
STARTS = """
    SELECT EXTRACT(EPOCH FROM date_started)::float8
      FROM queue_job
     WHERE name = %s
     ORDER BY date_started
"""


def measure(bench):
    cpu, statements = {}, {}
    for parallel in (1, 2, 4):
        no_op, waiting = {}, {}
        for site in bench.sites:
            name, cluster = site.name, site.env.cluster
            many, few = bench.number(800, 30), bench.number(100, 10) * parallel
            site.prepare(parallel)
            site.call("enqueue", count=many, name=NO_OP, priority=2)
            site.call("enqueue", count=few, name=WAITING, priority=3, duration=WAIT)
            with site.server(parallel) as server:
                pids = [server.process.pid, cluster.pid] if cluster else []
                left, used = many - site.value(ENDED, NO_OP), cpu_seconds(*pids)
                seconds = site.span(NO_OP, many)
                no_op[name] = seconds and many / seconds
                if parallel == CPU_AT and cluster and left:
                    cpu[name] = 1000 * (cpu_seconds(*pids) - used) / left
                seconds = site.span(WAITING, few)
                waiting[name] = seconds and few / seconds
                if parallel == STATEMENTS_AT and cluster:
                    statements[name] = _statements(site, bench.number(110, 20))
        yield _per_second(NO_OP, "no-op jobs", parallel, no_op)
        yield _per_second(WAITING, f"{1000 * WAIT:.0f} ms jobs", parallel, waiting)
    label = f"CPU seconds per 1,000 no-op jobs, {CPU_AT} in parallel"
    yield Row("cpu", label, "s", cpu, drawn=True)
    yield Row("statements", "SQL statements per no-op job", "", statements, drawn=True)


def _per_second(kind, label, parallel, values):
    label = f"{label} per second, {parallel} in parallel"
    key = f"{kind} {parallel}"
    return Row(key, label, "/s", values, more_is_better=True, drawn=True)


def _statements(site, count):
    """Return the statements per job of the whole server, as PostgreSQL's log has them.

    Without those that begin and end transactions. From one start to another.
    """
    cluster = site.env.cluster
    offset = cluster.log.stat().st_size
    try:
        log_statements(cluster, "all")
        site.call("enqueue", count=count, name=LOGGED)
        if site.span(LOGGED, count) is None:
            return None
    finally:
        log_statements(cluster, "none")
    starts = [moment for (moment,) in site.execute(STARTS, LOGGED)][WARM_UP:]
    with cluster.log.open() as log:
        log.seek(offset)
        lines = LINE.findall(log.read())
    found = sum(
        database == site.database
        and starts[0] <= float(moment) < starts[-1]
        and not TRANSACTION.match(text)
        for moment, database, text in lines
    )
    return found / (len(starts) - 1)


def log_statements(cluster, which):
    """Let all sessions log their statements, as only the superuser may.

    :param which: a value of PostgreSQL's `log_statement`
    """
    databases = Databases({**cluster.variables, "PGUSER": SUPERUSER})
    with databases.connect() as connected, connected.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET log_line_prefix = %s", [LINE_PREFIX])
        cursor.execute("ALTER SYSTEM SET log_statement = %s", [which])
        cursor.execute("SELECT pg_reload_conf()")
