# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Screens and figures: the call for monitoring."""

from datetime import timedelta

from odoo.exceptions import AccessError
from odoo.fields import Datetime
from odoo.service.model import call_kw
from odoo.tools import mute_logger

from ..runner.claim import start_job
from .common.channel_case import LOGGER, ChannelCase
from .common.regular_server import regular_runner

HOUR = timedelta(hours=1)


class TestFigures(ChannelCase):
    """What a Job Queue Manager gets over RPC is what goes on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.new_manager()

    def figures(self):
        return call_kw(self.env["queue.job"].with_user(self.manager), "figures", [], {})

    def age(self, job, hours):
        self.set_created(job, Datetime.now() - hours * HOUR)

    def oldest_runnable(self):
        """Return its age in hours."""
        age = self.figures()["oldest_runnable_age"]
        return age and round(age / 3600, 1)

    def test_only_managers_may_ask(self):
        self.manager = self.new_user("nobody")
        # of jobs, before anything is counted; not of the runners at the end
        with self.assertRaisesRegex(AccessError, r"\(queue\.job\)"):
            self.figures()

    def test_nothing_goes_on(self):
        figures = {
            "oldest_runnable_age": None,
            "runners": {"active": 1, "working": 0, "standing_aside": 0},
            "last_hour": {"done": 0, "failed": 0},
            "channels": {},
        }
        self.assertEqual(self.figures(), figures)

    def test_channels(self):
        pending, running, failed = self.enqueue_in("a.b", "a", "")
        self.end(running, "started")
        self.end(failed, "failed")
        self.age(pending, 2)
        channels = self.figures()["channels"]
        shape = ("pending", "running", "failed", "oldest_age")
        for channel in channels.values():
            channel["oldest_age"] = channel["oldest_age"] // 3600
        expected = {
            "root": (1, 1, 1, 2),
            "root.a": (1, 1, 0, 2),
            "root.a.b": (1, 0, 0, 2),
        }
        expected = {n: dict(zip(shape, v, strict=True)) for n, v in expected.items()}
        self.assertEqual(channels, expected)

    def test_channels_are_those_of_the_screen(self):
        channel = self.channel("a")
        self.enqueue_in("a", "a.b")
        self.channel("b", channel)
        shown = self.env["queue.job.channel"].search([("complete_name", "like", "a")])
        for each in shown:
            figures = self.figures()["channels"][each.complete_name]
            self.assertEqual(figures["pending"], each.pending_count)

    def test_oldest_runnable_job(self):
        channel = self.channel("a", paused=True)
        waiting, runnable = self.enqueue_in("a", "b")
        self.age(waiting, 5)
        self.age(runnable, 3)
        self.assertEqual(self.oldest_runnable(), 3)
        channel.action_resume()
        self.assertEqual(self.oldest_runnable(), 5)
        waiting.eta = Datetime.now() - HOUR
        self.assertEqual(self.oldest_runnable(), 3)
        self.end(runnable)
        self.assertEqual(self.oldest_runnable(), 1)
        waiting.eta = Datetime.now() + HOUR
        self.assertIsNone(self.oldest_runnable())

    @mute_logger(LOGGER)
    def test_configuration_that_means_nothing_lets_the_age_grow(self):
        job = self.enqueue_in("a")
        self.age(job, 3)
        self.configure("root:x=y=z")
        self.assertEqual(self.oldest_runnable(), 3)

    def test_runners(self):
        first, second = self.enqueue_several(2)
        self.runner.copy()
        self.runner.copy({"active": False})
        self.start(first)
        second.flush_recordset()
        start_job(self.env.cr, second.id)  # nobody's
        figures = {"active": 2, "working": 1, "standing_aside": 0}
        self.assertEqual(self.figures()["runners"], figures)
        with regular_runner(self.env.cr.dbname):
            figures = {"active": 2, "working": 1, "standing_aside": 1}
            self.assertEqual(self.figures()["runners"], figures)

    def test_last_hour(self):
        done, failed, *old = self.enqueue_several(4)
        now = Datetime.now()
        done.write({"state": "done", "date_done": now - 0.9 * HOUR})
        self.force(failed, state="failed")
        old[0].write({"state": "done", "date_done": now - 1.1 * HOUR})
        old[1].write({"state": "failed", "date_failed": now - 1.1 * HOUR})
        self.assertEqual(self.figures()["last_hour"], {"done": 1, "failed": 1})

    def test_job_that_fails_counts(self):
        self.enqueue("fail")
        self.run_failing_jobs()
        self.assertEqual(self.figures()["last_hour"], {"done": 0, "failed": 1})
