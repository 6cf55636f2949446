# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Installing: a neutralized copy runs nothing."""

from .common.odoo_command import OdooCommand
from .common.server_case import PREFORK, ServerCase

UNFINISHED = ("wait_dependencies", "pending", "enqueued", "started")
FINISHED = ("done", "cancelled", "failed")
JOBS = "SELECT name, state, date_cancelled IS NOT NULL, result FROM queue_job"


class TestNeutralize(OdooCommand, ServerCase):
    """A copy of production that Odoo has neutralized, as on staging."""

    def test_runner_in_staging_does_not_do_what_production_left(self):
        for state in UNFINISHED + FINISHED:
            self.enqueue([state])
        with self.transaction() as env:
            for job in env["queue.job"].search([]):
                job.state = job.name
        self.odoo("neutralize")
        self.load_registry()
        jobs = {name: row for name, *row in self.query(JOBS)}
        for state in UNFINISHED:
            result = "Cancelled when the database was neutralized"
            self.assertEqual(jobs[state], ["cancelled", True, result])
        for state in FINISHED:
            self.assertEqual(jobs[state], [state, False, None])
        with self.transaction() as env:
            runner = env.ref("queue_job_cron_jobrunner.queue_job_cron")
            self.assertFalse(runner.active)
            runner.active = True
        self.enqueue(["of staging"])
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.wait(server, self.job_is("of staging", "done"), "staging's job is done")
        self.assertOnceEach(["of staging"])
