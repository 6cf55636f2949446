# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promises 2, 6 and 7: jobs that do what they should not."""

import logging

from odoo.addons.queue_job.controllers.main import PG_RETRY

from .common.run_case import ADDON, RunCase
from .common.runner_case import mute_sql_errors


class TestMisbehavingJobs(RunCase):
    """Whatever a job does, its end is stored and the next job runs."""

    def run_with_next(self, method, *args, level=logging.ERROR):
        """Run a job and another one behind it.

        :return: the row of the first one, and what was logged
        """
        job = self.enqueue(method, "job", *args)
        after = self.enqueue("record", "after")
        with mute_sql_errors, self.assertLogs(ADDON, level) as logs:
            self.run_in_thread()
        self.assertEqual(self.state(after), "done")
        return self.job(job), "\n".join(logs.output)

    def assertFails(self, message, method, *args, effects=()):
        job, log = self.run_with_next(method, *args)
        self.assertEqual(job["state"], "failed")
        self.assertIn(message, job["exc_message"])
        self.assertIn(job["exc_name"].rpartition(".")[2], job["exc_info"])
        self.assertIn(job["uuid"], log)
        self.assertEqual(job["retry"], 1)
        self.assertEqual(self.tokens(), [*effects, "after"])
        return job

    def test_exception(self):
        self.assertFails("thrown", "throw", "odoo.exceptions.UserError")

    def test_error_in_the_flush(self):
        self.assertFails('null value in column "token"', "fail_in_flush")

    def test_error_at_the_commit(self):
        self.execute(
            "ALTER TABLE queue_job_demo_ledger ADD CONSTRAINT once"
            " UNIQUE (token) DEFERRABLE INITIALLY DEFERRED"
        )
        self.assertFails('unique constraint "once"', "record_twice")

    def test_closed_cursor(self):
        self.assertFails("Cursor already closed", "close_cursor")

    def test_broken_transaction(self):
        self.assertFails("transaction is aborted", "execute", "SELECT 1/0")

    def test_commit_is_forbidden(self):
        self.assertFails("Commit is forbidden", "end_transaction", "commit")

    def test_rollback_is_noticed(self):
        message = "has ended its transaction"
        self.assertFails(message, "end_transaction", "rollback")

    def test_rollback_in_sql_is_noticed(self):
        self.assertFails("has ended its transaction", "execute", "ROLLBACK")

    def test_commit_in_sql_is_noticed_and_has_its_effects(self):
        message = "has ended its transaction"
        self.assertFails(message, "execute", "COMMIT", effects=["job"])

    def test_on_fail_method_that_rolls_back(self):
        with self.transaction() as env:
            function = env.ref("queue_job_cron_jobrunner_demo.job_function_fail")
            function.on_fail_method = "roll_back_on_failure"
        self.assertFails("This job fails", "fail")

    def test_exceptions_that_would_end_the_thread(self):
        for name in (
            "builtins.SystemExit",
            "builtins.KeyboardInterrupt",
            "builtins.GeneratorExit",
            "asyncio.CancelledError",
        ):
            with self.subTest(exception=name):
                self.execute("DELETE FROM queue_job_demo_ledger")
                self.assertFails("thrown", "throw", name)

    def test_job_of_a_lost_connection_is_left_to_the_rescue(self):
        job, log = self.run_with_next("break_connection")
        self.assertIn("left to the rescue", log)
        self.assertEqual((job["state"], job["retry"]), ("started", 0))
        self.assertEqual(self.tokens(), ["after"])
        self.execute(
            "UPDATE queue_job SET method_name = 'record' WHERE state != 'done'"
        )
        self.age(job["id"])
        with self.assertLogs(ADDON, "WARNING") as logs:
            self.run_in_thread()
        self.assertIn("found dead", logs.output[0])
        job = self.job(job["id"])
        self.assertEqual((job["state"], job["retry"]), ("done", 2))
        self.assertEqual(self.tokens(), ["after", "job"])

    def test_error_in_a_post_commit_hook_does_not_undo_the_job(self):
        job, log = self.run_with_next("fail_after_commit")
        self.assertEqual(job["state"], "done")
        self.assertFalse(job["exc_info"])
        self.assertIn("A post-commit hook fails", log)
        self.assertEqual(self.tokens(), ["job", "job: hook", "after"])

    def test_allowed_commit_stays_when_the_job_fails(self):
        with self.transaction() as env:
            model = env["ir.model"]._get_id("queue.job.demo.ledger")
            env["queue.job.function"].create(
                {"model_id": model, "method": "end_transaction", "allow_commit": True}
            )
        job, _log = self.run_with_next("end_transaction", "commit", level=logging.INFO)
        self.assertEqual(job["state"], "done")
        self.assertEqual(self.tokens(), ["job", "after"])

    def test_job_that_enqueues_jobs(self):
        job, _log = self.run_with_next("enqueue", 3, level=logging.INFO)
        self.assertEqual(job["state"], "done")
        tokens = ["job", "after", "job 0", "job 1", "job 2"]
        self.assertEqual(self.tokens(), tokens)

    def test_job_that_changes_its_own_state_is_done(self):
        for method in ("button_cancelled", "requeue", "button_done", "unlink"):
            with self.subTest(method=method):
                job = self.enqueue("meddle", "job", method)
                uuid = self.job(job)["uuid"]
                self.enqueue("record", "after")
                self.run_in_thread()
                states = "SELECT state FROM queue_job WHERE uuid = %s"
                self.assertEqual(self.query(states, uuid), [("done",)])
                self.assertEqual(self.tokens(), ["job", "after"])
                self.execute("DELETE FROM queue_job_demo_ledger")

    def test_job_in_a_conflict_is_tried_again(self):
        self.execute("INSERT INTO queue_job_demo_ledger (token) VALUES ('shared')")
        job, _log = self.run_with_next("conflict", level=logging.INFO)
        self.assertEqual((job["state"], job["retry"]), ("pending", 1))
        self.assertIn("could not serialize access", job["result"])
        delay = job["eta"] - job["date_created"]
        self.assertGreaterEqual(delay.total_seconds(), PG_RETRY)
        self.assertEqual(self.tokens(), ["shared", "after"])
        self.execute("UPDATE queue_job SET eta = NULL")
        self.run_in_thread()
        self.assertEqual(self.state(job["id"]), "done")
        self.assertEqual(self.tokens(), ["shared", "after", "job"])

    def test_job_in_a_conflict_each_time_has_failed_after_its_last_try(self):
        self.execute("INSERT INTO queue_job_demo_ledger (token) VALUES ('shared')")
        jobs = {
            self.enqueue("conflict", "a", 99, max_retries=3): "could not serialize",
            self.enqueue(
                "throw", "b", "odoo.exceptions.ConcurrencyError", max_retries=3
            ): "thrown",
            self.enqueue(
                "throw", "c", "odoo.exceptions.LockError", max_retries=3
            ): "thrown",
        }
        for tries in (1, 2):
            with mute_sql_errors:
                self.run_in_thread()
            for job in jobs:
                row = self.job(job)
                self.assertEqual((row["state"], row["retry"]), ("pending", tries))
            self.execute("UPDATE queue_job SET eta = NULL")
        with mute_sql_errors, self.assertLogs(ADDON, "ERROR"):
            self.run_in_thread()
        for job, reason in jobs.items():
            row = self.job(job)
            self.assertEqual((row["state"], row["retry"]), ("failed", 3))
            self.assertIn("Max. retries (3) reached", row["exc_message"])
            self.assertIn(reason, row["exc_message"])
        self.assertEqual(self.tokens(), ["shared"])
