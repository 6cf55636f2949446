# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 2: two versions of the code at the same time."""

from .common.server_case import PREFORK, ServerCase

NEW_CODE = """
import time
from odoo import api
from odoo.addons.queue_job_cron_jobrunner_demo.models.ledger import Ledger

@api.model
def record_new(self, token):
    time.sleep(0.5)
    self.record(token)

Ledger.record_new = record_new
"""


class TestRollingDeploy(ServerCase):
    """Two servers, of which one has the code of a job, and the other not yet."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        self.add_runners(1)

    def enqueue_new(self, tokens, method="record_new", **options):
        """Enqueue as the new code does."""
        with self.transaction() as env:
            jobs = env["queue.job"]
            for token in tokens:
                delayed = env["queue.job.demo.ledger"].with_delay(
                    description=token, **options
                )
                jobs |= delayed.record(token).db_record()
            jobs.flush_recordset()
            env.cr.execute(
                "UPDATE queue_job SET method_name = %s WHERE id = ANY(%s)",
                [method, jobs.ids],
            )
        return tokens

    def test_jobs_are_done_by_the_server_that_has_their_code(self):
        old = self.server(*PREFORK, "--max-cron-threads=1")
        options = self.with_code("new_code", NEW_CODE)
        new = self.server(*PREFORK, "--max-cron-threads=1", *options)
        tokens = self.enqueue_new([f"job {number}" for number in range(20)])
        nobodys = self.enqueue_new(["nobody's"], "record_newer", max_retries=2)
        tried = "SELECT 1 FROM queue_job WHERE retry > 0"
        self.wait(old, lambda: self.query(tried), "the old one has tried some")
        old.stop()
        self.wait(new, self.all_in("done", "failed"), "all have ended")
        self.assertEqual(self.states(), {"done": 20, "failed": 1})
        self.assertOnceEach(tokens)
        self.assertEqual(
            {pid for _token, pid in self.ledger()}, set(new.cron_workers())
        )
        self.assertGreater(max(self.job(token)["retry"] for token in tokens), 1)
        job = self.job(*nobodys)
        self.assertEqual(job["retry"], 2)
        self.assertIn("method does not exist: record_newer", job["exc_message"])
        self.assertCronsFine()
        for server in (old, new):
            self.assertNoErrorIn(server, "record_newer")
