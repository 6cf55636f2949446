# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from ..runner.presence import Presence
from .run_case import RUNNER, RunCase

STARTS = "SELECT date_started FROM queue_job ORDER BY date_started"


class TestWakeUp(RunCase):
    """A claim that leaves something to start wakes one idle runner."""

    def setUp(self):
        super().setUp()
        self.add_runners(2)
        with self.transaction() as env:
            self.runner = env.ref(RUNNER).id
        self.all = self.query("SELECT id FROM ir_cron WHERE queue_job_runner")

    def enqueue_jobs(self, count):
        jobs = [
            self.enqueue("record", n, description=n) for n in map(str, range(count))
        ]
        self.triggers()
        return jobs

    def limit(self, **limits):
        with self.transaction() as env:
            env.ref("queue_job.channel_root").write(limits)
        self.triggers()

    def triggered(self):
        return [row[0] for row in self.query("SELECT cron_id FROM ir_cron_trigger")]

    def test_one_idle_runner_is_woken(self):
        self.enqueue_jobs(3)
        self.claim()
        [woken] = self.triggered()
        self.assertNotEqual(woken, self.runner)

    def test_nobody_is_woken_again_before_it_has_run(self):
        self.enqueue_jobs(4)
        self.claim()
        self.claim()
        self.assertEqual(len(self.triggered()), 1)

    def test_nobody_is_woken_for_nothing(self):
        self.enqueue_jobs(1)
        self.claim()
        self.assertEqual(self.triggered(), [])

    def test_nobody_is_woken_for_a_full_channel(self):
        self.limit(capacity=1)
        self.enqueue_jobs(3)
        self.claim()
        self.assertEqual(self.triggered(), [])

    def test_runner_whose_triggers_are_being_consumed_is_woken(self):
        """Odoo deletes the triggers of a run and commits that at its end."""
        self.enqueue_jobs(3)
        with self.transaction() as env:
            for cron in env["ir.cron"].search([("queue_job_runner", "=", True)]):
                cron._trigger()
        cr = self.cursor()
        cr.execute("DELETE FROM ir_cron_trigger")
        self.claim()
        cr.commit()  # pylint: disable=invalid-commit
        self.assertEqual(len(self.triggered()), 1)

    def test_trigger_that_nobody_has_followed_for_long_is_not_relied_upon(self):
        """Its worker was killed, or did not listen yet."""
        self.enqueue_jobs(4)
        self.claim()
        self.execute("UPDATE ir_cron_trigger SET call_at = call_at - INTERVAL '1 min'")
        self.claim()
        self.assertEqual(len(self.triggered()), 2)
        self.claim()
        self.assertEqual(len(self.triggered()), 2)

    def test_nobody_is_woken_while_another_run_is_about_to_look(self):
        self.enqueue_jobs(3)
        other = next(cron for (cron,) in self.all if cron != self.runner)
        cr = self.cursor()
        presence = Presence(cr, other)
        presence.enter()
        self.claim()
        self.assertEqual(self.triggered(), [])
        presence.leave()
        self.claim()
        self.assertEqual(len(self.triggered()), 1)

    def test_archived_runner_is_not_woken(self):
        self.enqueue_jobs(3)
        self.execute("UPDATE ir_cron SET active = FALSE WHERE id <> %s", self.runner)
        self.claim()
        self.assertEqual(self.triggered(), [])

    def test_runner_that_is_to_be_off_is_not_woken(self):
        self.enqueue_jobs(3)
        others = [cron for (cron,) in self.all if cron != self.runner]
        for switch, cron in zip(("off", "remove"), others, strict=True):
            self.wish(cron, switch)
        self.claim()
        self.assertEqual(self.triggered(), [])

    def test_runner_with_a_job_is_not_woken(self):
        self.enqueue_jobs(4)
        self.execute(
            "UPDATE queue_job SET state = 'started', runner_id = cron.id"
            "  FROM (SELECT id, row_number() OVER () AS number FROM ir_cron"
            "         WHERE queue_job_runner AND id <> %s) AS cron"
            " WHERE name = cron.number::text",
            self.runner,
        )
        self.claim()
        self.assertEqual(self.triggered(), [])

    def test_throttled_channel_wakes_an_idle_runner_when_it_may_go_on(self):
        self.limit(throttle=100)
        first, _second = self.enqueue_jobs(2)
        self.claim()
        [(cron, at)] = self.query("SELECT cron_id, call_at FROM ir_cron_trigger")
        self.assertNotEqual(cron, self.runner)
        end = self.job(first)["date_started"] + timedelta(seconds=100)
        self.assertEqual(at, end.replace(microsecond=0))

    def test_run_that_ends_is_triggered_for_when_something_may_start(self):
        self.limit(throttle=100)
        self.enqueue_jobs(2)
        self.run_jobs(60)
        self.assertEqual(self.states(), {"done": 1, "pending": 1})
        self.assertEqual(len(self.triggered()), 1)
        self.run_jobs(60)
        self.assertEqual(len(self.triggered()), 1)

    def test_run_waits_a_moment_for_what_may_start_then(self):
        self.limit(throttle=1)
        self.enqueue_jobs(3)
        self.run_in_thread(60)
        self.assertEqual(self.states(), {"done": 3})
        starts = [row[0] for row in self.query(STARTS)]
        for start, following in zip(starts, starts[1:], strict=False):
            self.assertGreaterEqual(following - start, timedelta(seconds=1))
