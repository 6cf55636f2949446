"""What a server costs that has nothing to do: CPU seconds of an hour.

Measured in three parts. What Odoo's processes do every few seconds; what the cron
workers do when they look for work, once in `POLL` seconds; and what the runners do when
they run because their interval is over. The latter two are made to happen. What else
happens once in a while, such as the regular runner's look each minute, is left out.
"""

import time

from .report import Row
from .site import cpu_seconds

PARALLEL = 4
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


def measure(bench):
    parts = {}
    for site in bench.sites:
        site.prepare(PARALLEL)
        with site.server(PARALLEL) as server:
            parts[site.name] = _measure(bench, site, server)
    label = f"CPU seconds of an idle hour, {PARALLEL} in parallel"
    values = {name: sum(each.values()) for name, each in parts.items()}
    yield Row("idle", label, "s", values, drawn=True, samples=parts)


def _measure(bench, site, server):
    """Return the CPU seconds of each part in an hour."""
    window, enough = bench.number(12, 1), bench.number(1.5, 0.5)  # seconds

    def used(make_happen, seconds):
        before = cpu_seconds(server.process.pid)
        make_happen()
        time.sleep(seconds)
        return cpu_seconds(server.process.pid) - before

    def run():
        site.execute(MAKE_DUE)
        site.notify()

    site.execute(POSTPONE)
    site.notify()
    time.sleep(enough)
    quiet = used(lambda: None, window) / window

    def extra(make_happen):
        """Return the CPU seconds of one time, on top of those of the quiet server."""
        times = bench.number(2, 1)
        return sum(used(make_happen, enough) for _ in range(times)) / times - (
            quiet * enough
        )

    found = {"all the time": quiet * HOUR, "polls": extra(site.notify) * HOUR / POLL}
    if not site.regular:
        found["runs"] = extra(run) * HOUR / site.value(INTERVAL)
    return found
