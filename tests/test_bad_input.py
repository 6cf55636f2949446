# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 6: jobs that can't be loaded or stored."""

from datetime import timedelta

from odoo import fields

from odoo.addons.queue_job.job import DEFAULT_MAX_RETRIES

from .common.runner_case import RunnerCase, mute_sql_errors


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
        job.max_retries = 1
        after = self.enqueue("leave", "after", priority=99)
        with mute_sql_errors:
            self.run_failing_jobs()
        self.assertEqual(job.state, "failed")
        self.assertIn(message, job.exc_message)
        self.assertTrue(job.exc_info)
        self.assertEqual(after.state, "done")
        self.assertEqual(self.traces(), ["after"])

    def test_another_process_may_have_the_code(self):
        """During a deploy: each try that finds none counts, and is 10 s later."""
        job = self.enqueue("leave", "a", max_retries=2)
        self.break_job(job, method_name="gone")
        now = fields.Datetime.now()
        self.run_jobs()
        self.assertEqual((job.state, job.retry), ("pending", 1))
        self.assertIn("method does not exist", job.result)
        self.assertGreater(job.eta, now + timedelta(seconds=5))
        self.assertLess(job.eta, now + timedelta(seconds=30))
        job.eta = False
        self.run_failing_jobs()
        self.assertEqual((job.state, job.retry), ("failed", 2))
        self.assertIn("method does not exist", job.exc_message)

    def test_one_that_is_tried_for_ever_is_not_if_it_can_t_be_loaded(self):
        job = self.enqueue("leave", "a", max_retries=0)
        self.break_job(job, method_name="gone")
        for _number in range(DEFAULT_MAX_RETRIES - 1):
            self.run_jobs()
            self.assertEqual(job.state, "pending")
            job.eta = False
        self.run_failing_jobs()
        self.assertEqual(job.state, "failed")

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
