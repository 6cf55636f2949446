"""What jobs cost with 1, 2 and 4 runners, when enough of them wait."""

import re

from harness.cluster import SUPERUSER
from harness.databases import Databases

from .report import Row
from .site import ENDED, cpu_seconds

WARM_UP = 10  # jobs whose statements do not count
LINE_PREFIX = "%n %d "
LINE = re.compile(  # when, where: of statements that neither begin nor end transactions
    r"^([0-9.]+) (\S+) LOG:  (?:statement|execute [^:]+): "
    r"(?!BEGIN\b|COMMIT\b|ROLLBACK;?$)",
    re.M | re.I,
)


def throughput(sites, number):
    """From the first start to the last end of jobs that were there when the server
    started."""
    cpu, statements = {}, {}
    for parallel in (1, 2, 4):
        no_op, waiting = {}, {}
        for site in sites:
            name, cluster = site.name, site.env.cluster
            many, few = number(800, quick=30), number(100, quick=10) * parallel
            site.prepare(parallel)
            site.call("enqueue", count=many, name="no-op", priority=2)
            site.call("enqueue", count=few, name="waiting", priority=3, duration=0.02)
            with site.server(parallel) as server:
                pids = [server.process.pid, cluster.pid] if cluster else []
                left, used = many - site.value(ENDED, "no-op"), cpu_seconds(*pids)
                no_op[name] = many / site.span("no-op", many)
                if parallel == 2 and cluster:
                    cpu[name] = 1000 * (cpu_seconds(*pids) - used) / left
                waiting[name] = few / site.span("waiting", few)
                if parallel == 1 and cluster:
                    statements[name] = _statements(site, number(110, quick=20))
        better, end = {"more_is_better": True, "drawn": True}, f"{parallel} in parallel"
        label = f"no-op jobs per second, {end}"
        yield Row(f"no-op {parallel}", label, "/s", no_op, **better)
        label = f"20 ms jobs per second, {end}"
        yield Row(f"waiting {parallel}", label, "/s", waiting, **better)
    label = "CPU seconds per 1,000 no-op jobs, 2 in parallel"
    yield Row("cpu", label, "s", cpu, drawn=True)
    yield Row("statements", "SQL statements per no-op job", "", statements, drawn=True)


def _statements(site, count):
    """Return the statements per job of the whole server, from one start to another, as
    PostgreSQL's log has them."""
    log = site.env.cluster.log
    offset = log.stat().st_size
    try:
        log_statements(site.env.cluster, "all")
        site.call("enqueue", count=count, name="logged")
        site.wait_until_ended("logged", count)
    finally:
        log_statements(site.env.cluster, "none")
    first, *_starts, last = list(site.starts("logged").values())[WARM_UP:]
    found = sum(
        database == site.database and first <= float(moment) < last
        for moment, database in LINE.findall(log.read_bytes()[offset:].decode())
    )
    return found / (count - WARM_UP - 1)


def log_statements(cluster, which):
    """Let all sessions log such statements (`log_statement`), as a superuser may."""
    databases = Databases({**cluster.variables, "PGUSER": SUPERUSER})
    with databases.connect() as connected, connected.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET log_line_prefix = %s", [LINE_PREFIX])
        cursor.execute("ALTER SYSTEM SET log_statement = %s", [which])
        cursor.execute("SELECT pg_reload_conf()")
