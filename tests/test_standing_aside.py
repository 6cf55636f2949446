# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 7: runs beside the regular runner do nothing."""

import logging
from contextlib import closing

from odoo.addons.queue_job.jobrunner.runner import PG_ADVISORY_LOCK_ID

from ..runner import regular
from .common.regular_server import regular_runner
from .common.run_case import ADDON, RunCase


class TestStandingAside(RunCase):
    """While the regular runner is in charge of the database, runs do nothing."""

    def setUp(self):
        super().setUp()
        self.patch(regular, "_warned", set())
        self.id = self.enqueue("record", "job")

    def regular_runner(self):
        return regular_runner(self.database)

    def assertNothingDone(self):
        self.assertEqual(self.state(self.id), "pending")
        self.assertEqual(self.tokens(), [])

    def test_runs_do_nothing_and_warn_once(self):
        with self.regular_runner(), self.assertLogs(ADDON, logging.DEBUG) as logs:
            for _number in range(3):
                self.run_jobs(seconds=60)
            self.assertNothingDone()
        warnings = [line for line in logs.output if line.startswith("WARNING")]
        self.assertEqual(len(warnings), 1)
        self.assertIn(f"is active on database {self.database}", warnings[0])

    def test_runs_do_not_trigger_themselves(self):
        self.triggers()
        with self.regular_runner(), self.assertLogs(ADDON, "WARNING"):
            self.run_jobs(seconds=60)
        self.assertEqual(self.triggers(), 0)

    def test_nothing_is_rescued(self):
        self.claim()
        self.age(self.id)
        with self.regular_runner(), self.assertLogs(ADDON, "WARNING") as logs:
            self.run_jobs(seconds=60)
        self.assertEqual(self.state(self.id), "started")
        self.assertNotIn("found dead", "".join(logs.output))

    def test_work_resumes_when_the_regular_runner_has_gone(self):
        with self.regular_runner(), self.assertLogs(ADDON, "WARNING"):
            self.run_jobs(seconds=60)
        self.run_jobs(seconds=60)
        self.assertEqual(self.state(self.id), "done")

    def test_regular_runner_gets_its_lock_while_runs_are_idle(self):
        self.run_jobs(seconds=60)
        with self.regular_runner() as runner, closing(runner.conn.cursor()) as cr:
            cr.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND ((classid::bigint << 32) | objid::bigint) = %s",
                [PG_ADVISORY_LOCK_ID],
            )
            self.assertEqual(cr.fetchone(), (1,))
