# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
import os
from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo.addons.queue_job.controllers.main import PG_RETRY
from odoo.addons.queue_job.job import RETRY_INTERVAL

from .common import MODELS_LOGGER, RunnerCase, mute_sql_errors

# ahead of PostgreSQL's clock, or what is postponed from it is due at once
NOW = datetime(2222, 2, 22, 22, 22, 22)


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
        self.run_failing_jobs()
        self.assertEqual(job.state, "failed")
        self.assertEqual(job.exc_message, "a  b")
        self.assertEqual(second.state, "done")


class TestPostponed(RunnerCase):
    """A retry waits its time, counts, and leaves nothing behind."""

    def setUp(self):
        super().setUp()
        clock = freeze_time(NOW)
        clock.start()
        self.addCleanup(clock.stop)

    def assertPostponed(self, job, seconds, retry=1, result="not now"):
        self.assertEqual(job.state, "pending")
        self.assertEqual(job.eta, NOW + timedelta(seconds=seconds))
        self.assertEqual(job.retry, retry)
        self.assertIn(result, job.result)
        self.assertFalse(job.date_started)
        self.assertFalse(job.exc_info)
        self.assertEqual(self.traces(), [])

    def test_seconds_of_the_error(self):
        job = self.enqueue("retry", 300)
        self.run_jobs()
        self.assertPostponed(job, 300)

    def test_default_interval(self):
        job = self.enqueue("retry")
        self.run_jobs()
        self.assertPostponed(job, RETRY_INTERVAL)

    def test_retry_pattern_of_the_function(self):
        self.job_function("retry", edit_retry_pattern="{1: 60, 2: 180}")
        job = self.enqueue("retry")
        self.run_jobs()
        self.assertPostponed(job, 60)
        job.eta = False
        self.run_jobs()
        self.assertPostponed(job, 180, retry=2)

    def test_ignore_retry_does_not_count(self):
        job = self.enqueue("retry", 60, True, max_retries=1)
        self.run_jobs()
        self.assertPostponed(job, 60, retry=0)

    def test_exhausted_retries_fail(self):
        job = self.enqueue("retry", 60, max_retries=2)
        self.run_jobs()
        self.assertPostponed(job, 60)
        job.eta = False
        self.run_failing_jobs()
        self.assertEqual(job.state, "failed")
        self.assertEqual(job.retry, 2)
        self.assertIn("Max. retries (2) reached: not now", job.exc_message)

    def test_unlimited_retries(self):
        job = self.enqueue("retry", 60, max_retries=0)
        for retry in range(1, 8):
            job.eta = False
            self.run_jobs()
            self.assertPostponed(job, 60, retry=retry)

    def test_transaction_conflicts_are_retried(self):
        for name, sqlstate in (
            ("serialization failure", "40001"),
            ("deadlock", "40P01"),
            ("lock not available", "55P03"),
        ):
            with self.subTest(conflict=name), mute_sql_errors:
                job = self.enqueue("conflict", sqlstate)
                self.run_jobs()
                self.assertPostponed(job, PG_RETRY, result="conflict")

    def test_other_operational_error_fails(self):
        job = self.enqueue("conflict", "57014")
        with mute_sql_errors:
            self.run_failing_jobs()
        self.assertEqual(job.state, "failed")
        self.assertEqual(job.exc_name, "psycopg2.errors.QueryCanceled")


class TestBadInput(RunnerCase):
    """A job that can't be run fails and says why; the next one runs."""

    def break_job(self, job, **columns):
        job.flush_recordset()
        for column, value in columns.items():
            self.env.cr.execute(
                f"UPDATE queue_job SET {column} = %s WHERE id = %s", (value, job.id)
            )
        job.invalidate_recordset()

    def assertFailsAndNextRuns(self, job, message):
        after = self.enqueue("leave", "after", priority=99)
        with mute_sql_errors:
            self.run_failing_jobs()
        self.assertEqual(job.state, "failed")
        self.assertIn(message, job.exc_message)
        self.assertTrue(job.exc_info)
        self.assertEqual(after.state, "done")
        self.assertEqual(self.traces(), ["after"])

    def test_model_is_gone(self):
        job = self.enqueue("leave", "a")
        self.break_job(
            job,
            model_name="gone.model",
            records='{"_type": "odoo_recordset", "model": "gone.model", "ids": []}',
        )
        self.assertFailsAndNextRuns(job, "model does not exist: gone.model")

    def test_method_is_gone(self):
        job = self.enqueue("leave", "a")
        self.break_job(job, method_name="gone")
        self.assertFailsAndNextRuns(job, "method does not exist: gone of model")

    def test_no_model_and_no_method(self):
        job = self.enqueue("leave", "a")
        self.break_job(job, model_name=None, method_name=None)
        self.assertFailsAndNextRuns(job, "model does not exist")

    def test_arguments_cannot_be_decoded(self):
        for column, value in (
            ("args", '{"_type": "date_isoformat", "value": "no date"}'),
            ("kwargs", '{"_type": "odoo_recordset", "model": "gone", "ids": []}'),
            ("args", '"not a list"'),
        ):
            with self.subTest(column=column, value=value):
                self.model.search([]).unlink()
                job = self.enqueue("leave", "a")
                self.break_job(job, **{column: value})
                self.assertFailsAndNextRuns(job, "job can't be loaded")

    def test_records_are_gone(self):
        record = self.model.create({"name": "soon gone"})
        job = record.with_delay().rename("new").db_record()
        record.unlink()
        self.assertFailsAndNextRuns(job, "Record does not exist or has been deleted")

    def test_wrong_arguments(self):
        job = self.enqueue("leave", "a", "one too many")
        self.assertFailsAndNextRuns(job, "positional argument")

    def test_user_is_gone(self):
        user = self.new_user("leaver")
        job = self.model.with_user(user).with_delay().leave("a").db_record()
        user.unlink()
        self.assertFailsAndNextRuns(job, "can't be loaded")

    def test_job_that_deletes_its_record(self):
        self.enqueue("forget_job")
        after = self.enqueue("leave", "after")
        self.run_jobs()
        self.assertEqual(after.state, "done")
