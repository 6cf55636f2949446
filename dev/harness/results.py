"""What became of the jobs, read from the database: while they run, and at the end,
against the plan and in figures."""

import time
from collections import Counter, defaultdict
from statistics import median

from rich.markup import escape
from rich.table import Table

COUNTS = "SELECT state, count(*) FROM queue_job GROUP BY state"
RETRIED = """
    SELECT count(*) FROM queue_job
     WHERE retry > 1 OR retry = 1 AND state = 'pending'
"""
JOBS = """
    SELECT name AS token, state, retry AS tries, exc_name, exc_message, exc_info,
           graph_uuid IS NOT NULL AS in_graph, date_created AS created,
           date_started AS started, date_done AS done, eta
      FROM queue_job
"""
# The ids tell what came first: hosts' clocks may be wrong.
EFFECTS = "SELECT token, pid, id FROM queue_job_demo_ledger"

COLORS = {
    "to come": "dim",
    "waiting": "magenta",
    "pending": "yellow",
    "started": "cyan",
    "done": "green",
    "failed": "red",
    "retried": "blue",
}
ENDED = ("done", "failed", "cancelled", "deleted")
TICK = 0.3  # seconds
INTERVAL = 2  # seconds between two lines
SHOWN = 30  # mistakes


def count_states(query, total, deleted=0):
    """Return the number of jobs per state, and of those to come and deleted.

    :param query: Databases.query(), of that database
    """
    counts, [[retried]] = dict(query(COUNTS)), query(RETRIED)
    to_come = total - deleted - sum(counts.values())
    counts["waiting"] = counts.pop("wait_dependencies", 0)
    more = {"to come": to_come, "deleted": deleted, "retried": retried}
    return {**counts, **more}


def watch(console, total, count, patience, each):
    """Print the jobs per state now and then until so many have ended, or none has for
    so many seconds; return how many have.

    :param count: a function that returns the jobs per state, or None
    :param each: one that is called with the number each time
    """
    best, counts, shown = -1, {}, 0
    start = since = time.monotonic()
    while best < total and time.monotonic() - since < patience:
        counts = count() or counts
        now, ended = time.monotonic(), sum(counts.get(state, 0) for state in ENDED)
        if ended > best:
            best, since = ended, now
        if now - shown > INTERVAL or best == total:
            shown = now
            states = [
                f"[{color}]{state} {counts[state]}[/]"
                for state, color in COLORS.items()
                if counts.get(state)
            ]
            line = f"{now - start:4.0f} s: {ended} of {total} ended"
            console.print(line, *states, sep="  ", highlight=False, soft_wrap=True)
        each(best)
        time.sleep(TICK)
    return best


def mistakes(plan, jobs, effects, deleted=()):
    """Yield a sentence for each thing that is not as planned.

    Each planned job is there once, in its state, after so many tries, but for those
    that were deleted; one that was to succeed has one row in the ledger, written after
    those of the jobs it depends on; one that was to fail has none.
    """
    found, written = defaultdict(list), defaultdict(list)
    for job in jobs:
        found[job.token].append(job)
    for effect in effects:
        written[effect.token].append(effect.id)
    for job, above in plan.before:
        if job.token in deleted:
            continue
        if len(found[job.token]) != 1:
            yield f"{job.token}: {len(found[job.token])} jobs in the database"
            continue
        [end] = found[job.token]
        if end.state != job.state:
            because = f" ({end.exc_name}: {end.exc_message})" if end.exc_name else ""
            yield f"{job.token}: {end.state}{because}, was to be {job.state}"
        if end.tries != job.tries:
            yield f"{job.token}: tries {end.tries}, were to be {job.tries}"
        own, rows = written[job.token], 1 if job.state == "done" else 0
        if len(own) != rows:
            yield f"{job.token}: rows in the ledger {len(own)}, not {rows}"
        before = [row for token in above for row in written[token]]
        if before and min(own, default=max(before)) <= max(before):
            yield f"{job.token}: did not wait for the jobs that it depends on"


def print_summary(console, jobs, effects, mistakes):
    """Print what the jobs came to, in figures, and what was not meant."""
    table = Table(show_header=False, box=None, padding=(0, 3, 0, 0))
    for title, text in _figures(jobs, effects):
        table.add_row(f"[bold]{title}", escape(text))
    console.print(table)
    console.print()
    print_mistakes(console, mistakes)
    if not mistakes:
        console.print(
            "[green]✔[/] Every job ended as it was meant to, with its effects once."
        )


def print_mistakes(console, mistakes):
    """Print the first of these sentences, and how many there are beside."""
    for mistake in mistakes[:SHOWN]:
        console.print(f"[red]✘[/] {escape(mistake)}", highlight=False)
    if len(mistakes) > SHOWN:
        console.print(f"[red]✘[/] and {len(mistakes) - SHOWN} more")


def _figures(jobs, effects):
    """Yield a title and a text for each figure.

    A failed job has no end in the database: its start stands for it. Jobs of a graph
    wait for each other. An eta is the job's own or that of its last retry.
    """
    done = sum(job.state == "done" for job in jobs)
    shares = " + ".join(map(str, Counter(effect.pid for effect in effects).values()))
    yield "Done", f"{done} (per cron worker: {shares})"
    failures = [
        (job.exc_name, job.exc_message) for job in jobs if job.state == "failed"
    ]
    for (name, message), count in Counter(failures).items():
        yield "Failed", f"{count} with {name}: {message}"
    for job in jobs:
        if job.exc_name == "Interrupted":
            where, line = job.exc_info.splitlines()[-4:-2]
            yield "Where it hung", f"{where.rpartition(', ')[2]}: {line.strip()}"
    retries = [job.tries - 1 for job in jobs if job.tries > 1]
    yield "Retried", f"{len(retries)} ({sum(retries)} retries)"
    started = [job for job in jobs if job.started]
    ends = [job.done or job.started for job in started]
    seconds = (max(ends) - min(job.started for job in started)).total_seconds()
    yield "Jobs per second", f"{len(ends) / seconds:.1f} over {seconds:.1f} s"
    waited = [
        job.started - job.created for job in started if not job.eta and not job.in_graph
    ]
    yield "Waiting time", _spread(waited, "jobs without eta")
    late = [job.started - job.eta for job in started if job.eta]
    yield "Eta delay", _spread(late, "jobs with an eta or a retry")


def _spread(durations, what):
    if not durations:
        return f"no {what}"
    seconds = [duration.total_seconds() for duration in durations]
    middle = f"median {median(seconds):.2f} s, worst {max(seconds):.2f} s"
    return f"{middle} ({len(seconds)} {what})"
