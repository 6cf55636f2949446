"""Many jobs at once in channels with limits: wake-ups are few, and for something."""

import random

from harness.chaos.fleet import Fleet
from harness.chaos.storm import Storm
from harness.demo import results
from harness.demo.enqueue import enqueueing
from harness.demo.plan import Batch, Job, Plan
from harness.report import step

JOBS = 10_000
RUNNERS = 4
TRANSACTIONS = 4
CHANNELS = {
    "root": {"capacity": 3},
    "root.a": {"capacity": 2},
    "root.a.x": {"capacity": 1},
    "root.b": {"capacity": 2},
}
# To a job. With one wake-up to each claim that leaves something to start, whoever looks
# by himself or is triggered already, there are 0.4 triggers.
MOST_TRIGGERS = MOST_EMPTY_RUNS = 0.1

# Rows that were rolled back, and those of other crons, are in the sequence too.
TRIGGERS = "SELECT nextval('ir_cron_trigger_id_seq')"
# Odoo writes one for each run; a runner's run notes the jobs that it has done.
RUNS = """
    SELECT count(*), count(*) FILTER (WHERE done = 0)
      FROM ir_cron_progress JOIN ir_cron ON ir_cron.id = cron_id
     WHERE queue_job_runner
"""

LISTEN = "LISTEN cron_trigger"


def run(console, checkout, databases, database, options):
    """Let the jobs run, print what came of it, and return the violations."""
    rng = random.Random(options.seed)
    plan = make_plan(options.jobs, rng)
    with (
        databases.connect() as listener,
        databases.connect(database=database) as connection,
    ):
        with Fleet(checkout, database, 1, rng, RUNNERS) as fleet:
            console.print(f"Odoo's log: {fleet.logs[0]}", soft_wrap=True)
            with step("Starting the server"):
                fleet.wait_until_listening(connection)
            storm = Storm(databases, database, fleet, None, [], nudge=False)
            first = _row(connection, TRIGGERS)[0]
            with listener.cursor() as cursor:
                cursor.execute(LISTEN)
            with enqueueing(database, RUNNERS, plan) as shell:
                storm.rage(console, options.jobs, shell)
        triggers = _row(connection, TRIGGERS)[0] - first - 1
        runs, empty = _row(connection, RUNS)
        listener.poll()
        violations = list(results.mistakes(plan.jobs, *results.read(connection)))
    for title, count in [
        ("Triggers", triggers),
        ("Notifications", len(listener.notifies)),
        ("Runs", runs),
        ("Empty runs", empty),
    ]:
        each = f"{count / options.jobs:.4f} to a job"
        console.print(f"[bold]{title}:[/] {count}, {each}", highlight=False)
    if triggers >= MOST_TRIGGERS * options.jobs:
        violations.append(f"{triggers} triggers for {options.jobs} jobs")
    if empty >= MOST_EMPTY_RUNS * options.jobs:
        violations.append(f"{empty} runs without a job for {options.jobs} jobs")
    return violations


def make_plan(count, rng):
    """Return a plan of jobs that do next to nothing, in a few transactions."""
    jobs = [
        Job(f"Quick {number}", "record", channel=rng.choice(list(CHANNELS)))
        for number in range(1, count + 1)
    ]
    parts = [jobs[start::TRANSACTIONS] for start in range(TRANSACTIONS)]
    batches = [Batch([[[job]] for job in part]) for part in parts]
    return Plan([Batch([], limits=CHANNELS), *batches])


def _row(connection, query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()
