"""Runs per job, and the longest wait, of jobs that come one by one from two clients."""

from .row import LONGEST, P95, Row, percentile_rows
from .site import CLIENTS

PARALLEL = (4,)
NAME = "trickle"
RATE = 20  # jobs a second, of all clients together
PATIENCE = 60  # seconds
RUNS = """
    SELECT count(*)
      FROM ir_cron_progress
      JOIN ir_cron ON ir_cron.id = ir_cron_progress.cron_id
     WHERE ir_cron.queue_job_runner
"""
WAITS = """
    SELECT 1000 * EXTRACT(EPOCH FROM date_started - date_created)::float8
      FROM queue_job
     WHERE name = %s AND state = 'done'
"""


def measure(bench, site, server, _parallel):
    """Return the runs per job, and the milliseconds that each job has waited.

    There are more runners than clients, and the jobs do nothing: a job that waits does
    so while a runner is idle. The regular runner has no runs; fewer jobs are enough to
    tell its waits.
    """
    count = bench.number(200 if site.system.regular else 1000, quick=40) // CLIENTS
    before = _runs(site)
    for client in site.clients:
        interval = CLIENTS / RATE
        client.ask("enqueue_at_pace", count=count, name=NAME, interval=interval)
    for client in site.clients:
        client.answer()
    jobs = count * CLIENTS
    ended = site.wait_until_done(NAME, jobs, server, PATIENCE)
    runs = _runs(site) - before if before is not None else None
    waits = [milliseconds for (milliseconds,) in site.query(WAITS, NAME)]
    return {
        "runs": None if runs is None else runs / jobs,
        "waits": waits + [None] * (jobs - ended),
    }


def rows(found):
    [systems] = found.values()
    runs = {name: each["runs"] for name, each in systems.items()}
    waits = {name: each["waits"] for name, each in systems.items()}
    yield Row("runs", "runs", f"runs per job, {RATE} jobs a second", "", runs)
    label = f"wait of a job, {RATE} jobs a second"
    yield from percentile_rows("wait", "runs", label, "ms", waits, (P95, LONGEST))


def _runs(site):
    return None if site.system.regular else site.query(RUNS)[0][0]
