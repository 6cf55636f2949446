"""The engine of chaos and capacity: servers do the jobs of a plan while blows fall, and
every job is accounted for."""

import random
import time
from contextlib import contextmanager
from functools import partial

import psycopg2
from rich.console import Console

from harness import results
from harness.cache import alone
from harness.environment import environment
from harness.fleet import Fleet
from harness.jobs import enqueueing
from harness.report import Failure

from .blows import Blows
from .verdict import JOURNAL, judge

PATIENCE = 400  # seconds without a job that ends; the runners' interval is 300
CRON_FAILED = ") server action #"  # in Odoo's log


@contextmanager
def crashable():
    """An Environment with a PostgreSQL server that no other command uses, unless PGHOST
    names one, and a database in it."""
    with (
        alone("chaos", "another one who may crash PostgreSQL"),
        environment("chaos") as env,
        env.database("chaos") as database,
    ):
        if env.cluster:
            # Without a checkpoint since the database was copied, PostgreSQL's sequences
            # in it go back after a crash.
            env.cluster.restart("fast")
        yield env, database


class Trial:
    """A database of the Environment, and the generator of all random numbers."""

    def __init__(self, env, database, seed):
        self.env, self.database, self.seed = env, database, seed
        self.rng = random.Random(seed)
        self.query = partial(env.databases.query, database=database)
        self.console = Console(soft_wrap=True, highlight=False)
        self.start = time.monotonic()
        self.query(JOURNAL)

    def run(self, plan, servers, size, planned=(), nudge=False):
        """Have so many servers, and a runner for each of their cron workers; enqueue
        the plan, deal the planned blows, and stop the servers when all jobs have ended,
        or none has for long. Return figures, a (title, text) for each, and violations,
        a sentence for each.

        Odoo looks for future triggers, those of retries, once a minute. On a busy
        cluster notifications make it look much more often; with `nudge` there is one
        each tick, and jobs come while the servers start.

        :raises Failure: enqueueing has failed.
        """
        self.console.print(f"Seed {self.seed}, {len(plan.jobs)} jobs: {plan}")
        with Fleet(self.env, self.database, servers, size) as fleet:
            for log in fleet.logs:
                self.console.print(f"Odoo's log: {log}")
            if not nudge:
                fleet.wait_until_listening()
            blows = Blows(self, fleet, planned)
            self._work(plan, fleet, blows, nudge)
            fleet.stop()
        figures, violations = judge(self.query, plan, blows)
        failed = sum(log.read_bytes().count(CRON_FAILED.encode()) for log in fleet.logs)
        return [*figures, ("Runs of crons that failed", failed)], violations

    def _work(self, plan, fleet, blows, nudge):
        total = len(plan.jobs)
        with enqueueing(self.env, self.database, fleet.runners, plan) as shell:

            def count():
                try:
                    if nudge:
                        self.env.databases.notify(self.database)
                    counts = results.count_states(self.query, total, len(blows.deleted))
                except (Failure, psycopg2.OperationalError):
                    return None  # PostgreSQL is away, or has no connection left
                for pids in fleet.look():
                    blows.note("gone", pids)
                return counts

            def strike(ended):
                shell.check()
                blows.strike(ended, enqueued=shell.process.returncode == 0)

            results.watch(self.console, total, count, PATIENCE, strike)
            blows.finish()

    def conclude(self, figures, violations):
        """Print figures and violations; return the exit status."""
        duration = f"{time.monotonic() - self.start:.0f} s"
        ends = ("Duration", duration), ("Violations", len(violations))
        for title, text in [("Seed", self.seed), *figures, *ends]:
            self.console.print(f"[bold]{title}:[/] {text}")
        results.print_mistakes(self.console, violations)
        return 1 if violations else 0
