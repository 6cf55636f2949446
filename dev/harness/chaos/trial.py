"""The jobs of a plan are enqueued and done, while blows fall."""

import os
import random
import time
from contextlib import contextmanager

import psycopg2
from rich.console import Console

from harness import results
from harness.cache import alone
from harness.environment import environment
from harness.jobs import enqueueing
from harness.report import Failure

PATIENCE = 400  # seconds without a job that ends; the runners' interval is 300


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


@contextmanager
def trial(seed):
    with crashable() as (env, database):
        os.environ.update(env.variables)
        yield Trial(env, database, seed)


class Trial:
    """A database of the Environment, and the generator of all random numbers."""

    def __init__(self, env, database, seed):
        self.env = env
        self.database = database
        self.seed = seed
        self.rng = random.Random(seed)
        self.console = Console(soft_wrap=True, highlight=False)
        self.start = time.monotonic()

    def connect(self):
        return self.env.databases.connect(database=self.database)

    def execute(self, statements):
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statements)

    def run(self, plan, fleet, blows, nudge=False):
        """Have as many runners as there are cron workers, and enqueue the plan; stop
        the servers when all jobs have ended, or none has for long.

        Odoo looks for future triggers, those of retries, once a minute. On a busy
        cluster notifications make it look much more often; with `nudge` there is one
        each tick.

        :raises Failure: enqueueing has failed.
        """
        total = len(plan.jobs)
        self.console.print(f"Seed {self.seed}, {total} jobs: {plan}")
        for log in fleet.logs:
            self.console.print(f"Odoo's log: {log}")
        with enqueueing(self.database, fleet.runners, plan) as shell:

            def count():
                try:
                    if nudge:
                        self._notify()
                    with self.connect() as connection:
                        deleted = len(blows.deleted)
                        counts = results.count_states(connection, total, deleted)
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
        fleet.stop()

    def _notify(self):
        with self.env.databases.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('cron_trigger', %s)", [self.database])

    def conclude(self, figures, violations):
        """Print figures, a (title, text) for each, and violations, a sentence for each;
        return the exit status."""
        duration = f"{time.monotonic() - self.start:.0f} s"
        ends = ("Duration", duration), ("Violations", len(violations))
        for title, text in [("Seed", self.seed), *figures, *ends]:
            self.console.print(f"[bold]{title}:[/] {text}")
        results.print_mistakes(self.console, violations)
        return 1 if violations else 0
