"""What enqueueing 1,000 jobs in one transaction costs, with the commit.

No server is running, so the regular runner's system is queue_job alone.
"""

import statistics

from .report import Row

RUNNERS = 2


def measure(bench):
    count, seconds = bench.number(1000, 50), {}
    for site in bench.sites:
        site.prepare(RUNNERS)
        site.call("enqueue", count=20, name="warm-up")
    for _round in range(bench.number(3, 1)):
        for site in bench.sites:
            taken = site.call("enqueue", count=count, name="many")
            seconds.setdefault(site.name, []).append(taken)
    label = f"enqueue {count:,} jobs in one transaction"
    values = {name: statistics.median(each) for name, each in seconds.items()}
    yield Row("enqueue many", label, "s", values, drawn=True, samples=seconds)
