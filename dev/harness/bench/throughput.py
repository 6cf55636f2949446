"""Jobs per second, and CPU seconds per job, with 1, 2 and 4 jobs in parallel.

From the first start to the last end of jobs that were there when the server started.
"""

from . import cpu
from .live import PATIENCE
from .row import Row

PARALLEL = 1, 2, 4
NO_OP, WAITING = "no-op", "waiting"
WAIT = 0.02  # seconds that a waiting job lasts
LABELS = {NO_OP: "no-op jobs", WAITING: f"{1000 * WAIT:.0f} ms jobs"}
CPU_AT = 2  # in parallel
SPAN = """
    SELECT EXTRACT(EPOCH FROM max(date_done) - min(date_started))::float8
      FROM queue_job
     WHERE name = %s AND state = 'done'
"""


def before(bench, site, parallel):
    counts = _counts(bench, parallel)
    site.enqueue(count=counts[NO_OP], name=NO_OP, priority=2)
    site.enqueue(count=counts[WAITING], name=WAITING, priority=3, duration=WAIT)


def measure(bench, site, server, parallel):
    """Return what became of the jobs of each kind."""
    counts = _counts(bench, parallel)
    return {name: _drain(site, server, name, counts[name]) for name in counts}


def rows(found):
    for name, label in LABELS.items():
        for parallel, systems in found.items():
            yield _row(name, label, parallel, {n: systems[n][name] for n in systems})
    if CPU_AT in found:
        drained = {name: each[NO_OP] for name, each in found[CPU_AT].items()}
        yield Row(
            "cpu",
            "throughput",
            f"CPU seconds per 1,000 no-op jobs, {CPU_AT} in parallel",
            "s",
            {n: each["cpu"] and 1000 * each["cpu"] for n, each in drained.items()},
            drawn=True,
        )


def _counts(bench, parallel):
    return {
        NO_OP: bench.number(400, quick=30),
        WAITING: bench.number(100, quick=10) * parallel,
    }


def _drain(site, server, name, count):
    """Return the jobs done, the seconds they took, and the CPU seconds of one."""
    cluster = site.system.env.cluster
    pids = [server.process.pid, cluster.pid] if cluster else []
    first, used = site.count_ended(name), cpu.used(*pids)
    ended = site.wait_until_done(name, count, server, PATIENCE)
    used = cpu.used(*pids) - used
    [[seconds]] = site.query(SPAN, name)
    per_job = used / (ended - first) if pids and ended > first else None
    return {"count": count, "ended": ended, "seconds": seconds, "cpu": per_job}


def _row(name, label, parallel, drained):
    values, notes = {}, []
    for system, each in drained.items():
        if each["ended"] < each["count"]:
            values[system] = None
            notes.append(
                f"{system}, {label}, {parallel} in parallel: no job ended any more "
                f"after {each['ended']} of {each['count']}"
            )
        else:
            values[system] = each["count"] / each["seconds"]
    return Row(
        f"{name} {parallel}",
        "throughput",
        f"{label} per second, {parallel} in parallel",
        "/s",
        values,
        more_is_better=True,
        drawn=True,
        samples={system: [each] for system, each in drained.items()},
        notes=notes,
    )
