# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import datetime, timedelta

from odoo import SUPERUSER_ID, api

from ..runner.presence import Presence
from ..runner.timer import _timers
from .common import RunnerCase
from .run_case import RunCase

DUE = """
    SELECT cron_id
      FROM ir_cron_trigger
     WHERE call_at <= clock_timestamp() AT TIME ZONE 'UTC'
     ORDER BY id
"""


class TestOneTriggerPerTransaction(RunnerCase):
    """However many jobs a transaction enqueues, it triggers a runner once."""

    def moments(self):
        return self.env["ir.cron.trigger"].search([]).mapped("call_at")

    def eta(self, seconds):
        return datetime(2222, 2, 22) + timedelta(seconds=seconds)

    def test_many_jobs(self):
        self.enqueue_several(10)
        self.assertEqual(len(self.moments()), 1)

    def test_many_jobs_of_the_same_eta(self):
        for _number in range(10):
            self.enqueue("leave", "a", eta=self.eta(0))
        self.assertEqual(self.moments(), [self.eta(0)])

    def test_earliest_of_many_etas_counts_in_whatever_order(self):
        for seconds in (5, 9, 2, 7, 3):
            self.enqueue("leave", "a", eta=self.eta(seconds))
        self.assertEqual(self.moments(), [self.eta(2)])

    def test_job_for_now_among_etas(self):
        self.enqueue("leave", "later", eta=self.eta(0))
        self.enqueue("leave", "now")
        self.enqueue("leave", "later", eta=self.eta(1))
        [moment] = self.moments()
        self.assertLess(moment, self.eta(0))

    def test_savepoint_that_is_rolled_back_takes_no_trigger_along(self):
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            self.enqueue("leave", "never")
            raise ZeroDivisionError
        self.enqueue("leave", "a")
        self.assertEqual(len(self.moments()), 1)

    def test_savepoint_that_is_rolled_back_leaves_the_later_time(self):
        self.enqueue("leave", "a", eta=self.eta(5))
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            self.enqueue("leave", "never", eta=self.eta(2))
            self.assertEqual(self.moments(), [self.eta(2)])
            raise ZeroDivisionError
        self.assertEqual(self.moments(), [self.eta(5)])
        self.enqueue("leave", "a", eta=self.eta(3))
        self.assertEqual(self.moments(), [self.eta(3)])

    def test_trigger_of_another_transaction_is_not_relied_upon(self):
        self.enqueue("leave", "a")
        self.forget_wake_up()
        self.enqueue("leave", "b")
        self.assertEqual(len(self.moments()), 2)

    def test_another_runner_looks_some_seconds_later(self):
        """The process of the first one may hang."""
        deputy = self.runner.copy()
        for _number in range(3):
            self.enqueue("leave", "a", eta=self.eta(0))
            self.forget_wake_up()
        self.assertEqual(set(self.triggers().mapped("call_at")), {self.eta(0)})
        self.assertEqual(self.triggers(deputy).mapped("call_at"), [self.eta(10)])


class TestEnqueueing(RunCase):
    """Who enqueues wakes a runner that will see the job after the commit."""

    def setUp(self):
        super().setUp()
        self.add_runners(1)
        crons = self.query("SELECT id FROM ir_cron WHERE queue_job_runner ORDER BY id")
        self.first, self.second = [cron for (cron,) in crons]
        self.triggers()

    def triggered(self):
        return [cron for (cron,) in self.query(DUE)]

    def enqueue_slowly(self):
        """Enqueue in a transaction that is left open; return its cursor."""
        cr = self.cursor()
        env = api.Environment(cr, SUPERUSER_ID, {})
        env["queue.job.demo.ledger"].with_delay().record("job")
        return cr

    def enter(self, runner):
        presence = Presence(self.cursor(), runner)
        presence.enter()
        self.addCleanup(presence.leave)

    def test_idle_runner_rather_than_one_that_is_in_a_run(self):
        self.enter(self.first)
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.second])

    def test_runner_that_is_to_be_off_is_passed_over(self):
        self.wish(self.first, "off")
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.second])

    def test_runner_that_is_switched_off_meanwhile_is_replaced(self):
        cr = self.enqueue_slowly()
        self.wish(self.first, "off")
        cr.commit()  # pylint: disable=invalid-commit
        self.assertEqual(self.triggered(), [self.first, self.second])

    def test_run_that_begins_meanwhile_is_looked_for_after_the_commit(self):
        cr = self.enqueue_slowly()
        self.enter(self.first)
        cr.commit()  # pylint: disable=invalid-commit
        self.assertEqual(self.triggered(), [self.first, self.second])

    def test_runner_with_a_job_is_not_woken_in_its_place(self):
        cr = self.enqueue_slowly()
        self.enter(self.first)
        self.enter(self.second)
        self.enqueue("record", "other")
        self.execute(
            "UPDATE queue_job SET state = 'started', runner_id = %s", self.second
        )
        self.triggers()
        cr.commit()  # pylint: disable=invalid-commit
        self.assertEqual(self.triggered(), [self.first, self.first])

    def test_nobody_is_woken_in_its_place_if_all_have_jobs(self):
        for runner in (self.first, self.second):
            self.enter(runner)
            job = self.enqueue("record", str(runner))
            self.execute(
                "UPDATE queue_job SET state = 'started', runner_id = %s WHERE id = %s",
                runner,
                job,
            )
        self.triggers()
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first])

    def test_transaction_that_is_rolled_back_wakes_nobody(self):
        cr = self.enqueue_slowly()
        self.enter(self.first)
        cr.rollback()
        self.assertEqual(self.triggered(), [])

    def test_trigger_that_goes_without_odoos_knowledge_is_missed_after_the_commit(self):
        for etas in ([None, None], [3600, 1800, 2700]):
            with self.subTest(etas=etas):
                cr = self.cursor()
                ledger = api.Environment(cr, SUPERUSER_ID, {})["queue.job.demo.ledger"]
                *before, undone, last = etas
                for eta in before:
                    ledger.with_delay(eta=eta).record("before")
                cr.execute("SAVEPOINT unknown")
                ledger.with_delay(eta=undone).record("undone")
                cr.execute("ROLLBACK TO SAVEPOINT unknown")
                ledger.with_delay(eta=last).record("last")
                cr.commit()  # pylint: disable=invalid-commit
                self.assertEqual(self.triggered(), [self.first])
                self.triggers()

    def test_eta_arms_the_timer_of_the_process_that_enqueues(self):
        self.enqueue("record", "job", eta=100)
        _moment, thread = _timers[self.database]
        self.assertLessEqual(thread.interval, 100)
        self.assertGreater(thread.interval, 90)
