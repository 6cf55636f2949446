# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 4: limits on real servers."""

from datetime import timedelta
from functools import partial
from threading import Event, Thread

from odoo import SUPERUSER_ID, api
from odoo.service.model import retrying

from .common.server_case import PATIENCE, PREFORK, ServerCase

POLL = timedelta(seconds=60)  # that often Odoo looks at future triggers by itself
STARTS = "SELECT date_started FROM queue_job ORDER BY date_started"
TRIGGERED = """
    SELECT 1 FROM ir_cron_trigger JOIN ir_cron ON ir_cron.id = cron_id
     WHERE queue_job_runner
"""
OVERTAKING = """
    SELECT count(*)
      FROM queue_job AS flood, queue_job AS urgent
     WHERE urgent.name = 'urgent'
       AND flood.name <> 'urgent'
       AND flood.date_started BETWEEN %s AND urgent.date_started
"""


class TestChannelsServer(ServerCase):
    """Limits that are edited while real cron workers claim."""

    def setUp(self):
        super().setUp()
        self.add_runners(1)

    def start_server(self):
        return self.server(*PREFORK, "--max-cron-threads=2")

    def limit(self, **limits):
        with self.transaction() as env:
            env.ref("queue_job.channel_root").write(limits)

    def test_throttled_jobs_start_far_enough_apart_and_on_time(self):
        self.limit(throttle=3)
        server = self.start_server()
        self.enqueue([str(number) for number in range(4)])
        self.wait(server, self.all_in("done"), "the jobs are done")
        starts = [row[0] for row in self.query(STARTS)]
        gaps = [later - start for start, later in zip(starts, starts[1:], strict=False)]
        self.assertGreaterEqual(min(gaps), timedelta(seconds=3))
        self.assertLess(sum(gaps, timedelta()), POLL)

    def test_throttled_channel_goes_on_while_a_runner_has_a_long_job(self):
        self.limit(throttle=3)
        server = self.start_server()
        self.enqueue(["long"], "sleep", 40)
        self.enqueue(["behind"])
        self.wait(server, self.job_is("behind", "done"), "the throttle is over")
        self.assertEqual(self.job("long")["state"], "started")

    def test_pause_and_resume(self):
        server = self.start_server()
        self.enqueue([str(number) for number in range(100)], "sleep", 0.2)
        some = "SELECT 1 FROM queue_job WHERE state = 'done'"
        self.wait(server, lambda: self.query(some), "the jobs have begun")
        with self.transaction() as env:
            env.ref("queue_job.channel_root").action_pause()
        self.wait(server, lambda: "started" not in self.states(), "running jobs end")
        states = self.states()
        self.assertGreater(states["pending"], 50)
        self.enqueue(["later"])
        self.wait(
            server,
            lambda: not self.query(TRIGGERED),
            "runners have looked at the paused channel",
        )
        self.assertEqual(self.states(), {**states, "pending": states["pending"] + 1})
        with self.transaction() as env:
            env.ref("queue_job.channel_root").action_resume()
        self.wait(server, self.all_in("done"), "the jobs are done")

    def test_flood_of_low_priority_delays_nothing_more_urgent(self):
        server = self.start_server()
        self.enqueue([f"flood {n}" for n in range(200)], "sleep", 0.1, priority=20)
        some = "SELECT 1 FROM queue_job WHERE state = 'done'"
        self.wait(server, lambda: self.query(some), "the flood has begun")
        self.enqueue(["urgent"], priority=1)
        [(committed,)] = self.query("SELECT clock_timestamp() AT TIME ZONE 'UTC'")
        self.wait(server, self.job_is("urgent", "done"), "the urgent job is done")
        self.assertIn("pending", self.states())
        [(overtaking,)] = self.query(OVERTAKING, committed)
        self.assertLessEqual(overtaking, 2)  # one of each runner had been claimed

    def test_managers_edit_limits_while_runners_claim(self):
        server = self.start_server()
        self.enqueue([str(number) for number in range(300)], channel="root.a")
        with self.transaction() as env:
            root = env.ref("queue_job.channel_root")
            sub = env["queue.job.channel"].create({"name": "a", "parent_id": root.id})
        over, errors, edits = Event(), [], []

        def edit(channel):
            try:
                while not over.wait(0.02):
                    with self.registry.cursor() as cr:
                        channels = api.Environment(cr, SUPERUSER_ID, {})[channel._name]
                        edited = channels.browse(channel.id)
                        capacity = 3 - (edited.capacity or 1)
                        retrying(
                            partial(edited.write, {"capacity": capacity}), edited.env
                        )
                    edits.append(channel)
            except Exception as error:
                errors.append(error)

        managers = [Thread(target=edit, args=[channel]) for channel in (root, sub)]
        for manager in managers:
            manager.start()
        try:
            self.wait(server, self.all_in("done"), "the jobs are done")
        finally:
            over.set()
            for manager in managers:
                manager.join(PATIENCE)
        self.assertEqual(errors, [])
        self.assertGreater(len(edits), 10)
        server.stop()
        self.assertNoErrorIn(server)
        self.assertCronsFine()
