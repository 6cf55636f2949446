"""`./dev/chaos`: kill what runs the jobs, again and again, and account for every job.

Several prefork servers share one database and a queue that is filled partly before
they start, partly while they run. Meanwhile cron workers are killed at random, a server
is killed twice and PostgreSQL crashes once: one of our own that only this command uses;
a server that PGHOST names is left alone. Exit status 1 tells of violations.
"""

import os
import random
import time

from rich.console import Console

from harness.chaos import journal
from harness.chaos.blows import schedule
from harness.chaos.cluster import own_or_given
from harness.chaos.fleet import WORKERS, Fleet
from harness.chaos.plan import MINIMUM, halves, make_plan
from harness.chaos.report import examine, print_report
from harness.chaos.storm import Storm
from harness.demo.enqueue import enqueueing
from harness.environment import environment
from harness.options import Options
from harness.report import Failure, step


def main(argv):
    """Return 0 if there was no violation, 1 otherwise."""
    options = _parse(argv)
    console = Console()
    with environment() as env, own_or_given(env, "chaos") as place:
        cluster, databases, database = place
        if not cluster:
            console.print("PGHOST names a server: it is not crashed.")
        os.environ.update({**env.variables, **databases.variables})
        return _run(console, env.checkout, cluster, databases, database, options)


def _parse(argv):
    parser = Options("chaos", __doc__)
    parser.add_number("jobs", f"how many jobs, at least {MINIMUM}", 2000)
    parser.add_number("kills", "how many cron workers to kill", 60)
    servers = f"how many servers, each with {WORKERS} cron workers"
    parser.add_number("servers", servers, 2)
    parser.add_seed("which jobs and which blows")
    options = parser.parse_args(argv)
    if options.jobs < MINIMUM or options.kills < 0 or options.servers < 1:
        parser.error(f"at least {MINIMUM} jobs, 0 kills and 1 server")
    return options


def _run(console, checkout, cluster, databases, database, options):
    start = time.monotonic()
    rng = random.Random(options.seed)
    plan = make_plan(options.jobs, rng)
    workers = WORKERS * options.servers
    planned = schedule(rng, options.jobs, options.kills, workers, bool(cluster))
    before, meanwhile = halves(plan)
    console.print(f"Seed {options.seed}, {options.jobs} jobs: {plan}", soft_wrap=True)
    with databases.connect(database=database) as connection:
        journal.create(connection)
    with (
        step(f"Enqueueing {len(before.jobs)} jobs"),
        enqueueing(database, workers, before) as shell,
    ):
        if shell.process.wait():
            raise Failure(f"Enqueueing has failed. Log: {shell.log}")
    with Fleet(checkout, database, options.servers, rng) as fleet:
        for log in fleet.logs:
            console.print(f"Odoo's log: {log}", soft_wrap=True, highlight=False)
        storm = Storm(databases, database, fleet, cluster, planned)
        with enqueueing(database, 1, meanwhile) as shell:
            storm.rage(console, options.jobs, shell)
    with databases.connect(database=database) as connection:
        outcome = examine(connection, plan, storm.dealt)
    console.rule("Chaos")
    print_report(console, outcome, options.seed, time.monotonic() - start)
    return 1 if outcome.violations else 0
