"""`./dev/demo`: watch jobs being run by the cron workers of a real Odoo."""

import os
import time
from contextlib import closing, suppress

import psycopg2
from rich.console import Console

from harness.demo import results
from harness.demo.enqueue import enqueueing
from harness.demo.plan import MINIMUM, make_plan
from harness.demo.site import MANAGER, site
from harness.environment import environment
from harness.options import Options
from harness.report import Failure
from harness.server import check, odoo_server

PATIENCE = 150  # seconds without a job that ends; Odoo looks for late etas each minute


def main(argv):
    """Return 0 if every job ended as it was meant to, 1 otherwise."""
    options = _parse(argv)
    console = Console()
    try:
        # PostgreSQL may have to wait for busy cron workers, and others for PostgreSQL
        with environment("site" if options.serve else None) as env:
            os.environ.update(env.variables)
            with env.database("demo") as database:
                what = _serve if options.serve else _run
                return what(console, env, database, options)
    except KeyboardInterrupt:
        console.print("Interrupted; nothing is left running.")
        return 130


def _parse(argv):
    parser = Options("demo", __doc__)
    parser.add_number("jobs", f"how many jobs, at least {MINIMUM}", 300)
    parser.add_number("runners", "how many runners", None, shown="2, or 3 to serve")
    parser.add_argument(
        "--serve",
        action="store_true",
        help="instead, serve the pages of a site that has done so many jobs, and has "
        "others that run or wait",
    )
    options = parser.parse_args(argv)
    if options.runners is None:
        options.runners = 3 if options.serve else 2
    if options.jobs < MINIMUM or options.runners < 1:
        parser.error(f"at least {MINIMUM} jobs and 1 runner")
    return options


def _run(console, env, database, options):
    plan = make_plan(options.jobs)
    console.print(f"{options.jobs} jobs: {plan}", soft_wrap=True, highlight=False)
    with (
        enqueueing(database, options.runners, plan) as shell,
        odoo_server(env.checkout, database, options.runners) as server,
        closing(psycopg2.connect(dbname=database)) as connection,
    ):
        console.print(f"Odoo's log: {server.log}", soft_wrap=True, highlight=False)
        connection.set_session(readonly=True, autocommit=True)
        _watch(console, connection, server, shell, options.jobs)
        jobs, effects = results.read(connection)
        mistakes = list(results.mistakes(plan.jobs, jobs, effects))
        console.rule("Summary")
        results.print_summary(console, jobs, effects, mistakes)
    return 1 if mistakes else 0


def _watch(console, connection, server, shell, total):
    """Show the progress until all the jobs have ended.

    :raises Failure: the server or the shell is gone, or nothing moves any more.
    """
    best, since = 0, time.monotonic()
    with results.display(console, total) as show:
        while best < total:
            counts = results.count_states(connection, total)
            show(counts)
            if results.ended(counts) > best:
                best, since = results.ended(counts), time.monotonic()
            check(server)
            if shell.process.poll():
                raise Failure(f"Enqueueing has failed. Log: {shell.log}")
            if time.monotonic() - since > PATIENCE:
                left = ", ".join(f"{state} {count}" for state, count in counts.items())
                raise Failure(
                    f"No job has ended for {PATIENCE} s ({left}). Log: {server.log}"
                )
            time.sleep(0.2)


def _serve(console, env, database, options):
    """Leave a site to the user until Ctrl-C; return 0."""
    with site(env, database, options.jobs, options.runners) as (url, server):
        jobs = f"{url}/odoo/action-queue_job.action_queue_job"
        console.print(f"\nThe jobs of a site: [bold]{jobs}[/]", soft_wrap=True)
        console.print(f"Log in as manager of its jobs: {MANAGER}, password {MANAGER}")
        console.print("(as administrator: admin, password admin).")
        console.print(f"Odoo's log: {server.log}", soft_wrap=True)
        console.print("Ctrl-C stops it and drops the database.")
        with suppress(KeyboardInterrupt):
            while True:
                check(server)
                time.sleep(0.5)
    return 0
