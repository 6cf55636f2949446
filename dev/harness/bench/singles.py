"""What users feel: jobs that are enqueued one by one, in a bulk, or as a chain."""

import math
import statistics
from functools import partial

from harness.process import wait_until

from .report import LONGEST, MEDIAN, P95, Row, percentile_rows
from .site import START_LIMIT

PARALLEL = 2
RATE = 20  # jobs a second
PACE = 1 / RATE, 1 / RATE  # seconds between two jobs
IDLE = 2.5, 3.5  # the same, the runs that linger have ended
# The peer's start can't be seen. (Of longer than a run without a job may linger.)
LASTING = """
    SELECT 1 FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'idle in transaction'
       AND state_change < now() - INTERVAL '2 s'
"""
RUNS = "SELECT count(*) FROM ir_cron_progress"  # no other scheduled action is active


def enqueue(sites, number):
    """Many jobs in one transaction, with its commit. No server is running, so the
    regular runner's system is queue_job alone."""
    count, samples = number(1000, quick=50), {site.name: [] for site in sites}
    for turn in range(number(4, quick=2)):
        for site in sites:
            site.prepare(PARALLEL)
            seconds = site.call("enqueue", count=count, name="many")
            samples[site.name] += [seconds] if turn else []  # the first one warms up
    values = {name: statistics.median(each) for name, each in samples.items()}
    label = f"enqueue {count:,} jobs in one transaction"
    yield Row("enqueue many", label, "s", values, drawn=True, samples=samples)


def stream(sites, number):
    """At a steady pace, and so far apart that the server is idle in between. Enqueueing
    is compared with such a stream where nothing runs the jobs: with queue_job alone."""
    single, at_pace, cost, runs = {}, {}, {}, {}
    few = {"name": "single", "count": number(12, quick=2), "pause": IDLE}
    many = {"name": "stream", "count": number(15 * RATE, quick=40), "pause": PACE}
    for site in sites:
        site.prepare(PARALLEL)
        if site.regular:
            jobs = site.call("enqueue_singly", **many)
            cost[site.name] = [1000 * seconds for *_job, seconds in jobs]
            site.prepare(PARALLEL)
        with site.server(PARALLEL):
            jobs = site.call("enqueue_singly", **few)
            single[site.name] = _waits(site, "single", jobs)
            before = site.regular or site.value(RUNS)
            jobs = site.call("enqueue_singly", **many)
            at_pace[site.name] = _waits(site, "stream", jobs)
            if not site.regular:
                cost[site.name] = [1000 * seconds for *_job, seconds in jobs]
                runs[site.name] = (site.value(RUNS) - before) / len(jobs)
    label, pace = "commit to start, idle server", f"{RATE} jobs a second"
    yield from percentile_rows("idle start", label, "ms", single, (MEDIAN, P95))
    label, shares = f"commit to start, {pace}", (MEDIAN, P95, LONGEST)
    yield from percentile_rows("stream", label, "ms", at_pace, shares)
    label = f"enqueue one job, {pace}"
    yield from percentile_rows("enqueue one", label, "ms", cost, (MEDIAN,))
    yield Row("runs", f"runs per job, {pace}", "", runs)


def _waits(site, name, jobs):
    """Return the milliseconds from the commit to the start of each of these jobs."""
    site.wait_until_ended(name, len(jobs))
    starts = site.starts(name)
    return [1000 * (starts.get(uuid, math.inf) - moment) for uuid, moment, _ in jobs]


def chain(sites, number):
    """How soon a job starts that waits for another one."""
    count, links, triggers = number(60, quick=10), {}, {}
    for site in sites:
        site.prepare(PARALLEL)
        with site.server(PARALLEL):
            site.call("enqueue_chain", count=count, name="link")
            links[site.name] = 1000 * site.span("link", count) / count
            if not site.regular:
                triggers[site.name] = site.triggers_left()
    yield Row("chain", f"chain of {count} no-op jobs, each", "ms", links, drawn=True)
    yield Row("chain triggers", "triggers left by the chain", "", triggers)


def busy(sites, number):
    """What they leave behind while the first runner has a job that lasts: whoever
    enqueues triggers a runner, and Odoo deletes a runner's triggers when it runs."""
    count, triggers = number(3000, quick=50), {}
    for site in sites:
        if not site.regular:
            site.prepare(1)
            with site.server(PARALLEL, "--limit-time-real-cron=0"):
                site.call("enqueue", count=1, name="long", duration=3600)
                lasts, error = partial(site.execute, LASTING), "No job lasts."
                wait_until(lasts, START_LIMIT, error)
                site.call("have_runners", count=2)
                site.call("enqueue_singly", count=count, name="short")
                site.wait_until_ended("short", count)
                triggers[site.name] = site.triggers_left()
                wait_until(lasts, 0, error)
    label = f"triggers left by {count:,} jobs beside a busy runner"
    yield Row("busy", label, "", triggers)
