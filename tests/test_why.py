# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Why a job waits: each sentence."""

from contextlib import closing
from datetime import timedelta

from odoo.fields import Datetime
from odoo.sql_db import db_connect
from odoo.tests import Form
from odoo.tools import mute_logger

from odoo.addons.queue_job.delay import chain

from ..runner.outlook import may_any_start
from .common.channel_case import LOGGER, ChannelCase
from .common.regular_server import regular_runner

HOUR = timedelta(hours=1)
LONG_AGO = "UPDATE ir_cron SET nextcall = '2020-01-02', lastcall = '2020-01-01'"
NEVER = """
    UPDATE ir_cron
       SET nextcall = '2020-01-02', lastcall = NULL, create_date = '2020-01-01 12:00'
"""


class TestWhy(ChannelCase):
    """A job's form says why it does not run; without that reason it would start."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.new_manager()

    def why(self, job):
        """Return what a Job Queue Manager who is no administrator reads."""
        job.invalidate_recordset()
        return str(job.with_user(self.manager).waiting_reason)

    def assertWaits(self, job, *texts):
        sentence = self.why(job)
        for text in texts:
            self.assertIn(text, sentence)
        self.assertNotEqual(self.env["queue.job"]._acquire_one_job(), job)

    def assertNext(self, job):
        self.assertIn("It is the next one to start", self.why(job))
        self.assertEqual(self.env["queue.job"]._acquire_one_job(), job)

    def link(self, job):
        action = "/odoo/action-queue_job.action_queue_job"
        return f'<a href="{action}/{job.id}">job {job.id}</a>'

    def test_next(self):
        job = self.enqueue("leave", "a")
        self.assertIn("runners at work: 0 of 1", self.why(job))
        self.assertNext(job)

    def test_form_that_is_being_edited_keeps_the_sentence(self):
        job = self.enqueue("leave", "a").with_user(self.manager)
        with Form(job, view="queue_job.view_queue_job_form") as form:
            form.priority = 5
            self.assertIn("It is the next one to start", form.waiting_reason)

    def test_runners_at_work(self):
        first, second = self.enqueue_several(2)
        self.start(first)
        self.assertIn("next one to start; runners at work: 1 of 1", self.why(second))

    def test_its_time(self):
        job = self.enqueue("leave", "a", eta=Datetime.now() + 24 * HOUR)
        self.assertWaits(job, "It waits for its time: ")
        # ready without anybody having noted it
        job.eta = Datetime.now() - HOUR
        self.assertNext(job)

    def test_jobs_it_depends_on(self):
        first, second = (self.model.delayable().leave(name) for name in "ab")
        chain(first, second).delay()
        first, second = (each._generated_job.db_record() for each in (first, second))
        text = f"It waits for 1 of the jobs that it depends on: {self.link(first)}."
        self.assertWaits(second, text)
        self.end(first, "failed")
        self.assertWaits(second, f"{self.link(first)} (Failed).")
        self.end(first)
        self.assertWaits(second, "The jobs that it depends on are done")
        self.end(second, "pending")
        self.assertNext(second)

    def test_place_in_a_channel(self):
        channel = self.channel("a", capacity=2)
        running = self.enqueue_in(*["root.a.x"] * 2)
        self.start_all()
        job = self.enqueue_in("a")
        links = ", ".join(map(self.link, running))
        text = "It waits for a free place in channel root.a: 2 of 2 running"
        self.assertWaits(job, f"{text} ({links}).")
        channel.capacity = 3
        self.assertNext(job)

    def test_only_some_jobs_are_linked(self):
        running = self.enqueue_in(*["a"] * 7)
        self.start_all()
        self.channel("a", capacity=7)
        job = self.enqueue_in("a")
        self.assertWaits(job, self.link(running[4]), ", 2 more)")
        self.assertNotIn(self.link(running[5]), self.why(job))

    def test_paused_channel(self):
        channel = self.channel("a", paused=True)
        job = self.enqueue_in("root.a.b")
        self.assertWaits(job, "Channel root.a is paused.")
        self.assertFalse(may_any_start(self.env.cr))
        channel.action_resume()
        self.assertNext(job)
        self.assertTrue(may_any_start(self.env.cr))

    def test_throttled_channel(self):
        channel = self.channel("a", throttle=3600)
        _first, job = self.enqueue_in("a", "a")
        self.start_all()
        self.assertWaits(job, "Channel root.a is throttled until ")
        channel.throttle = 0
        self.assertNext(job)

    def test_failed_job_in_a_sequential_channel(self):
        self.channel("a", capacity=1, sequential=True)
        failed, job = self.enqueue_in("a", "a")
        self.end(failed, "failed")
        text = "In the sequential channel root.a it is held by a failed job: "
        self.assertWaits(job, f"{text}{self.link(failed)}")
        failed.button_done()
        self.assertNext(job)

    def test_job_with_an_eta_in_a_sequential_channel(self):
        self.channel("a", capacity=1, sequential=True)
        first, job = self.enqueue_in("a", "a")
        first.eta = Datetime.now() + HOUR
        self.assertWaits(job, "comes first and waits for its time", self.link(first))
        first.button_cancelled()
        self.assertNext(job)

    def test_no_active_runner(self):
        job = self.enqueue("leave", "a")
        runners = self.env["ir.cron"]._queue_job_runners()
        runners.active = False
        self.assertEqual(self.why(job), "No runner is active.")
        runners.active = True
        self.assertNext(job)

    def test_odoo_runs_no_scheduled_action(self):
        """For causes of its own, which concern no runner."""
        job = self.enqueue("leave", "a")
        sql = self.env.cr.execute
        for statement, text in (
            (
                "UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'mail'",
                "are to be installed, upgraded or removed: mail.",
            ),
            (
                "UPDATE ir_module_module SET latest_version = '1' WHERE name = 'base'",
                "of another version than the database: update the module base.",
            ),
            (LONG_AGO, "No scheduled action at all has run on this database since"),
            (NEVER, "has run on this database since 01/01/2020"),
        ):
            with self.subTest(text), self.env.cr.savepoint() as savepoint:
                sql(statement)
                self.assertIn(text, self.why(job))
                savepoint.rollback()
        # a scheduled action that runs is a sign of life, and so is a job
        sql(LONG_AGO)
        with closing(db_connect(self.env.cr.dbname).cursor()) as cr:
            cr.execute("SELECT FROM ir_cron LIMIT 0 FOR NO KEY UPDATE")
            self.assertNext(job)
        self.start(self.enqueue("leave", "b"))
        self.assertNotIn("No scheduled action", self.why(job))

    def test_regular_runner_in_charge(self):
        job = self.enqueue("leave", "a")
        with regular_runner(self.env.cr.dbname):
            text = "The regular runner is in charge of this database"
            self.assertIn(text, self.why(job))
        self.assertNext(job)

    @mute_logger(LOGGER)
    def test_configuration_that_means_nothing(self):
        job = self.enqueue("leave", "a")
        self.configure("root:4:<b>=x=y")
        self.assertWaits(job, "own configuration of channels can", "&lt;b&gt;")
        self.configure()
        self.assertNext(job)

    def test_jobs_that_come_first(self):
        self.channel("full", paused=True)
        self.enqueue_in("full", "full")
        first, second = self.enqueue_several(2)
        job = self.enqueue("leave", "c")
        self.assertWaits(job, "Jobs that come first, by priority and date: 2; ")
        second.priority = 20
        self.assertWaits(job, "Jobs that come first, by priority and date: 1; ")
        self.end(first)
        self.assertNext(job)

    def test_only_jobs_that_do_not_run_have_a_reason(self):
        jobs = self.enqueue_several(4)
        states = ["started", "done", "failed", "cancelled"]
        for job, state in zip(jobs, states, strict=True):
            self.end(job, state)
        self.assertFalse(any(jobs.mapped("waiting_reason")))

    def test_channel_of_any_name(self):
        self.channel("<i>", paused=True)
        job = self.enqueue_in("<i>")
        self.assertWaits(job, "Channel root.&lt;i&gt; is paused.")
