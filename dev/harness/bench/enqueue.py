"""What enqueueing costs: 1,000 jobs in one transaction, and one, with the commit.

No server is running; the clients take turns. Without one, the regular runner's system
is queue_job alone.
"""

import statistics

from .row import Row

RUNNERS = 2


def measure(bench):
    """Return the rows."""
    many = {site.system.name: [] for site in bench.sites}
    single = {site.system.name: [] for site in bench.sites}
    count = bench.number(1000, quick=50)
    for site in bench.sites:
        site.prepare(RUNNERS)
        site.enqueue(count=20)
    for _round in range(bench.number(3, quick=1)):
        for site in bench.sites:
            many[site.system.name].append(sum(site.enqueue(count=count)))
    for _round in range(bench.number(10, quick=2)):
        for site in bench.sites:
            client = site.clients[0]
            single[site.system.name] += client.call("enqueue_singly", count=10)
    return [
        _row("enqueue many", f"enqueue {count:,} jobs in one transaction", "s", many),
        _row("enqueue one", "enqueue one job", "ms", single, 1000),
    ]


def _row(key, label, unit, samples, factor=1):
    return Row(
        key,
        "enqueue",
        label,
        unit,
        {name: factor * statistics.median(found) for name, found in samples.items()},
        drawn=True,
        samples=samples,
    )
