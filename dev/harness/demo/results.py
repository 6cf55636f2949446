"""What became of the jobs, read from the database, against the plan."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

COUNTS = "SELECT state, count(*) FROM queue_job GROUP BY state"
RETRIED = """
    SELECT count(*) FROM queue_job
     WHERE retry > 1 OR retry = 1 AND state = 'pending'
"""
JOBS = """
    SELECT name, state, retry, exc_name, exc_message, graph_uuid IS NOT NULL,
           date_created, date_started, date_done, eta
      FROM queue_job
"""
LEDGER = "SELECT token, pid, date FROM queue_job_demo_ledger"

STATES = {"wait_dependencies": "waiting"}


@dataclass
class Ended:
    """A job's row in the database."""

    token: str
    state: str
    tries: int
    exc_name: str | None
    exc_message: str | None
    in_graph: bool
    created: datetime
    started: datetime | None
    done: datetime | None
    eta: datetime | None


@dataclass
class Effect:
    """A row that a job has written to the ledger."""

    token: str
    pid: int
    date: datetime


def count_states(connection, total):
    """Return the number of jobs per state, and of those to come."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        counts = {STATES.get(state, state): count for state, count in cursor.fetchall()}
        cursor.execute(RETRIED)
        [retried] = cursor.fetchone()
    return {
        "to come": total - sum(counts.values()),
        **counts,
        "retried": retried,
    }


def read(connection):
    """Return the jobs and their effects, two lists."""
    with connection.cursor() as cursor:
        cursor.execute(JOBS)
        jobs = [Ended(*row) for row in cursor.fetchall()]
        cursor.execute(LEDGER)
        return jobs, [Effect(*row) for row in cursor.fetchall()]


def mistakes(planned, jobs, effects):
    """Return a sentence for each thing that is not as planned.

    Each planned job is there once, in its state, after so many tries; one that was
    to succeed has one row in the ledger, written after those of the jobs it
    depends on; one that was to fail has none.
    """
    found = defaultdict(list)
    for job in jobs:
        found[job.token].append(job)
    dates = defaultdict(list)
    for effect in effects:
        dates[effect.token].append(effect.date)
    for job in planned:
        if len(found[job.token]) != 1:
            yield f"{job.token}: {len(found[job.token])} jobs in the database"
            continue
        [ended] = found[job.token]
        if ended.state != job.state:
            because = (
                f" ({ended.exc_name}: {ended.exc_message})" if ended.exc_name else ""
            )
            yield f"{job.token}: {ended.state}{because}, was to be {job.state}"
        if ended.tries != job.tries:
            yield f"{job.token}: tries {ended.tries}, were to be {job.tries}"
        rows = 1 if job.state == "done" else 0
        if len(dates[job.token]) != rows:
            yield f"{job.token}: rows in the ledger {len(dates[job.token])}, not {rows}"
        before = [date for token in job.after for date in dates[token]]
        if before and min(dates[job.token], default=max(before)) <= max(before):
            yield f"{job.token}: did not wait for the jobs that it depends on"
