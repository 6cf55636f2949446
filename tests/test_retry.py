# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Retries: when, and how many."""

from datetime import timedelta

from odoo.addons.queue_job.controllers.main import PG_RETRY
from odoo.addons.queue_job.job import RETRY_INTERVAL

from .common.runner_case import NOW, FrozenCase, mute_sql_errors


class TestRetry(FrozenCase):
    """A retry waits its time, counts, and leaves nothing behind."""

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

    def test_time_that_is_none_fails(self):
        for seconds in (10**12, -(10**12), "60"):
            with self.subTest(seconds=seconds):
                job = self.enqueue("retry", seconds, max_retries=0)
                self.run_failing_jobs()
                self.assertEqual(job.state, "failed")
                reason = f"can't be tried again in {seconds!r} seconds"
                self.assertIn(reason, job.exc_message)

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
