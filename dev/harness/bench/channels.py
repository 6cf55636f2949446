"""Jobs per second while so many wait that a runner can't have done them all, by the
number of channels that they are in: one for each customer, perhaps."""

import time

from .backlog import add_channels, add_jobs
from .report import Row
from .site import ENDED, OURS, REGULAR

PARALLEL = 2
NAME = "waiting"
CASES = {  # (channels, paused ones of them): the systems
    (1, 0): (OURS, REGULAR),
    (200, 0): (OURS,),
    (2_000, 0): (OURS, REGULAR),
    (10_000, 0): (OURS,),
    (2_000, 1_000): (OURS,),
}
LIMIT = """
    UPDATE queue_job_channel
       SET capacity = %s, paused = complete_name = ANY(%s)
     WHERE complete_name = ANY(%s)
"""


def measure(bench):
    for (channels, paused), systems in CASES.items():
        rates = {
            site.name: _rate(bench, site, channels, paused)
            for site in bench.sites
            if site.name in systems
        }
        label = f"no-op jobs per second, {channels:,} channels"
        key = f"channels {channels}"
        if paused:
            key, label = "channels paused", f"{label}, {paused:,} of them paused"
        yield Row(key, label, "/s", rates, more_is_better=True)


def _rate(bench, site, channels, paused):
    """Return the jobs per second. Those of paused channels stand in front of the queue.

    Each channel has a limit, so great that it never holds a job.
    """
    count = bench.number(20_000, 1_000)
    site.prepare(PARALLEL)
    names = add_channels(site, channels)
    if site.name == OURS:
        site.execute(LIMIT, PARALLEL, names[:paused], names)
    if paused:
        add_jobs(site, NAME, count // 2, names[:paused], priority=5)
        count -= count // 2
    add_jobs(site, NAME, count, names[paused:])
    site.execute("VACUUM ANALYZE queue_job")
    with site.server(PARALLEL):
        time.sleep(bench.number(2, 0.2))
        before, start = site.value(ENDED, NAME), time.monotonic()
        time.sleep(bench.number(20, 1))
        return (site.value(ENDED, NAME) - before) / (time.monotonic() - start)
