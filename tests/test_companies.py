# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Why a job waits: nothing is told of other companies' jobs."""

from unittest.mock import patch

from odoo.exceptions import AccessError

from ..models import queue_job
from .common.channel_case import ChannelCase

SECRET = "secret of the other company"


class TestCompanies(ChannelCase):
    """Of a job that a manager's companies hide, only that there is one is seen."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.new_manager()
        cls.other = cls.env["res.company"].create({"name": "Other"})

    def hidden(self, **options):
        """Enqueue a job of the other company."""
        job = self.enqueue("leave", "a", description=SECRET, **options)
        job.company_id = self.other
        return job

    def as_manager(self, records):
        records.invalidate_model()
        return records.with_user(self.manager)

    def test_runners(self):
        job = self.hidden()
        self.start(job)
        runner = self.as_manager(self.env["queue.job.runner"].browse(self.runner.id))
        [read] = runner.web_read({"job_id": {"fields": {"display_name": {}}}})
        self.assertFalse(read["job_id"])
        self.assertEqual(runner.state, "working")
        values = runner.read()[0]
        self.assertNotIn(SECRET, str(values))

    def test_why_it_waits(self):
        hidden, visible = self.hidden(), self.enqueue("leave", "b")
        self.root.capacity = 1
        self.start(hidden)
        sentence = str(self.as_manager(visible).waiting_reason)
        self.assertIn("1 of 1 running (1 more)", sentence)
        self.root.write({"capacity": 1, "sequential": True})
        self.force(hidden, state="failed")
        sentence = str(self.as_manager(visible).waiting_reason)
        self.assertIn("it is held by a failed job: 1 more.", sentence)
        self.assertNotIn(str(hidden.id), sentence)

    def test_what_it_depends_on(self):
        hidden, visible = self.hidden(), self.enqueue("leave", "b")
        self.force(visible, state="wait_dependencies")
        self.force(visible, dependencies={"depends_on": [hidden.uuid]})
        sentence = str(self.as_manager(visible).waiting_reason)
        self.assertIn("It waits for 1 of the jobs that it depends on: 1 more", sentence)

    def test_refusals_name_no_job(self):
        job = self.hidden()
        self.start(job)
        job = self.as_manager(job)
        # as if the run held it on its own connection
        self.enterContext(patch.object(queue_job, "HELD", "SELECT unnest(%(ids)s)"))
        for refused in (
            lambda: job.write({"priority": 5}),
            job.unlink,
            job.button_stop,
            job.button_done,
            job.requeue,
        ):
            with self.assertRaises(AccessError) as caught:
                refused()
            self.assertNotIn(SECRET, str(caught.exception))

    def test_channels_and_figures(self):
        self.start(self.hidden())
        channels = self.as_manager(self.env["queue.job.channel"].search([]))
        self.assertNotIn(SECRET, str(channels.read()))
        figures = self.as_manager(self.env["queue.job"]).figures()
        self.assertEqual(figures["runners"]["working"], 1)
        self.assertNotIn(SECRET, str(figures))
