# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How a job ends: done, failed, or again."""

import logging
import os

from .common.runner_case import MODELS_LOGGER, RunnerCase, mute_sql_errors


class TestDone(RunnerCase):
    def test_job_is_done_with_its_effects(self):
        job = self.enqueue("leave", "a")
        self.run_jobs()
        self.assertEqual(job.state, "done")
        self.assertEqual(job.result, "a")
        self.assertEqual(job.retry, 1)
        self.assertEqual(job.worker_pid, os.getpid())
        self.assertGreaterEqual(job.date_done, job.date_started)
        self.assertEqual(self.traces(), ["a"])

    def test_one_line_is_logged_per_finished_job(self):
        done = self.enqueue("leave", "a", channel="root.sub")
        self.enqueue("fail", "b")
        with self.assertLogs(MODELS_LOGGER, logging.INFO) as logs:
            self.run_jobs()
        lines = [line for line in logs.output if line.startswith("INFO")]
        self.assertEqual(len(lines), 2)
        self.assertRegex(
            lines[0],
            rf"Job {done.uuid} <queue.job.cron.test>.leave in root.sub: "
            r"done, try 1, \d+\.\d{3} s",
        )
        self.assertIn(": failed, try 1,", lines[1])

    def test_runs_until_nothing_may_start(self):
        jobs = self.enqueue_several(20)
        later = self.enqueue("leave", "later", eta=60)
        self.run_jobs()
        self.assertEqual(set(jobs.mapped("state")), {"done"})
        self.assertEqual(later.state, "pending")


class TestFailed(RunnerCase):
    """A failure is stored, and it alone."""

    def test_failure_is_stored_and_the_writes_of_the_job_are_not(self):
        job = self.enqueue("fail", "no such luck")
        errors = self.run_failing_jobs()
        self.assertEqual(self.traces(), [])
        self.assertEqual(job.state, "failed")
        self.assertEqual(job.retry, 1)
        self.assertEqual(job.exc_name, "odoo.exceptions.UserError")
        self.assertEqual(job.exc_message, "no such luck")
        self.assertIn("in fail\n", job.exc_info)
        self.assertEqual(len(errors), 1)
        self.assertIn(job.uuid, errors[0])
        self.assertIn("UserError: no such luck", errors[0])

    def test_followers_are_told(self):
        job = self.enqueue("fail", "no such luck")
        self.run_failing_jobs()
        manager = self.env.ref("base.user_admin")
        self.assertIn(manager.partner_id, job.message_partner_ids)
        bodies = "".join(job.message_ids.mapped("body"))
        self.assertIn("Something bad happened", bodies)

    def test_next_job_runs(self):
        self.enqueue("fail", "first")
        second = self.enqueue("leave", "second")
        self.run_failing_jobs()
        self.assertEqual(second.state, "done")
        self.assertEqual(self.traces(), ["second"])

    def test_error_in_the_flush_is_a_failure(self):
        self.env.cr.execute(
            "ALTER TABLE queue_job_cron_test ADD CHECK (name <> 'forbidden')"
        )
        record = self.model.create({"name": "as it was"})
        job = record.with_delay().rename("forbidden").db_record()
        with mute_sql_errors:
            self.run_failing_jobs()
        self.assertEqual(job.state, "failed")
        self.assertEqual(job.exc_name, "psycopg2.errors.CheckViolation")
        self.assertEqual(record.name, "as it was")

    def test_forbidden_commit_is_a_failure(self):
        job = self.enqueue("commit")
        self.run_failing_jobs()
        self.assertEqual(job.state, "failed")
        self.assertIn("Commit is forbidden in queue jobs", job.exc_message)

    def test_on_fail_method_is_called(self):
        self.job_function("fail", on_fail_method="on_failure")
        self.enqueue("fail", "no such luck")
        self.run_failing_jobs()
        self.assertEqual(self.traces(), ["on fail: no such luck"])

    def test_on_fail_method_is_not_called_for_a_retry(self):
        self.job_function("retry", on_fail_method="on_failure")
        self.enqueue("retry", 60)
        self.run_jobs()
        self.assertEqual(self.traces(), [])

    def test_broken_on_fail_method_costs_nothing_but_itself(self):
        self.job_function("fail", on_fail_method="on_failure_broken")
        job = self.enqueue("fail", "no such luck")
        second = self.enqueue("leave", "second")
        errors = self.run_failing_jobs()
        self.assertEqual(job.state, "failed")
        self.assertEqual(job.exc_message, "no such luck")
        self.assertEqual(second.state, "done")
        self.assertEqual(self.traces(), ["second"])
        self.assertIn("the on fail method is broken", errors[-1])

    def test_failure_that_the_orm_cannot_store_is_stored(self):
        job = self.enqueue("fail_with_nul")
        second = self.enqueue("leave", "second")
        with mute_sql_errors:
            self.run_failing_jobs()
        self.assertEqual(job.state, "failed")
        self.assertEqual(job.exc_message, "a \N{REPLACEMENT CHARACTER} b")
        self.assertEqual(second.state, "done")
