"""A server that has nothing to do, or nothing yet."""

import math
import random
import time
from functools import partial

from .report import MEDIAN, P95, Row, percentile_rows
from .site import cpu_seconds

GAPS = 0.2, 2.2  # seconds between two moments, with a job of each kind
PATIENCE = 150  # seconds without a job that starts: Odoo itself looks once a minute
LATENESS = """
    SELECT EXTRACT(EPOCH FROM date_started - eta)::float8
      FROM queue_job
     WHERE name = %s AND state IN ('done', 'failed')
"""
RUNNERS = 4  # of an idle server
HOUR = 3600  # seconds
POLL = 64.5  # seconds: SLEEP_INTERVAL + pid % 10 in odoo/service/server.py, on average
POSTPONE = """
    UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' + INTERVAL '1 day';
    DELETE FROM ir_cron_trigger
"""
MAKE_DUE = "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' WHERE active"
INTERVAL = """
    SELECT EXTRACT(EPOCH FROM interval_number * ('1 ' || interval_type)::interval)::int
      FROM ir_cron
     WHERE active
     LIMIT 1
"""


def delays(sites, number):
    """How late a job starts whose time has come: an eta, the delay of a retry.

    All jobs are enqueued at the beginning. From then on nothing happens that could wake
    a worker by chance. Their times are apart, so that the server is idle between them.
    """
    rng, moments, late = random.Random(0), [2], {"eta": {}, "retry": {}}
    while len(moments) < number(20, quick=2):
        moments.append(moments[-1] + rng.uniform(*GAPS))
    rng.shuffle(moments)
    for site in sites:
        site.prepare(2)
        with site.server(2):
            site.call("enqueue_ahead", seconds=moments)
            for kind, samples in late.items():
                ended = site.wait_until_ended(kind, len(moments), PATIENCE)
                found = [seconds for (seconds,) in site.execute(LATENESS, [kind])]
                samples[site.name] = found + [math.inf] * (len(moments) - ended)
    for kind, samples in late.items():
        yield from percentile_rows(kind, f"late by {kind}", "s", samples, (MEDIAN, P95))


def idle(sites, number):
    """CPU seconds of an hour, in three parts.

    What Odoo's processes do every few seconds; what the cron workers do when they look
    for work, once in `POLL` seconds; and what the runners do when their interval is
    over. The latter two are made to happen. What else happens once in a while, such as
    the regular runner's look each minute, is left out.
    """
    parts = {}
    for site in sites:
        site.prepare(RUNNERS)
        with site.server(RUNNERS) as server:
            parts[site.name] = _idle_hour(site, server, number)
    values = {name: sum(each.values()) for name, each in parts.items()}
    label = f"CPU seconds of an idle hour, {RUNNERS} in parallel"
    yield Row("idle", label, "s", values, drawn=True, samples=parts)


def _idle_hour(site, server, number):
    window, enough = number(12, quick=1), number(1.5, quick=0.5)  # seconds

    def used(seconds, *events):
        before = cpu_seconds(server.process.pid)
        for happen in events:
            happen()
        time.sleep(seconds)
        return cpu_seconds(server.process.pid) - before

    def extra(*events):
        """Return the CPU seconds of one time, on top of those of the quiet server."""
        times = number(2, quick=1)
        return sum(used(enough, *events) for _ in range(times)) / times - enough * quiet

    site.execute(POSTPONE)
    used(enough, site.notify)
    quiet = used(window) / window
    found = {"always": quiet * HOUR, "polls": extra(site.notify) * HOUR / POLL}
    if not site.regular:
        run = extra(partial(site.execute, MAKE_DUE), site.notify)
        found["runs"] = run * HOUR / site.value(INTERVAL)
    return found
