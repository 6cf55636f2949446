"""Dealing the blows while the jobs run."""

import math
import time

from harness.demo import results
from harness.demo.results import display, ended
from harness.report import Failure

from .blows import POSTGRESQL, SERVER, WORKER, Blow
from .fleet import now

PATIENCE = 400  # seconds without a job that ends; the runners' interval is 300
TICK = 0.2  # seconds


class Storm:
    """`dealt` are the blows that have fallen so far.

    Odoo looks for future triggers, those of retries, once a minute. On a busy cluster
    notifications make it look much more often; here the storm sends one each second,
    unless nudge is False.
    """

    def __init__(self, databases, database, fleet, cluster, planned, nudge=True):
        self.databases = databases
        self.database = database
        self.fleet = fleet
        self.cluster = cluster
        self.planned = planned
        self.dealt = []
        self.nudged = 0 if nudge else math.inf

    def rage(self, console, total, shell):
        """Return when all jobs have ended, or none has ended for long.

        :raises Failure: the shell that enqueues has failed.
        """
        best, since = -1, time.monotonic()
        with display(console, total) as show:
            while best < total and time.monotonic() - since < PATIENCE:
                self.dealt += self.fleet.look()
                self._nudge()
                counts = self._counts(total)
                show(counts)
                if ended(counts) > best:
                    best, since = ended(counts), time.monotonic()
                self._strike(best, enqueued=not counts["to come"])
                if shell.process.poll() and counts["to come"]:
                    raise Failure(f"Enqueueing has failed. Log: {shell.log}")
                time.sleep(TICK)

    def _counts(self, total):
        with self.databases.connect(database=self.database) as connection:
            return results.count_states(connection, total)

    def _nudge(self):
        if time.monotonic() - self.nudged < 1:
            return
        self.nudged = time.monotonic()
        with self.databases.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('cron_trigger', %s)", [self.database])

    def _strike(self, so_far, enqueued):
        """Deal the next blow if it is due.

        PostgreSQL is left alone until all jobs are enqueued: the shell that does it
        would not survive.
        """
        due = [blow for blow in self.planned if blow.after <= so_far]
        for blow in due:
            if blow.target == POSTGRESQL and not enqueued:
                continue
            if dealt := self._deal(blow.target):
                self.dealt.append(dealt)
                self.planned.remove(blow)
            return

    def _deal(self, target):
        if target == WORKER:
            return self.fleet.kill_worker()
        if target == SERVER:
            return self.fleet.kill_server()
        self.cluster.restart()
        return Blow(POSTGRESQL, now())
