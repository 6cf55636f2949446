"""How late a job starts whose time has come: an eta, the delay of a retry.

All jobs are enqueued at the beginning. From then on nothing happens that could wake a
worker by chance. Their times are apart, so that the server is idle between them.
"""

import random

from .row import MEDIAN, P95, percentile_rows

PARALLEL = (2,)
ETA, RETRY = "eta", "retry"
FIRST = 2  # seconds from the beginning
GAPS = 0.2, 2.2  # seconds between two moments, with a job of each kind
PATIENCE = 150  # seconds without a job that starts: Odoo itself looks once a minute
STARTS = """
    SELECT EXTRACT(EPOCH FROM date_started - eta)::float8
      FROM queue_job
     WHERE name = %s AND state IN ('done', 'failed')
"""


def measure(bench, site, server, _parallel):
    """Return the seconds from the eta to the start, for each kind of job."""
    moments = _moments(bench.number(20, quick=2))
    client = site.clients[0]
    client.call("enqueue_failing", name=RETRY, seconds=moments)
    client.call("enqueue_for_later", name=ETA, seconds=moments)
    found = {}
    for name in (ETA, RETRY):
        ended = site.wait_until_done(name, len(moments), server, PATIENCE)
        found[name] = [seconds for (seconds,) in site.query(STARTS, name)]
        found[name] += [None] * (len(moments) - ended)
    return found


def rows(found):
    [systems] = found.values()
    for kind, what in [(ETA, "an eta"), (RETRY, "a retry")]:
        samples = {name: kinds[kind] for name, kinds in systems.items()}
        label = f"lateness of {what}"
        yield from percentile_rows(kind, "delays", label, "s", samples, (MEDIAN, P95))


def _moments(count):
    """Return times in seconds from now, the same ones each time, in no order."""
    rng = random.Random(0)
    moments = [FIRST]
    while len(moments) < count:
        moments.append(moments[-1] + rng.uniform(*GAPS))
    rng.shuffle(moments)
    return moments
