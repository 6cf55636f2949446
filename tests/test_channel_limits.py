# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Limits of channels: what a claim makes of them."""

from odoo.exceptions import ValidationError
from odoo.tests import Form

from .common.channel_case import ChannelCase


class TestChannelLimits(ChannelCase):
    """A channel's limits hold from the next claim on."""

    def assertInvalid(self, message, **values):
        savepoint = self.env.cr.savepoint()
        with self.assertRaisesRegex(ValidationError, message), savepoint:
            self.root.write(values)

    def test_limits_that_mean_nothing_are_refused(self):
        self.assertInvalid("capacity can't be negative", capacity=-1)
        self.assertInvalid("capacity can't be negative", capacity_default=-1)
        self.assertInvalid("throttle can't be negative", throttle=-1)
        message = "sequential channel must have a capacity of 1"
        self.assertInvalid(message, sequential=True)
        self.assertInvalid(message, sequential=True, capacity=2)
        message = "must have a default capacity of 1"
        self.assertInvalid(message, sequential_default=True)
        self.assertInvalid(message, sequential_default=True, capacity_default=2)

    def test_limits_that_mean_something(self):
        self.root.write({"capacity": 1, "sequential": True})
        self.root.write({"capacity_default": 1, "sequential_default": True})
        self.root.throttle = 5

    def test_no_limit_at_first(self):
        jobs = self.enqueue_in("root", "root.a", "root.a", "b", "b.c")
        self.assertEqual(self.start_all(), jobs)

    def test_capacity(self):
        channel = self.channel("a", capacity=2)
        jobs = self.enqueue_in("root.a", "root.a", "root.a", "root.a")
        self.assertEqual(self.start_all(), jobs[:2])
        self.end(jobs[0])
        self.assertEqual(self.start_all(), jobs[2])
        channel.capacity = 3
        self.assertEqual(self.start_all(), jobs[3])

    def test_enqueued_jobs_count_too(self):
        self.channel("a", capacity=1)
        jobs = self.enqueue_in("root.a", "root.a")
        jobs[0].state = "enqueued"
        self.assertFalse(self.start_all())

    def test_capacity_that_is_lowered_holds_for_the_next_ones(self):
        channel = self.channel("a", capacity=2)
        jobs = self.enqueue_in("root.a", "root.a", "root.a")
        self.assertEqual(self.start_all(), jobs[:2])
        channel.capacity = 1
        self.end(jobs[0])
        self.assertFalse(self.start_all())
        self.end(jobs[1])
        self.assertEqual(self.start_all(), jobs[2])

    def test_capacity_of_an_ancestor(self):
        parent = self.channel("a", capacity=2)
        self.channel("b", parent, capacity=5)
        jobs = self.enqueue_in("root.a", "root.a.b", "root.a.b", "root.a.c.d", "root")
        self.assertEqual(self.start_all(), jobs[:2] + jobs[4])
        self.root.capacity = 3
        self.end(jobs[0])
        self.assertEqual(self.start_all(), jobs[2])
        self.end(jobs[1])
        self.root.capacity = 2
        self.assertFalse(self.start_all())

    def test_name_without_root(self):
        self.channel("a", capacity=1)
        jobs = self.enqueue_in("a", "root.a")
        self.assertEqual(self.start_all(), jobs[0])

    def test_paused(self):
        channel = self.channel("a")
        jobs = self.enqueue_in("root.a", "root.a.b", "root.b")
        channel.action_pause()
        self.assertEqual(self.start_all(), jobs[2])
        channel.action_resume()
        self.assertEqual(self.start_all(), jobs[:2])

    def test_pausing_the_root_pauses_everything(self):
        self.channel("a", capacity=1)
        jobs = self.enqueue_in("root", "root.a", "b")
        self.root.action_pause()
        self.assertFalse(self.start_all())
        self.root.action_resume()
        self.assertEqual(self.start_all(), jobs)

    def test_running_jobs_of_a_paused_channel_go_on(self):
        job = self.enqueue_in("root.a")
        self.start_next()
        self.channel("a", paused=True)
        job._process()
        self.assertEqual(job.state, "done")

    def test_sequential(self):
        channel = self.channel("a", capacity=1, sequential=True)
        jobs = self.enqueue_in("root.a", "root.a", "root.a")
        self.assertEqual(self.start_all(), jobs[0])
        self.end(jobs[0], "failed")
        self.assertFalse(self.start_all())
        channel.sequential = False
        self.assertEqual(self.start_all(), jobs[1])
        channel.sequential = True
        self.end(jobs[1])
        self.assertFalse(self.start_all())
        self.end(jobs[0])
        self.assertEqual(self.start_all(), jobs[2])

    def test_throttle(self):
        channel = self.channel("a", throttle=60)
        jobs = self.enqueue_in("root.a", "root.a", "root.a.b", "root.b")
        self.assertEqual(self.start_all(), jobs[0] + jobs[3])
        self.env.cr.execute(
            "UPDATE queue_job_channel_start"
            " SET date_started = date_started - INTERVAL '50 s' WHERE name = 'root.a'"
        )
        self.assertFalse(self.start_all())
        channel.throttle = 45
        self.assertEqual(self.start_all(), jobs[1])
        channel.throttle = 0
        self.assertEqual(self.start_all(), jobs[2])

    def test_throttle_outlives_the_job(self):
        self.channel("a", throttle=60)
        jobs = self.enqueue_in("root.a", "root.a")
        self.run_jobs()
        self.assertEqual(jobs.mapped("state"), ["done", "pending"])
        jobs[0].unlink()
        self.assertFalse(self.start_all())

    def test_default_capacity_is_for_sub_channels_without_a_record(self):
        parent = self.channel("a", capacity_default=1)
        names = ("root.a", "root.a", "root.a.b", "root.a.b", "root.a.c", "root.a.b.d")
        jobs = self.enqueue_in(*names)
        self.assertEqual(self.start_all(), jobs[:3] + jobs[4])
        self.channel("b", parent)
        self.assertEqual(self.start_all(), jobs[3] + jobs[5])

    def test_sequential_by_default_is_for_sub_channels_without_a_record(self):
        parent = self.channel("a", capacity_default=1, sequential_default=True)
        jobs = self.enqueue_in("root.a.b", "root.a.b", "root.a", "root.a")
        self.assertEqual(self.start_all(), jobs[0] + jobs[2:])
        self.end(jobs[0], "failed")
        self.assertFalse(self.start_all())
        self.channel("b", parent)
        self.assertEqual(self.start_all(), jobs[1])

    def test_defaults_follow_the_limits_in_the_form(self):
        with Form(self.channel("a")) as form:
            form.capacity = 1
            form.sequential = True
            self.assertEqual(form.capacity_default, 1)
            self.assertTrue(form.sequential_default)
            form.sequential_default = False
            form.capacity_default = 4
        channel = self.root.search([("complete_name", "=", "root.a")])
        self.assertEqual(channel.capacity_default, 4)
