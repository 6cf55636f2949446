# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promises 1 and 2: what others do to the row of a running job."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.tests import Form

from ..runner.wake import keep_quiet
from .common.server_case import PATIENCE, PREFORK, ServerCase

SECONDS = 3  # of a job
DELETE = """
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    DELETE FROM queue_job WHERE name = %s AND state = ANY(%s) RETURNING id
"""
AS_STARTED, AS_ANY = ["started"], ["started", "pending", "failed", "done"]
# Not only what the queue goes by: each of them is a column of the row.
EDITS = {
    "priority": 5,
    "eta": datetime(2222, 2, 22),
    "channel": "root.other",
    "max_retries": 1,
    "identity_key": "other",
    "company_id": False,
    "user_id": 1,
    "result": "other",
    "exc_info": "other",
}


class TestRunningJob(ServerCase):
    """What others do to a running job neither repeats its work nor hangs anybody."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        self.manager = self.new_manager("manager")
        self.odoo = self.server(*PREFORK, "--max-cron-threads=1")

    def run_job(self, token, method="sleep", **options):
        """Let a job run, with another one behind it."""
        self.enqueue([token], method, SECONDS, **options)
        self.wait(self.odoo, self.job_is(token, "started"), f"{token} runs")
        self.enqueue([f"after {token}"], priority=99)

    def assertNextRuns(self, token):
        after = f"after {token}"
        self.wait(self.odoo, self.job_is(after, "done"), f"{after} is done")

    def jobs(self, env, *names):
        jobs = env["queue.job"].with_user(self.manager)
        return jobs.search([("name", "in", names)])

    def refused(self):
        return self.assertRaisesRegex(UserError, "is running")

    def test_delete_by_sql_waits_for_the_end(self):
        found = {}
        with ThreadPoolExecutor() as threads:
            for method in ("sleep", "fail", "flaky_later"):
                for states in (AS_STARTED, AS_ANY):
                    token = f"{method} {len(states)}"
                    self.run_job(token, method)
                    begin = time.monotonic()
                    delete = threads.submit(self.query, DELETE, token, states)
                    deleted = bool(delete.result(PATIENCE))
                    self.assertLess(time.monotonic() - begin, SECONDS + 5, token)
                    found[token] = deleted
                    self.assertNextRuns(token)
        # a DELETE of what is started finds nothing when it has waited
        self.assertEqual(found, {token: token.endswith("4") for token in found})
        done = [token for token, _pid in self.ledger() if token.startswith("sleep")]
        self.assertEqual(done, ["sleep 1", "sleep 4"])
        self.assertCronsFine()
        self.assertNoErrorIn(self.odoo, "This job fails, as intended")

    def test_edits_and_deletion_are_refused(self):
        self.run_job("job")
        for field, value in EDITS.items():
            with (
                self.subTest(field=field),
                self.refused(),
            ):
                with self.transaction() as env:
                    self.jobs(env, "job").write({field: value})
        with self.refused(), self.transaction() as env:
            env["queue.job"].search([("name", "=", "job")]).unlink()
        with self.transaction() as env:
            form = Form(self.jobs(env, "job"))
            for field in ("priority", "eta", "channel"):
                with self.assertRaisesRegex(AssertionError, "readonly"):
                    setattr(form, field, EDITS[field])
        self.assertEqual(self.job("job")["state"], "started")
        self.assertNextRuns("job")
        job = self.job("job")
        self.assertEqual((job["state"], job["retry"]), ("done", 1))
        self.assertOnceEach(["job", "after job"])
        self.assertNoErrorIn(self.odoo)

    def test_another_job_is_refused_too(self):
        self.run_job("job")
        with self.registry.cursor() as cr:
            keep_quiet(cr)  # as a job's own
            job = self.jobs(api.Environment(cr, SUPERUSER_ID, {}), "job").sudo()
            with self.refused():
                job.priority = 5
            with self.refused():
                job.unlink()
        self.assertNextRuns("job")
        self.assertEqual(self.job("job")["retry"], 1)

    def test_buttons_and_wizards_say_what_they_leave_alone(self):
        self.enqueue(["other"], eta=3600)
        self.run_job("job")
        for wizard, method in (
            ("requeue.job", "requeue"),
            ("jobs.to.done", "set_done"),
            ("jobs.to.cancelled", "set_cancelled"),
        ):
            with self.subTest(wizard), self.transaction() as env:
                jobs = self.jobs(env, "job", "other")
                chosen = {"active_model": "queue.job", "active_ids": jobs.ids}
                model = jobs.env[f"queue.{wizard}"].with_context(**chosen)
                getattr(model.create({}), method)()
            told = "DELETE FROM bus_bus WHERE message LIKE %s RETURNING message"
            [[message]] = self.query(told, "%simple_notification%")
            self.assertIn("1 of these jobs are running and were left alone", message)
            self.assertIn("Stop them", message)
        self.assertEqual(self.job("job")["state"], "started")
        self.assertNextRuns("job")
        self.assertEqual(self.job("job")["retry"], 1)
