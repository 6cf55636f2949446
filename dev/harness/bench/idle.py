"""What a server costs that has nothing to do: CPU seconds of an hour.

Measured in three parts. What Odoo's processes do every few seconds; what the cron
workers do when they look for work, once in `POLL` seconds; and what the runners do when
they run because their interval is over. The latter two are made to happen. What else
happens once in a while, such as the regular runner's look each minute, is left out.
"""

import time

from . import cpu
from .row import Row

PARALLEL = (4,)
HOUR = 3600  # seconds
POLL = 64.5  # seconds: SLEEP_INTERVAL + pid % 10 in odoo/service/server.py, on average
POSTPONE = "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' + INTERVAL '1 day'"
# What earlier measurements have left for later would fall into the window.
FORGET = "DELETE FROM ir_cron_trigger"
MAKE_DUE = "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' WHERE active"
INTERVAL = """
    SELECT EXTRACT(EPOCH FROM interval_number * ('1 ' || interval_type)::interval)::int
      FROM ir_cron
     WHERE active
     LIMIT 1
"""


def measure(bench, site, server, _parallel):
    """Return the CPU seconds of each part in an hour."""

    def run():
        site.execute(MAKE_DUE)
        site.notify()

    window = bench.number(12, quick=1)  # seconds
    times = bench.number(2, quick=1)
    enough = bench.number(1.5, quick=0.5)  # seconds for what is made to happen
    site.execute(POSTPONE)
    site.execute(FORGET)
    site.notify()
    time.sleep(enough)
    quiet = _used(server, lambda: None, window) / window

    def extra(make_happen):
        """Return the CPU seconds of one time, on top of those of the quiet server."""
        used = [_used(server, make_happen, enough) for _number in range(times)]
        return sum(used) / times - quiet * enough

    found = {"all the time": quiet * HOUR, "polls": extra(site.notify) * HOUR / POLL}
    if intervals := site.query(INTERVAL):
        [[interval]] = intervals
        found["runs"] = extra(run) * HOUR / interval
    return found


def rows(found):
    [[parallel, systems]] = found.items()
    yield Row(
        "idle",
        "idle",
        f"CPU seconds of an idle hour, {parallel} in parallel",
        "s",
        {name: sum(parts.values()) for name, parts in systems.items()},
        drawn=True,
        samples={name: [parts] for name, parts in systems.items()},
    )


def _used(server, begin, seconds):
    before = cpu.used_exactly(server.process.pid)
    begin()
    time.sleep(seconds)
    return cpu.used_exactly(server.process.pid) - before
