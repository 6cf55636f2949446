# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 9: jobs that are interrupted at any moment."""

import random
import time
from collections import Counter
from unittest.mock import patch

from odoo.tools import mute_logger

from ..runner import run
from ..runner.guard import Guard
from ..runner.interrupt import FUNCTION, Interruption
from .common.run_case import ADDON, RunCase
from .common.runner_case import mute_sql_errors

JOBS = 1000
# with what goes before, and after until the next job's claim
LONGEST = 0.03  # seconds


class HastyGuard(Guard):
    """Interrupts each job once, some time after its start: in the middle of it, of its
    flush or commit, or of what comes next."""

    def enter(self, watched):
        self.entered = watched
        self.bell.set()
        return super().enter(watched)

    def _run(self):
        self.connection.execute("SELECT 1")
        while not self.is_over:
            self.bell.wait()
            self.bell.clear()
            if not self.is_over:
                time.sleep(random.uniform(0, LONGEST))
                self.entered.ask(Interruption(FUNCTION, 1))
        self.connection.close()


class TestGuardRaces(RunCase):
    """Whenever a job is interrupted, it ends once, with all of its effects or none."""

    @mute_sql_errors
    @mute_logger(f"{ADDON}.models.queue_job_outcome")
    def test_a_thousand_moments(self):
        with self.transaction() as env:
            for token in map(str, range(1, JOBS + 1)):
                delayed = env["queue.job.demo.ledger"].with_delay(
                    description=token, max_retries=1
                )
                delayed.take_a_while(token, 5)
        with (
            patch.object(run, "Guard", HastyGuard),
            self.assertNoLogs(f"{ADDON}.runner.run", "WARNING"),
        ):
            while set(self.states()) - {"done", "failed"}:
                self.start(self.run_jobs, 5).result(120)
        left = Counter(self.tokens())
        jobs = self.query("SELECT name, state, retry, exc_name FROM queue_job")
        self.assertEqual(len(jobs), JOBS)
        for name, state, retry, exc_name in jobs:
            is_done = state == "done"
            self.assertEqual((left[name], retry), (3 * is_done, 1), name)
            self.assertEqual(exc_name, None if is_done else "Interrupted")
        for state, count in self.states().items():
            self.assertGreater(count, JOBS / 10, state)
