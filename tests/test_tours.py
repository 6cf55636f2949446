# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Screens and figures: managers of jobs in a browser."""

from functools import partial

from odoo.service.model import retrying

from .common.run_case import RUNNER
from .common.tour_case import TourCase


class TestTours(TourCase):
    """What managers of jobs do who are no administrators, one tour after the other:
    most of the time goes into the server's start and its first page."""

    def test_manager_of_jobs(self):
        self.only_runners()
        self.new_manager("operator")
        # it has failed, for a reason that is gone
        self.enqueue(["Export the orders"], eta=600)
        with self.transaction() as env:
            env["queue.job"].search([]).write({"state": "failed", "eta": False})
        server = self.serve("--max-cron-threads=2")
        self.pause_a_channel_read_why_a_job_waits_and_resume()
        self.stop_jobs_that_hang()
        self.add_watch_wake_and_switch_off_a_runner()
        self.assertNoErrorIn(server, "canceling statement due to user request")

    def pause_a_channel_read_why_a_job_waits_and_resume(self):
        self.tour("queue_job_channel", "operator")
        self.assertEqual(self.states(), {"done": 1})
        self.assertOnceEach(["Export the orders"])
        with self.transaction() as env:
            channels = env["queue.job.channel"]
            [channel] = channels.search([("complete_name", "=", "root.demo.quick")])
            self.assertEqual((channel.capacity, channel.paused), (2, False))

    def stop_jobs_that_hang(self):
        for token in ("Import the catalogue", "Import the prices"):
            self.enqueue([token], "hang", "sql")
        self.tour("queue_job_stop", "operator")
        self.assertEqual(self.states(), {"done": 1, "cancelled": 2})

    def add_watch_wake_and_switch_off_a_runner(self):
        with self.transaction() as env:
            runner = env.ref(RUNNER)
            retrying(partial(runner._switch_runner, False), env)
        self.enqueue(["A job that takes a while"], "sleep", 10, priority=1)
        self.enqueue(["Another job"], eta=600)
        self.tour("queue_job_runner", "operator")
        with self.transaction() as env:
            first, second = (
                env["queue.job.runner"].with_context(active_test=False).search([])
            )
            self.assertEqual((first.name, first.state), ("Queue Job Runner", "off"))
            self.assertEqual((second.name, second.state), ("Nightly", "off"))
            self.assertEqual(second.done_last_hour, 1)
            self.assertEqual(env["ir.cron"].browse(second.id).cron_name, "Nightly")
