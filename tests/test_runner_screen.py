# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 3: who works on what, on the screen of the runners."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tools import config

from .common.runner_case import RunnerCase


class TestRunnerScreen(RunnerCase):
    """What managers of jobs see of the runners, and what they do to idle ones."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.new_manager()
        cls.runners = cls.env["queue.job.runner"].with_user(cls.manager)
        cls.shown = cls.runners.browse(cls.runner.id)

    def values(self):
        self.shown.invalidate_recordset()
        return self.shown.read()[0]

    def add(self):
        self.runners.action_add()
        return self.env["ir.cron"].search([("queue_job_runner", "=", True)])[-1]

    def test_working(self):
        job = self.enqueue("leave", "a")
        self.start(job)
        values = self.values()
        self.assertEqual(values["state"], "working")
        self.assertEqual(values["job_id"][0], job.id)
        self.assertEqual(values["job_since"], job.date_started)
        self.assertEqual(values["pid"], job.worker_pid)
        self.force(job, state="pending")
        values = self.values()
        self.assertEqual(values["state"], "idle")
        self.assertFalse(values["job_id"] or values["job_since"] or values["pid"])

    def test_failing(self):
        self.runner.failure_count = 1
        self.assertEqual(self.values()["state"], "failing")
        self.assertEqual(self.runner.queue_job_runner_state, "failing")
        self.runner.active = False
        self.assertEqual(self.values()["state"], "off")

    def test_last_run(self):
        self.runner.lastcall = "2026-01-01 12:00:00"
        self.assertEqual(self.values()["last_run"], self.runner.lastcall)

    def test_jobs_of_the_last_hour(self):
        done = self.enqueue("leave", "a")
        failed = self.enqueue("fail", "b")
        old = self.enqueue("leave", "c")
        for job in done + failed + old:
            self.start(job)
        now = fields.Datetime.now()
        # what takes long, and fails now
        failed.date_started = old.date_started = now - timedelta(hours=2)
        self.force(failed, state="failed")
        self.force(done, state="done", date_done=now)
        self.force(old, state="done", date_done=now - timedelta(minutes=61))
        values = self.values()
        self.assertEqual(values["done_last_hour"], 1)
        self.assertEqual(values["failed_last_hour"], 1)
        failed.date_failed -= timedelta(minutes=61)
        self.assertEqual(self.values()["failed_last_hour"], 0)

    def test_no_other_cron_is_shown(self):
        runners = self.runners.with_context(active_test=False).search([])
        self.assertEqual(runners, self.shown)

    def test_switch(self):
        self.forget_triggers()
        self.shown.action_switch_off()
        self.assertFalse(self.runner.active)
        self.assertFalse(self.triggers())
        self.shown.action_switch_on()
        self.assertTrue(self.runner.active)
        self.assertTrue(self.triggers(), "jobs may be waiting")
        self.shown.active = False
        self.assertFalse(self.runner.active)

    def test_other_runners_look_for_what_one_that_is_off_would_start(self):
        other = self.add()
        self.enqueue("leave", "a")
        self.forget_triggers()
        self.shown.action_switch_off()
        self.assertTrue(self.triggers(other))

    def test_rename(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        french = self.runner.with_context(lang="fr_FR")
        french.name = "Exécuteur"
        self.shown.with_context(lang="fr_FR").name = " Nightly "
        self.assertEqual(self.runner.name, "Nightly")
        self.assertEqual(french.name, "Nightly")
        self.assertEqual(self.values()["name"], "Nightly")
        for name in ("", " ", False, 3):
            with self.assertRaises(UserError):
                self.shown.write({"name": name})

    def test_added_runners_are_like_the_first_one(self):
        second, third = self.add(), self.add()
        self.assertEqual(second.name, "Queue Job Runner 2")
        self.assertEqual(third.name, "Queue Job Runner 3")
        names = ["queue_job_runner", "active", "model_id", "state", "code", "user_id"]
        names += ["interval_number", "interval_type", "priority"]
        expected = self.runner.read(names, load=None)[0]
        self.assertEqual(
            second.read(names, load=None)[0], {**expected, "id": second.id}
        )
        self.assertTrue(self.triggers(second))

    def test_caller_has_no_say_in_a_new_runner(self):
        context = {"default_child_ids": [(6, 0, [1])], "lang": "fr_FR", "cron_id": 1}
        context |= {"default_failure_count": 3, "default_user_id": self.manager.id}
        self.runners.with_context(**context).action_add()
        runner = self.env["ir.cron"].search([("queue_job_runner", "=", True)])[-1]
        self.assertEqual((runner.failure_count, runner.user_id.id), (0, 1))
        self.assertFalse(runner.child_ids)

    def test_removed_runner_is_archived_and_taken_back(self):
        second = self.add()
        job = self.enqueue("leave", "a")
        self.start(job, second)
        self.force(job, state="done")
        self.runners.browse(second.id).action_remove()
        self.assertFalse(second.active or second.queue_job_runner)
        self.assertEqual(job.runner_id, second)
        self.assertFalse(self.runners.browse(second.id).exists())
        self.assertEqual(self.add(), second)
        self.assertTrue(second.active)

    def test_run_now(self):
        self.forget_triggers()
        self.shown.action_run_now()
        self.assertTrue(self.triggers())
        self.shown.action_switch_off()
        with self.assertRaises(UserError):
            self.shown.action_run_now()

    def test_jobs_of_a_runner(self):
        mine, other = self.enqueue("leave", "a"), self.enqueue("leave", "b")
        self.start(mine)
        action = self.shown.action_open_jobs()
        jobs = self.env["queue.job"].with_user(self.manager).search(action["domain"])
        self.assertEqual(jobs, mine)
        self.assertNotIn(other, jobs)

    def test_jobs_show_their_runner(self):
        job = self.enqueue("leave", "a")
        self.start(job)
        job.invalidate_recordset()
        specification = {"runner_id": {"fields": {"display_name": {}}}}
        [values] = job.with_user(self.manager).web_read(specification)
        self.assertEqual(values["runner_id"]["display_name"], self.runner.display_name)

    def hints(self, workers):
        with patch.dict(config.options, max_cron_threads=workers):
            runners = self.runners.with_context(active_test=False).search([])
            runners.invalidate_recordset()
            return runners.mapped("hint")

    def test_hint_when_no_cron_worker_is_left(self):
        self.add()
        self.assertEqual(self.hints(3), [False, False])
        self.assertFalse(self.hints(2)[0])
        self.assertIn("all 2 cron workers", self.hints(2)[1])
        self.assertEqual([bool(hint) for hint in self.hints(1)], [True, True])
        self.assertEqual(self.hints(0), [False, False], "others have them")
        with patch.dict("os.environ", ODOO_NOTIFY_CRON_CHANGES="1"):
            self.assertEqual(self.hints(1), [False, False], "the host decides")

    def test_hint_when_none_is_active(self):
        self.shown.action_switch_off()
        self.assertIn("No runner is active", self.hints(2)[0])
