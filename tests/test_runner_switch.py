# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Runners: switching, renaming and removing busy ones."""

import os
import signal
from functools import partial

from odoo.exceptions import UserError
from odoo.service.model import retrying

from .common.run_case import RUNNER
from .common.server_case import PREFORK, ServerCase

ONE = (*PREFORK, "--max-cron-threads=1")


class TestRunnerSwitch(ServerCase):
    """A busy runner is switched without an error, and ends the job it is on and no
    other. It can't be renamed or removed meanwhile."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        with self.transaction() as env:
            self.id = env.ref(RUNNER).id
        self.manager = self.new_manager("manager")

    def call(self, method, *args):
        """Do what an RPC of a manager does; Odoo tries it again after a conflict."""
        with self.transaction() as env:
            env = env(user=self.manager)
            runner = env["queue.job.runner"].browse(self.id)
            retrying(partial(getattr(runner, method), *args), env)

    def cron(self):
        statement = "SELECT active, cron_name, queue_job_runner FROM ir_cron"
        return self.query(f"{statement} WHERE id = %s", self.id)[0]

    def shown(self):
        with self.transaction() as env:
            return env["queue.job.runner"].browse(self.id).read()[0]

    def busy(self, *options):
        """Start a server whose only runner is on a long job, with others behind it."""
        server = self.server(*(options or ONE))
        self.enqueue(["long"], "sleep", 10, priority=1)
        self.enqueue(["next", "last"])
        self.wait(server, self.job_is("long", "started"), "it is started", nudge=True)
        return server

    def assertStopsAfterItsJob(self, server, cron):
        self.assertEqual(self.job("long")["state"], "started")
        self.assertTrue(self.cron()[0], "not before the end of the run")
        self.wait(server, lambda: self.cron() == cron, "the row follows")
        self.assertEqual(self.states(), {"done": 1, "pending": 2})
        self.assertEqual(self.job("long")["state"], "done")
        self.assertNoErrorIn(server)

    def test_switched_off_during_a_job(self):
        server = self.busy()
        self.call("action_switch_off")
        shown = self.shown()
        self.assertEqual(
            (shown["active"], shown["state"], shown["ends"]),
            (False, "working", True),
        )
        self.assertStopsAfterItsJob(server, (False, "Queue Job Runner", True))
        self.assertEqual(self.shown()["state"], "off")
        self.call("action_switch_on")
        self.wait(server, self.all_in("done"), "the rest is done")
        self.assertCronsFine()

    def test_switched_on_again_during_the_job(self):
        server = self.busy()
        self.call("action_switch_off")
        self.call("action_switch_on")
        self.assertEqual(self.job("long")["state"], "started")
        self.assertTrue(self.shown()["active"])
        self.wait(server, self.all_in("done"), "all are done")
        self.assertCronsFine()
        self.assertNoErrorIn(server)

    def test_busy_one_is_not_renamed_or_removed(self):
        server = self.busy()
        for change in (("write", {"name": "Nightly"}), ("action_remove",)):
            with self.assertRaisesRegex(UserError, "Runner is at work. Switch it off"):
                self.call(*change)
        self.call("action_switch_off")
        self.assertStopsAfterItsJob(server, (False, "Queue Job Runner", True))
        self.call("write", {"name": "Nightly"})
        self.call("action_remove")
        self.assertEqual(self.cron(), (False, "Nightly", False))
        self.assertEqual(self.job("long")["runner_id"], self.id)

    def test_switched_off_by_its_own_job(self):
        server = self.server(*ONE)
        with self.transaction() as env:
            env["queue.job.runner"].browse(self.id).with_delay(
                description="long", priority=1
            ).action_switch_off()
        self.enqueue(["next", "last"])
        off = (False, "Queue Job Runner", True)
        self.wait(server, lambda: self.cron() == off, "it is off")
        self.assertEqual(self.states(), {"done": 1, "pending": 2})
        self.assertNoErrorIn(server)

    def test_switched_off_and_killed(self):
        server = self.busy()
        self.call("action_switch_off")
        os.kill(self.job("long")["worker_pid"], signal.SIGKILL)
        off = (False, "Queue Job Runner", True)
        self.wait(server, lambda: self.cron() == off, "it is off", nudge=True)
        self.assertEqual(self.ledger(), [])
        self.assertNoErrorIn(server)

    def test_what_it_would_have_started_is_another_ones(self):
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        with self.transaction() as env:
            second = max(env["ir.cron"]._queue_job_runners().ids)
        self.enqueue(["long", "longer"], "sleep", 3, priority=1)
        self.wait(
            server, lambda: self.states() == {"started": 2}, "both work", nudge=True
        )
        tokens = self.enqueue([str(number) for number in range(10)])
        self.call("action_switch_off")
        # nobody is notified any more but by what is switched off
        self.wait(server, self.all_in("done"), "all are done")
        runners = {self.job(token)["runner_id"] for token in tokens}
        self.assertEqual(runners, {second})
        self.wait(server, lambda: not self.cron()[0], "it is off")
        self.assertNoErrorIn(server)
