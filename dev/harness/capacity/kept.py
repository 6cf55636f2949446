"""Limits are kept while they are edited and workers are killed, and made use of."""

import random
from collections import Counter
from statistics import median

import psutil
from rich.table import Table

from harness.chaos import journal
from harness.chaos.blows import WORKER, Planned
from harness.chaos.fleet import Fleet
from harness.chaos.report import examine
from harness.chaos.storm import Storm
from harness.demo.enqueue import enqueueing
from harness.report import Failure, step
from harness.server import load_from_tests

from . import use
from .plan import SHORT, STEADY, STEADY_LIMITS, make_plan

JOBS = 2000
SERVERS = 2
SIZE = 4  # cron workers of each

LEGEND = """\
Of the steady jobs. Filling: starts that took the last place. Measured is the time while
nothing but the channel's own limit stood in the way: how much of the capacity was used,
how long all of it, how long a place was free between two jobs (median and worst)."""

# In seconds of the epoch. An edit has taken effect within the second that follows.
LAST_EDIT = """
    SELECT EXTRACT(epoch FROM max(write_date))::float + 1 FROM queue_job_channel
"""


def run(console, checkout, databases, database, options):
    """Let the jobs run, print what came of it, and return the violations."""
    rng = random.Random(options.seed)
    plan = make_plan(options.jobs, options.length, rng)
    planned = _schedule(options.jobs, len(plan.jobs), options.kills, rng)
    watch = load_from_tests(checkout, "channel_watch")
    console.print(f"{len(plan.jobs)} jobs: {plan}", soft_wrap=True, highlight=False)
    with databases.connect(database=database) as connection:
        journal.create(connection)
        with connection.cursor() as cursor:
            cursor.execute(watch.CREATE)
        with Fleet(checkout, database, SERVERS, rng, SIZE) as fleet:
            for log in fleet.logs:
                console.print(f"Odoo's log: {log}", soft_wrap=True, highlight=False)
            with step("Starting the servers"):
                fleet.wait_until_listening(connection)
            storm = Storm(databases, database, fleet, None, planned, nudge=False)
            psutil.cpu_times_percent()
            with enqueueing(database, SERVERS * SIZE, plan) as shell:
                storm.rage(console, len(plan.jobs), shell)
                if shell.process.wait():
                    raise Failure(f"An edit has failed. Log: {shell.log}")
            idle = psutil.cpu_times_percent().idle
        console.rule("Capacity")
        console.print(f"[bold]The machine's processors:[/] {idle:.0f}% idle")
        return _examine(console, connection, watch, plan, storm.dealt, options.least)


def _schedule(short, total, kills, rng):
    """Return the planned kills: most while the short jobs run, a few early enough among
    the steady ones that there is somebody left to find the dead job."""
    late = kills // 5
    places = sorted(rng.randrange(short * 3 // 4) for _ in range(kills - late))
    places += [short + (total - short) * n // (2 * late) for n in range(late)]
    return [Planned(place, WORKER) for place in places]


def _examine(console, connection, watch, plan, blows, least):
    outcome = examine(connection, plan, blows)
    above, overlapping = (
        _rows(connection, query) for query in (watch.ABOVE_LIMIT, watch.OVERLAPPING)
    )
    rows = _rows(connection, watch.FILLED, STEADY)
    filled = {name: figures for name, *figures in rows}
    starts = use.read(connection)
    [(edited,)] = _rows(connection, LAST_EDIT)
    short = [start.end for start in starts if start.token.startswith(SHORT)]
    first = min(start.start for start in starts if start.token.startswith(STEADY))
    capacities = {name: limits["capacity"] for name, limits in STEADY_LIMITS.items()}
    uses = use.measure(starts, capacities, since=max([first, edited, *short]))
    for title, text in [
        ("Jobs", dict(Counter(job.state for job in outcome.jobs))),
        ("Cron workers killed", outcome.interrupted(WORKER)),
        ("Edits of limits", sum(bool(batch.limits) for batch in plan.batches) - 1),
        ("Starts above a limit that they saw", len(above)),
        ("Starts above a limit by the clock", len(overlapping)),
    ]:
        console.print(f"[bold]{title}:[/] {text}", highlight=False)
    console.print(_table(filled, uses))
    console.print(LEGEND, soft_wrap=True, highlight=False)
    return [
        *outcome.violations,
        *(_describe(*row, "as it saw itself") for row in above),
        *(_describe(*row, "by the clock") for row in overlapping),
        *(f"{name} was never full" for name in uses if not filled[name][1]),
        *_unused(uses, least),
    ]


def _rows(connection, query, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return cursor.fetchall()


def _table(filled, uses):
    titles = ["Channel", "Starts", "Filling", "Capacity", "Measured"]
    titles += ["Used", "Full", "Free for", "Worst"]
    table = Table(*titles, box=None, padding=(0, 2, 0, 0))
    for name, each in uses.items():
        counts = map(str, [*filled[name], each.capacity])
        if each.seconds:
            refills = sorted(each.refills) or [0]
            figures = (
                f"{each.seconds:.1f} s",
                f"{each.share:.1%}",
                f"{each.full / each.seconds:.1%}",
                f"{median(refills) * 1000:.0f} ms",
                f"{refills[-1] * 1000:.0f} ms",
            )
        else:
            figures = ["not measured"]
        table.add_row(name, *counts, *figures)
    return table


def _describe(job, channel, capacity, running, how):
    return f"{channel}: {running} jobs with a capacity of {capacity}, {how} (job {job})"


def _unused(uses, least):
    for name, each in uses.items():
        if each.share is not None and each.share * 100 < least:
            yield f"{name}: {each.share:.1%} of its capacity used, at least {least}%"
