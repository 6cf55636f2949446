# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Screens and figures: the list of jobs, and what pages cost."""

from datetime import timedelta

from odoo.fields import Datetime
from odoo.tools.safe_eval import safe_eval

from odoo.addons.queue_job.delay import chain
from odoo.addons.queue_job.job import Job

from .common.channel_case import ChannelCase

MINUTE = timedelta(minutes=1)


class TestJobScreens(ChannelCase):
    """What a Job Queue Manager who is no administrator sees of the jobs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        manager = cls.new_manager()
        cls.queue = cls.env["queue.job"].with_user(manager)
        cls.action = cls.env.ref("queue_job.action_queue_job")

    def views(self):
        kinds = ["list", "form", "pivot", "graph", "search"]
        return self.queue.get_views([(False, kind) for kind in kinds])["views"]

    def found(self, filter_name):
        """The jobs that a filter of the search view finds."""
        view = self.env.ref("queue_job.view_queue_job_search")
        arch = self.queue._get_view(view.id, "search")[0]
        [domain] = arch.xpath(f"//filter[@name='{filter_name}']/@domain")
        return self.queue.search(safe_eval(domain))

    def test_views(self):
        self.start(self.enqueue("leave", "a"))
        fields = {"runner_id": {"fields": {"display_name": {}}}, "worker_pid": {}}
        [values] = self.queue.web_search_read([], fields)["records"]
        self.assertEqual(values["runner_id"]["display_name"], "Queue Job Runner")
        self.assertTrue(values["worker_pid"])
        views = self.views()
        self.assertIn('name="waiting_reason"', views["form"]["arch"])
        self.assertIn('name="worker_pid"', views["form"]["arch"])
        self.assertIn('name="wait_time"', views["pivot"]["arch"])

    def test_jobs_by_runner(self):
        job, other = self.enqueue_several(2)
        self.start(job)
        groups = self.queue.formatted_read_group([], ["runner_id"], ["__count"])
        shown = [(group["runner_id"], group["__count"]) for group in groups]
        expected = [((self.runner.id, "Queue Job Runner"), 1), (False, 1)]
        self.assertEqual(shown, expected)
        found = [
            self.queue.search(safe_eval(str(group["__extra_domain"])))
            for group in groups
        ]
        self.assertEqual([jobs.ids for jobs in found], [job.ids, other.ids])
        by_name = self.queue.search([("runner_name", "ilike", "job run")])
        self.assertEqual(by_name.ids, job.ids)

    def test_running_now(self):
        started, enqueued, *_others = jobs = self.enqueue_several(4)
        states = ["started", "enqueued", "pending", "done"]
        for job, state in zip(jobs, states, strict=True):
            self.end(job, state)
        found = set(self.found("running").ids)
        self.assertEqual(found, {started.id, enqueued.id})

    def test_ended_in_the_last_hours(self):
        done, failed, older, _pending, old = jobs = self.enqueue_several(5)
        now = Datetime.now()
        for job, minutes in ((done, 59), (older, 61), (old, 361)):
            job.write({"state": "done", "date_done": now - minutes * MINUTE})
        self.force(failed, state="failed")
        self.assertEqual(set(self.found("ended_last_hour").ids), set(jobs[:2].ids))
        found = set(self.found("ended_last_6_hours").ids)
        self.assertEqual(found, set(jobs[:3].ids))

    def test_jobs_per_hour_and_channel(self):
        done, later = self.enqueue_in("a", "b")
        now = Datetime.now()
        done.write({"state": "done", "date_done": now - 61 * MINUTE})
        later.write({"state": "done", "date_done": now})
        favorites = self.env["ir.filters"].with_user(self.queue.env.user)
        [favorite] = favorites.get_filters("queue.job", self.action.id)
        groups = self.queue.formatted_read_group(
            safe_eval(favorite["domain"]),
            safe_eval(favorite["context"])["group_by"],
            ["__count"],
        )
        self.assertEqual([group["channel"] for group in groups], ["a", "b"])
        self.assertEqual(len({group["date_done:hour"][0] for group in groups}), 2)

    def test_waiting_time(self):
        """From the later of creation and eta, whoever starts the job."""
        by_claim, with_eta, by_regular_runner, pending = jobs = self.enqueue_several(4)
        now = Datetime.now()
        with_eta.eta = now - 2 * MINUTE
        self.set_created(jobs, now - 5 * MINUTE)
        self.start(by_claim)
        self.start(with_eta)
        job = Job.load(self.env, by_regular_runner.uuid)
        job.set_started()
        job.store()
        self.env["queue.job"].flush_model()
        jobs.invalidate_recordset()
        minutes = [round(time / 60) for time in jobs.mapped("wait_time")]
        self.assertEqual(minutes, [5, 2, 5, 0])
        [group] = self.queue.formatted_read_group(
            [("id", "in", jobs.ids)], [], ["wait_time:avg"]
        )
        self.assertEqual(round(group["wait_time:avg"] / 60), 4)

    def test_list_says_what_jobs_wait_for_if_asked(self):
        self.channel("shut", paused=True)
        self.channel("narrow", capacity=1)
        running, shut, narrow, first, second = jobs = self.enqueue_in(
            "narrow", "shut", "narrow", "open", "open"
        )
        later = self.enqueue("leave", "later", eta=Datetime.now() + MINUTE)
        before, after = (self.model.delayable().leave(name) for name in "ab")
        chain(before, after).delay()
        dependent = after._generated_job.db_record()
        self.start(running)
        jobs = self.queue.browse([*jobs.ids, later.id, dependent.id])
        self.assertFalse(any(jobs.mapped("waits_for")))
        self.assertEqual(self.found("waiting") & jobs, jobs[1:])
        jobs = jobs.with_context(show_what_jobs_wait_for=True)
        said = {job.id: job.waits_for for job in jobs}
        self.assertFalse(said[running.id])
        self.assertEqual(said[shut.id], "Channel root.shut is paused.")
        self.assertEqual(said[narrow.id], "A free place in channel root.narrow")
        self.assertEqual([said[first.id], said[second.id]], ["A runner"] * 2)
        self.assertIn("It waits for its time: ", said[later.id])
        self.assertEqual(said[dependent.id], "Jobs that it depends on")

    def test_what_nobody_asks_for_is_not_offered(self):
        attributes = ["groupable", "exportable"]
        offered = self.queue.fields_get(attributes=attributes)
        grouped = {name for name, each in offered.items() if each["groupable"]}
        exported = {name for name, each in offered.items() if each["exportable"]}
        internal = {"eta_reached", "runner_name", "rescue_message", "waits_for"}
        self.assertFalse(internal & grouped)
        self.assertFalse({*internal - {"rescue_message"}, "stopping"} & exported)
        wanted = {"runner_id", "date_failed", "date_rescued", "wait_time"}
        self.assertLessEqual(wanted, grouped & exported)
        for model, internal in (
            ("queue.job.channel", {"occupancy", "limits_source", "limits_error"}),
            ("queue.job.runner", {"ends", "job_number"}),
        ):
            offered = self.env[model].fields_get(internal, ["exportable"])
            self.assertEqual(offered, dict.fromkeys(internal, {"exportable": False}))


class TestPageQueries(ChannelCase):
    """The number of queries of a page does not depend on the number of jobs."""

    MORE = 5  # queries than with empty tables

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.queue = cls.env["queue.job"]
        cls.channels = cls.env["queue.job.channel"]

    def count(self, page):
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        page()
        return self.env.cr.sql_log_count - before

    def pages(self):
        channel_fields = ["complete_name", "occupancy", "pending_count", "failed_count"]
        channel_fields += ["oldest_age", "capacity", "effective_capacity", "paused"]
        spec = {name: {} for name in channel_fields}
        jobs = ["name", "state", "channel", "wait_time", "date_rescued"]
        runner = {"runner_id": {"fields": {"display_name": {}}}}
        jobs = {**{name: {} for name in jobs}, **runner}
        return {
            "channels": lambda: self.channels.web_search_read([], spec),
            "jobs": lambda: self.queue.web_search_read([], jobs, limit=80),
            "job": lambda: self.job.web_read({"waiting_reason": {}, **jobs}),
            "waits": lambda: self.queue.with_context(
                show_what_jobs_wait_for=True
            ).web_search_read([], {"waits_for": {}}, limit=80, order="id desc"),
            "figures": lambda: self.queue.figures(),
        }

    def test_number_of_queries(self):
        self.job = self.enqueue("leave", "last", priority=30)
        for page in self.pages().values():
            page()
        few = {name: self.count(page) for name, page in self.pages().items()}
        parent = self.channel("full", capacity=2)
        for number in range(20):
            self.channel(f"c{number}", parent)
        names = [f"full.c{number}" for number in range(20)] * 10
        jobs = self.enqueue_in(*names)
        self.end(jobs[:2], "started")
        self.end(jobs[2:40], "done")
        self.end(jobs[40:60], "failed")
        jobs[60:80].eta = Datetime.now() + MINUTE
        jobs[80:120].eta = Datetime.now() - MINUTE
        self.end(jobs[120:130], "wait_dependencies")
        self.env.flush_all()
        for name, page in self.pages().items():
            self.assertLessEqual(self.count(page), few[name] + self.MORE, name)
