"""How late a job starts whose time has come: an eta, the delay of a retry.

All jobs are enqueued at the beginning. From then on nothing happens that could wake a
worker by chance. Their times are apart, so that the server is idle between them.
"""

import math
import random

from .report import MEDIAN, P95, percentile_rows

PARALLEL = 2
KINDS = {"eta": "an eta", "retry": "a retry"}
FIRST = 2  # seconds from the beginning
GAPS = 0.2, 2.2  # seconds between two moments, with a job of each kind
PATIENCE = 150  # seconds without a job that starts: Odoo itself looks once a minute
STARTS = """
    SELECT EXTRACT(EPOCH FROM date_started - eta)::float8
      FROM queue_job
     WHERE name = %s AND state IN ('done', 'failed')
"""


def measure(bench):
    rng, moments = random.Random(0), [FIRST]
    while len(moments) < bench.number(20, 2):
        moments.append(moments[-1] + rng.uniform(*GAPS))
    rng.shuffle(moments)
    late = {kind: {} for kind in KINDS}
    for site in bench.sites:
        site.prepare(PARALLEL)
        with site.server(PARALLEL):
            site.call("enqueue_ahead", eta="eta", retry="retry", seconds=moments)
            for kind, samples in late.items():
                ended = site.wait_until_ended(kind, len(moments), PATIENCE)
                found = [seconds for (seconds,) in site.execute(STARTS, kind)]
                samples[site.name] = found + [math.inf] * (len(moments) - ended)
    for kind, what in KINDS.items():
        label = f"lateness of {what}"
        yield from percentile_rows(kind, label, "s", late[kind], (MEDIAN, P95))
