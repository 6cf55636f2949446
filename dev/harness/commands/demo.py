"""`./dev/demo`: watch jobs being run by the cron workers of a real Odoo."""

import random
import time
from contextlib import suppress
from functools import partial

from rich.console import Console

from harness import results
from harness.environment import environment
from harness.fleet import Fleet
from harness.jobs import Batch, Job, Plan, alone, batches, enqueueing, flaky
from harness.report import Failure, Options, step
from harness.site import MANAGER, site

MINIMUM = 40  # jobs; below, some kind would have none
TRICKLE = 11  # transactions with a few quick jobs each, a second apart
PATIENCE = 150  # seconds without a job that ends; Odoo looks for late etas each minute


def main(argv):
    """Return 0 if every job ended as it was meant to, 1 otherwise."""
    options = _parse(argv)
    console = Console()
    try:
        # PostgreSQL may have to wait for busy cron workers, and others for PostgreSQL
        with (
            environment("site" if options.serve else None) as env,
            env.database("demo") as database,
        ):
            what = _serve if options.serve else _run
            return what(console, env, database, options)
    except KeyboardInterrupt:
        console.print("Interrupted; nothing is left running.")
        return 130


def _parse(argv):
    parser = Options("demo", __doc__)
    parser.add_number("jobs", "how many jobs", 300, least=MINIMUM)
    runners = {"least": 1, "shown": "2, with --serve 3"}
    parser.add_number("runners", "how many runners", None, **runners)
    parser.add_argument(
        "--serve",
        action="store_true",
        help="instead, serve the pages of a site that has done so many jobs, and has "
        "others that run or wait",
    )
    options = parser.parse_args(argv)
    if options.runners is None:
        options.runners = 3 if options.serve else 2
    return options


def _run(console, env, database, options):
    plan = make_plan(options.jobs)
    console.print(f"{options.jobs} jobs: {plan}", soft_wrap=True, highlight=False)
    with (
        enqueueing(env, database, options.runners, plan) as shell,
        Fleet(env, database, 1, options.runners) as fleet,
    ):
        with step(f"Starting Odoo, cron workers: {options.runners}"):
            fleet.wait_until_listening()
        console.print(f"Odoo's log: {fleet.logs[0]}", soft_wrap=True, highlight=False)

        def check(_ended):
            fleet.check()
            shell.check()

        query = partial(env.databases.query, database=database)
        count = partial(results.count_states, query, options.jobs)
        if results.watch(console, options.jobs, count, PATIENCE, check) < options.jobs:
            raise Failure(f"No job has ended for {PATIENCE} s. Log: {fleet.logs[0]}")
        jobs, effects = query(results.JOBS), query(results.EFFECTS)
        mistakes = list(results.mistakes(plan, jobs, effects))
        console.rule("Summary")
        results.print_summary(console, jobs, effects, mistakes)
    return 1 if mistakes else 0


def _serve(console, env, database, options):
    """Leave a site to the user until Ctrl-C; return 0."""
    with site(env, database, make_plan(options.jobs), options.runners) as (url, fleet):
        jobs = f"{url}/odoo/action-queue_job.action_queue_job"
        console.print(f"\nThe jobs of a site: [bold]{jobs}[/]", soft_wrap=True)
        console.print(f"Log in as manager of its jobs: {MANAGER}, password {MANAGER}")
        console.print("(as administrator: admin, password admin).")
        console.print(f"Odoo's log: {fleet.logs[0]}", soft_wrap=True)
        console.print("Ctrl-C stops it and drops the database.")
        with suppress(KeyboardInterrupt):
            while True:
                fleet.check()
                time.sleep(0.5)
    return 0


def make_plan(count):
    """Return a plan of `count` jobs, always the same one for the same count.

    Flaky jobs come first, so that their retries are over before the trickle is. That
    is what a real database has all the time, and lasts longer than the etas and the
    retries' delays: Odoo itself looks for times that have come only once a minute, the
    runners whenever they have something to do.
    """
    rng = random.Random(count)
    first = alone(*(flaky(n, rng, priority=1) for n in _one_in(20, count)))
    others = [*alone(*_kinds(count, rng)), *_graphs()]
    used = len(first) + sum(len(stage) for graph in others for stage in graph)
    numbers, priorities = range(1, count - used + 1), (5, 10, 20)
    quick = alone(
        *(Job(f"Quick {n}", "record", priority=rng.choice(priorities)) for n in numbers)
    )
    late = max(TRICKLE, len(quick) // 5)
    others += quick[late:]
    rng.shuffle(others)
    trickle = [Batch(quick[n:late:TRICKLE], pause=1) for n in range(TRICKLE)]
    return Plan([Batch(first), *batches(others, 50), *trickle])


def _one_in(share, count):
    return range(1, count // share + 1)


def _kinds(count, rng):
    """Yield the jobs that are neither quick, flaky nor in a graph."""
    for n in _one_in(15, count):
        yield Job(f"Slow {n}", "sleep", [rng.choice((0.2, 0.4, 0.6))], priority=15)
        yield Job(f"Eta {n}", "record", eta=rng.randint(2, 8))
    for n in _one_in(40, count):
        yield Job(f"Busy {n}", "burn", [0.2], priority=15)
    for n in _one_in(25, count):
        yield Job(f"Failing {n}", "fail", state="failed")
    until_its_limit = {"priority": 1, "max_retries": 1, "state": "failed"}
    yield Job("Hanging 1", "hang", ["socket"], **until_its_limit)


def _graphs():
    """Five jobs one after another; six side by side, then one."""
    yield [[Job(f"Chain {n}", "record")] for n in range(1, 6)]
    side_by_side = [Job(f"Group {n}", "sleep", [0.2]) for n in range(1, 7)]
    yield [side_by_side, [Job("Group end", "record")]]
