# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 5: hosts and processes whose clocks are wrong."""

import os
from datetime import timedelta
from unittest.mock import patch

from ..runner.look import NOW
from .common.server_case import PREFORK, ServerCase

SOON = timedelta(seconds=5)
LOAD_CLOCK = "--load=base,web,shifted_clock"  # of dev/.addons
LATENESS = """
    SELECT job.name, job.date_started - COALESCE(job.eta, parent.date_started)
      FROM queue_job AS job
      LEFT JOIN queue_job AS parent ON parent.name = %s
     WHERE job.name <> parent.name
"""


class TestClocks(ServerCase):
    """A host whose clock is wrong: jobs start by PostgreSQL's."""

    def setUp(self):
        super().setUp()
        self.only_runners()

    def assertStartByPostgres(self, seconds):
        self.enterContext(patch.dict(os.environ, SHIFTED_CLOCK=str(seconds)))
        server = self.server(*PREFORK, "--max-cron-threads=1", LOAD_CLOCK)
        [(begin,)] = self.query(f"SELECT {NOW}")
        # what it enqueues itself, what waits for its time, and for its next try
        self.enqueue(["parent"], "enqueue", 3)
        self.enqueue(["eta"], eta=8)
        self.enqueue(["retry"], "flaky", 1, 4)
        self.wait(server, self.all_in("done"), "all are done")
        [(started,)] = self.query(
            "SELECT date_started FROM queue_job WHERE name = 'parent'"
        )
        self.assertLess(started - begin, SOON)
        lateness = self.query(LATENESS, "parent")
        self.assertEqual(len(lateness), 5)
        for name, late in lateness:
            self.assertGreaterEqual(late, timedelta(), name)
            self.assertLess(late, SOON, name)
        # the host's clock is what it was meant to be
        [(shift,)] = self.query(
            "SELECT min(date) - %s FROM queue_job_demo_ledger", begin
        )
        self.assertLess(abs(shift.total_seconds() - seconds), 15)
        self.assertCronsFine()
        self.assertNoErrorIn(server)

    def test_clock_that_is_ahead(self):
        self.assertStartByPostgres(30)

    def test_clock_that_is_behind(self):
        self.assertStartByPostgres(-30)
