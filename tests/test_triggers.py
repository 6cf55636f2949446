# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Triggers: whatever changes the queue leaves one."""

from datetime import timedelta

from odoo.addons.queue_job.delay import chain

from .common.runner_case import NOW, FrozenCase


class TestTriggers(FrozenCase):
    """Whatever changes the queue wakes a runner.

    At PostgreSQL's now, which is long before the frozen one.
    """

    def assertTriggered(self, *ahead, now=False):
        """A runner is triggered at these moments ahead, and ``now`` or not."""
        moments = self.triggers().mapped("call_at")
        self.assertEqual(sorted(m for m in moments if m >= NOW), sorted(ahead))
        self.assertEqual(sum(moment < NOW for moment in moments), now)

    def finished_job(self, method="leave"):
        job = self.enqueue(method, "a")
        if method == "fail":
            self.run_failing_jobs()
        else:
            self.run_jobs()
        self.forget_triggers()
        return job

    def test_job_without_eta_triggers_now(self):
        self.enqueue("leave", "a")
        self.assertTriggered(now=True)

    def test_job_with_eta_triggers_at_its_eta(self):
        self.enqueue("leave", "a", eta=timedelta(hours=1))
        self.assertTriggered(NOW + timedelta(hours=1))

    def test_eta_in_the_past_triggers_now(self):
        self.enqueue("leave", "a", eta=NOW - timedelta(days=1))
        self.assertTriggered(now=True)

    def test_fraction_of_a_second_is_waited_for_in_the_run(self):
        self.enqueue("leave", "a", eta=NOW + timedelta(seconds=5, microseconds=1))
        self.assertTriggered(NOW + timedelta(seconds=5))

    def test_one_create_of_several_jobs(self):
        etas = [None, NOW - timedelta(hours=1), *2 * [NOW + timedelta(hours=1)]]
        jobs = self.env["queue.job"].with_context(
            _job_edit_sentinel=self.env["queue.job"].EDIT_SENTINEL
        )
        jobs.create(
            [
                {"uuid": f"job-{number}", "state": "pending", "eta": eta}
                for number, eta in enumerate(etas)
            ]
        )
        self.assertTriggered(NOW + timedelta(hours=1), now=True)

    def test_moved_eta_triggers(self):
        job = self.enqueue("leave", "a", eta=timedelta(hours=1))
        self.forget_triggers()
        job.eta = NOW + timedelta(hours=2)
        self.assertTriggered(NOW + timedelta(hours=2), now=True)
        self.forget_triggers()
        job.eta = False
        self.assertTriggered(now=True)

    def test_requeued_jobs_trigger(self):
        for method in ("leave", "fail"):
            with self.subTest(method=method):
                self.finished_job(method).requeue()
                self.assertTriggered(now=True)
                self.forget_triggers()

    def test_requeue_by_a_manager_without_right_on_crons_triggers(self):
        manager = self.new_user("manager", "queue_job.group_queue_job_manager")
        self.assertFalse(self.env["ir.cron"].with_user(manager).has_access("read"))
        self.finished_job("fail").with_user(manager).requeue()
        self.assertTriggered(now=True)

    def test_released_dependent_triggers(self):
        first = self.model.delayable().leave("first")
        second = self.model.delayable().leave("second")
        chain(first, second).delay()
        first, second = (each._generated_job for each in (first, second))
        self.assertEqual(second.db_record().state, "wait_dependencies")
        self.forget_triggers()
        first.db_record().button_done()
        self.assertEqual(second.db_record().state, "pending")
        self.assertTriggered(now=True)

    def test_waiting_job_does_not_trigger(self):
        chain(
            self.model.delayable(eta=60).leave("first"),
            self.model.delayable().leave("second"),
        ).delay()
        self.assertTriggered(NOW + timedelta(seconds=60))

    def test_postponed_job_triggers_at_its_new_time(self):
        self.enqueue("retry", 300)
        self.forget_triggers()
        self.run_jobs()
        self.assertTriggered(NOW + timedelta(seconds=300), now=True)

    def test_whatever_may_let_another_job_start_triggers(self):
        changes = {
            "cancelled": lambda job: job.button_cancelled(),
            "done": lambda job: job.button_done(),
            "deleted": lambda job: job.sudo().unlink(),
            "in another channel": lambda job: job.write({"channel": "root.a"}),
            "before others": lambda job: job.write({"priority": 5}),
        }
        for name, change in changes.items():
            with self.subTest(change=name):
                job = self.enqueue("leave", "a", eta=timedelta(hours=1))
                self.forget_triggers()
                change(job)
                moments = self.triggers().mapped("call_at")
                self.assertEqual(sum(moment < NOW for moment in moments), 1)
                self.forget_triggers()

    def test_runner_that_is_deleted_leaves_its_triggers_to_another(self):
        other = self.runner.copy()
        self.enqueue("leave", "a")
        self.assertTrue(self.triggers())
        self.env.cr.precommit.data.clear()  # as in another transaction
        self.runner.unlink()
        self.assertTrue(self.triggers(other))

    def test_write_of_something_else_does_not_trigger(self):
        job = self.enqueue("leave", "a")
        self.forget_triggers()
        job.result = "something"
        self.assertTriggered()

    def test_jobs_of_users_without_rights_trigger(self):
        users = {
            "portal": self.new_user("portal", "base.group_portal"),
            "public": self.env.ref("base.public_user"),
        }
        for name, user in users.items():
            with self.subTest(user=name):
                self.assertFalse(self.env["ir.cron"].with_user(user).has_access("read"))
                self.model.with_user(user).with_delay().leave("a")
                self.assertTriggered(now=True)
                self.forget_triggers()

    def test_one_active_runner_is_triggered(self):
        self.runner.active = False
        copies = self.runner.copy({"active": True}) + self.runner.copy({"active": True})
        self.forget_triggers()
        model = self.model.with_context(active_test=False)
        model.with_delay().leave("now")
        triggers = self.env["ir.cron.trigger"].search([])
        self.assertEqual(len(triggers), 1)
        self.assertIn(triggers.cron_id, copies)

    def test_cron_trigger_triggers_every_active_runner(self):
        copy = self.runner.copy()
        inactive = self.runner.copy({"active": False})
        self.forget_triggers()
        self.env["queue.job"]._cron_trigger()
        for runner in self.runner + copy:
            self.assertEqual(len(self.triggers(runner)), 1)
        self.assertFalse(self.triggers(inactive))

    def test_other_crons_are_not_triggered(self):
        self.enqueue("leave", "a")
        triggered = self.env["ir.cron.trigger"].search([]).mapped("cron_id")
        self.assertEqual(triggered, self.runner)

    def test_without_an_active_runner_jobs_wait(self):
        self.runner.active = False
        job = self.enqueue("leave", "a")
        self.enqueue("leave", "b", eta=60)
        self.assertFalse(self.env["ir.cron.trigger"].search([]))
        self.assertEqual(job.state, "pending")
