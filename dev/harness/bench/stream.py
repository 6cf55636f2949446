"""Single jobs of users, one transaction each, as they come on an ordinary day.

At a steady pace, and so far apart that the server is idle in between. Enqueueing is
compared with the same stream where nothing runs the jobs: with queue_job alone.
"""

import math

from .report import LONGEST, MEDIAN, P95, Row, percentile_rows

PARALLEL = 2
STREAM, SINGLE = "stream", "single"
RATE = 20  # jobs a second
IDLE = 2.5, 3.5  # seconds between two jobs: the runs that linger have ended
STARTS = """
    SELECT uuid, EXTRACT(EPOCH FROM date_started)::float8
      FROM queue_job
     WHERE name = %s AND date_started IS NOT NULL
"""
RUNS = """
    SELECT count(*)
      FROM ir_cron_progress
      JOIN ir_cron ON ir_cron.id = ir_cron_progress.cron_id
     WHERE ir_cron.queue_job_runner
"""


def measure(bench):
    count, pause = bench.number(15 * RATE, 40), (1 / RATE, 1 / RATE)
    stream, single, cost, runs = {}, {}, {}, {}
    for site in bench.sites:
        site.prepare(PARALLEL)
        if site.regular:
            jobs = site.call("enqueue_singly", count=count, name=STREAM, pause=pause)
            cost[site.name] = _milliseconds(jobs)
            site.prepare(PARALLEL)
        with site.server(PARALLEL):
            few = bench.number(12, 2)
            jobs = site.call("enqueue_singly", count=few, name=SINGLE, pause=IDLE)
            single[site.name] = _waits(site, SINGLE, jobs)
            before = 0 if site.regular else site.value(RUNS)
            jobs = site.call("enqueue_singly", count=count, name=STREAM, pause=pause)
            stream[site.name] = _waits(site, STREAM, jobs)
            if not site.regular:
                runs[site.name] = (site.value(RUNS) - before) / count
                cost[site.name] = _milliseconds(jobs)
    label = "commit to start, idle server"
    yield from percentile_rows("idle start", label, "ms", single, (MEDIAN, P95))
    at_pace, shares = f"{RATE} jobs a second", (MEDIAN, P95, LONGEST)
    label = f"commit to start, {at_pace}"
    yield from percentile_rows("stream", label, "ms", stream, shares)
    label = f"enqueue one job, {at_pace}"
    yield from percentile_rows("enqueue one", label, "ms", cost, (MEDIAN,))
    yield Row("runs", f"runs per job, {at_pace}", "", runs)


def _waits(site, name, jobs):
    """Return the milliseconds from the commit to the start of each of these jobs."""
    site.wait_until_ended(name, len(jobs))
    starts = dict(site.execute(STARTS, name))
    return [
        1000 * (starts.get(uuid, math.inf) - committed)
        for uuid, committed, _seconds in jobs
    ]


def _milliseconds(jobs):
    return [1000 * seconds for _uuid, _committed, seconds in jobs]
