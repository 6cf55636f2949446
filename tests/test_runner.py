# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Runners: the record and its copies."""

from contextlib import closing

from odoo.sql_db import db_connect
from odoo.tests import Form

from odoo.addons.queue_job.jobrunner.runner import PG_ADVISORY_LOCK_ID

from .common.runner_case import RunnerCase


class TestRunner(RunnerCase):
    """The cron record: what it is, and what a copy of it is."""

    def test_record(self):
        runner = self.runner
        self.assertTrue(runner.queue_job_runner)
        self.assertEqual(runner.user_id, self.env.ref("base.user_root"))
        self.assertEqual(runner.code, "model._job_runner()")
        self.assertEqual(runner.model_id.model, "queue.job")
        self.assertEqual((runner.interval_number, runner.interval_type), (5, "minutes"))
        self.assertEqual(runner.priority, 10)

    def test_user_changes_survive_an_update(self):
        data = self.env["ir.model.data"].search(
            [
                ("module", "=", "queue_job_cron_jobrunner"),
                ("name", "=", "queue_job_cron"),
            ]
        )
        self.assertTrue(data.noupdate)

    def test_copy_is_a_runner(self):
        copy = self.runner.copy()
        self.assertTrue(copy.active)
        self.assertEqual(self.env["ir.cron"]._queue_job_runners(), self.runner + copy)
        self.assertNotEqual(copy.ir_actions_server_id, self.runner.ir_actions_server_id)
        self.assertEqual(copy.code, "model._job_runner()")

    def test_flag_is_shown_for_crons_of_jobs_only(self):
        view = "base.ir_cron_view_form"
        with Form(self.runner, view=view) as form:
            self.assertFalse(form._get_modifier("queue_job_runner", "invisible"))
        other = self.env.ref("base.autovacuum_job")
        with Form(other, view=view) as form:
            self.assertTrue(form._get_modifier("queue_job_runner", "invisible"))

    def test_state(self):
        def assertState(state):
            self.runner.invalidate_recordset(["queue_job_runner_state"])
            self.assertEqual(self.runner.queue_job_runner_state, state)

        assertState("idle")
        job = self.enqueue("leave", "a")
        self.start(job)
        assertState("working")
        self.force(job, state="pending")
        assertState("idle")
        self.runner.active = False
        assertState("off")
        other = self.env.ref("base.autovacuum_job")
        self.assertFalse(other.queue_job_runner_state)

    def test_state_while_the_regular_runner_is_active(self):
        with closing(db_connect(self.env.cr.dbname).cursor()) as regular_runner:
            regular_runner.execute(
                "SELECT pg_try_advisory_lock(%s)", [PG_ADVISORY_LOCK_ID]
            )
            self.assertEqual(self.runner.queue_job_runner_state, "standing_aside")
            regular_runner.execute(
                "SELECT pg_advisory_unlock(%s)", [PG_ADVISORY_LOCK_ID]
            )

    def test_without_commit_everything_is_in_the_callers_transaction(self):
        job = self.enqueue("leave", "a")
        failed = self.enqueue("fail", "b")
        cursors = []
        self.patch(self.env.registry, "cursor", lambda *a, **kw: cursors.append(a))
        self.patch(self.env.cr, "commit", lambda: self.fail("committed"))
        self.patch(self.env.cr, "rollback", lambda: self.fail("rolled back"))
        with self.env.cr.savepoint() as savepoint:
            self.run_failing_jobs()
            self.assertEqual((job + failed).mapped("state"), ["done", "failed"])
            savepoint.rollback()
        self.env.invalidate_all()
        self.assertEqual((job + failed).mapped("state"), ["pending", "pending"])
        self.assertEqual(self.traces(), [])
        self.assertFalse(cursors)
