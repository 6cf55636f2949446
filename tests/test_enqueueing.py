# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 5: what an enqueuing transaction leaves, and whom it wakes."""

from datetime import datetime, timedelta
from unittest.mock import patch

import psycopg2

from odoo import SUPERUSER_ID, api

from ..runner import run
from ..runner.wake import BEGIN_LOCKED, MOMENT, PRESENCE, _timers
from .common.run_case import CONFLICTS, PATIENCE, RunCase
from .common.runner_case import RunnerCase

DUE = """
    SELECT cron_id
      FROM ir_cron_trigger
     WHERE call_at <= clock_timestamp() AT TIME ZONE 'UTC'
     ORDER BY id
"""


class TestOneTriggerPerTransaction(RunnerCase):
    """However many jobs a transaction enqueues, it triggers a runner once for now, and
    once for each earlier moment ahead."""

    def moments(self):
        return self.env["ir.cron.trigger"].search([], order="id").mapped("call_at")

    def eta(self, seconds):
        return datetime(2222, 2, 22) + timedelta(seconds=seconds)

    def test_many_jobs(self):
        self.enqueue_several(10)
        self.assertEqual(len(self.moments()), 1)

    def test_many_jobs_of_the_same_eta(self):
        for _number in range(10):
            self.enqueue("leave", "a", eta=self.eta(0))
        self.assertEqual(self.moments(), [self.eta(0)])

    def test_later_etas_are_left_to_the_run(self):
        for seconds in (5, 9, 2, 7, 3):
            self.enqueue("leave", "a", eta=self.eta(seconds))
        self.assertEqual(self.moments(), [self.eta(5), self.eta(2)])

    def test_job_for_now_among_etas(self):
        self.enqueue("leave", "later", eta=self.eta(0))
        self.enqueue("leave", "now")
        self.enqueue("leave", "later", eta=self.eta(1))
        _eta, now = self.moments()
        self.assertLess(now, self.eta(0))

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
            self.assertEqual(self.moments(), [self.eta(5), self.eta(2)])
            raise ZeroDivisionError
        self.assertEqual(self.moments(), [self.eta(5)])
        self.enqueue("leave", "a", eta=self.eta(3))
        self.assertEqual(self.moments(), [self.eta(5), self.eta(3)])

    def test_trigger_that_stands_is_enough(self):
        self.enqueue("leave", "a")
        self.forget_wake_up()
        self.enqueue("leave", "b")
        self.assertEqual(len(self.moments()), 1)


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

    def enter(self, runner, linger=False):
        """Let a run of that runner have looked, and found nothing."""
        claims = self.claims(runner=runner)
        claims.claim()
        if linger:
            claims.linger()
        claims.cr.commit()
        return claims

    def work(self, runner):
        """Let the runner have a job, in a process that lives."""
        cr = self.cursor()
        self.addCleanup(self.end_presence, cr)
        cr.execute("SELECT pg_advisory_lock_shared(%s, %s)", [PRESENCE, runner])
        cr.commit()  # pylint: disable=invalid-commit
        job = self.enqueue("record", f"of {runner}")
        self.execute(
            "UPDATE queue_job SET state = 'started', runner_id = %s WHERE id = %s",
            runner,
            job,
        )
        self.triggers()

    def notified(self, claims):
        connection = claims.cr._cnx

        def channels():
            connection.poll()
            return [each.channel for each in connection.notifies]

        return self.wait_until(channels, "it is told")

    def test_run_that_lingers_is_told_and_nobody_is_triggered_beside(self):
        claims = self.enter(self.second, linger=True)
        self.enqueue("record", "job")
        self.assertEqual(self.notified(claims), [f"queue_job_runner_{self.second}"])
        # the durable part is always the first one's
        self.assertEqual(self.triggered(), [self.first])

    def test_first_runner_is_triggered_once(self):
        for _number in range(3):
            self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first])

    def test_absent_runner_is_triggered_beside_a_busy_one(self):
        self.work(self.first)
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first, self.second])
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first, self.second])

    def test_absent_runner_rather_than_one_that_will_look_by_itself(self):
        """That one may hang in what it does between two jobs."""
        self.enter(self.first)
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first, self.second])

    def test_nobody_is_triggered_beside_a_busy_one_and_one_that_will_look(self):
        self.work(self.first)
        self.enter(self.second)
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first])

    def test_run_that_has_left_does_not_count(self):
        claims = self.enter(self.second, linger=True)
        claims.claim()
        claims.leave()
        claims.cr.commit()
        self.work(self.first)
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first, self.second])

    def test_runner_whose_row_is_locked_is_passed_over(self):
        """Run Manually has it, or a run that is about to end."""
        cr = self.cursor()
        cr.execute("SELECT FROM ir_cron WHERE id = %s FOR NO KEY UPDATE", [self.first])
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first, self.second])

    def test_runner_whose_row_is_locked_is_better_than_none(self):
        self.work(self.first)
        cr = self.cursor()
        cr.execute("SELECT FROM ir_cron WHERE id = %s FOR NO KEY UPDATE", [self.second])
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first, self.second])

    def test_runner_that_is_to_be_off_is_passed_over(self):
        self.switch_off(self.first)
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.second])

    def test_runner_that_is_switched_off_meanwhile_is_replaced(self):
        cr = self.enqueue_slowly()
        self.switch_off(self.first)
        cr.commit()  # pylint: disable=invalid-commit
        self.assertEqual(self.triggered(), [self.first, self.second])

    def test_runner_that_gets_a_job_meanwhile_is_replaced(self):
        cr = self.enqueue_slowly()
        self.work(self.first)
        cr.commit()  # pylint: disable=invalid-commit
        self.assertEqual(self.triggered(), [self.first, self.second])

    def test_nobody_is_triggered_beside_those_that_all_have_jobs(self):
        self.work(self.first)
        self.work(self.second)
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first])

    def test_trigger_that_is_being_followed_is_not_relied_upon(self):
        """Odoo deletes the triggers of a run and commits that at its end."""
        self.enqueue("record", "job")
        cr = self.cursor()
        cr.execute("DELETE FROM ir_cron_trigger")
        self.enqueue("record", "other")
        self.assertEqual(self.triggered(), [self.first, self.first])

    def test_transaction_that_is_rolled_back_wakes_nobody(self):
        cr = self.enqueue_slowly()
        cr.rollback()
        self.assertEqual(self.triggered(), [])

    def test_claims_that_are_held_up_do_not_hold_up_who_enqueues(self):
        self.work(self.first)
        cr = self.cursor()
        cr.execute("LOCK TABLE queue_job_channel IN SHARE UPDATE EXCLUSIVE MODE")
        self.enqueue("record", "job")
        self.assertEqual(self.triggered(), [self.first, self.second])

    def test_process_that_is_frozen_in_its_wake_up_does_not_stop_the_claims(self):
        job = self.enqueue("record", "job")
        frozen = self.cursor()
        frozen.execute(BEGIN_LOCKED)
        self.start(self.run_jobs, 60).result(PATIENCE)
        self.assertEqual(self.state(job), "done")
        with self.assertRaises(psycopg2.Error):
            frozen.execute("SELECT 1", log_exceptions=False)

    def test_run_that_lingers_starts_a_job_after_a_conflict(self):
        claims = self.enter(self.first, linger=True)
        self.enqueue("record", "job")
        self.execute(CONFLICTS.format(count=1, sqlstate="40001"))
        with self.assertRaises(psycopg2.errors.SerializationFailure):
            claims.claim()
        claims.cr.rollback()
        self.assertTrue(claims.claim().job)
        claims.cr.execute("SHOW idle_session_timeout")
        self.assertEqual(claims.cr.fetchone(), ("0",))

    def test_eta_wakes_a_run_that_hands_it_on(self):
        self.enqueue("record", "job", eta=100)
        self.assertEqual(self.triggered(), [self.first])
        self.triggers()
        self.enqueue("record", "job", eta=50)
        self.run_jobs(60)
        _moment, timer = _timers[self.database, MOMENT]
        self.assertLessEqual(timer.interval, 50)
        self.assertGreater(timer.interval, 40)

    def test_last_moment_of_all(self):
        never = datetime.max.replace(microsecond=0)
        for _number in range(2):
            self.enqueue("record", "job", eta=never)
        self.assertEqual(
            self.state(self.enqueue("record", "job", eta=never)), "pending"
        )

    def test_eta_behind_another_one_wakes_nobody(self):
        self.enqueue("record", "job", eta=50)
        self.execute("DELETE FROM ir_cron_trigger WHERE call_at < now()")
        self.enqueue("record", "job", eta=100)
        self.assertEqual(self.triggered(), [])
        self.enqueue("record", "job", eta=20)
        self.assertEqual(self.triggered(), [self.first])


class TestRunsAmongThemselves(RunCase):
    """A claim that leaves something to start wakes one more; a run wakes nobody for
    what it will do itself."""

    def setUp(self):
        super().setUp()
        self.only_runners()  # no run leaves for another cron
        self.add_runners(2)
        self.runner = self.runner_id()
        self.triggers()

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

    def test_claim_that_leaves_a_job_wakes_another_runner(self):
        self.enqueue_jobs(3)
        self.claim()
        [woken] = self.triggered()
        self.assertNotEqual(woken, self.runner)
        self.claim()
        self.assertEqual(self.triggered(), [woken])

    def test_claim_that_leaves_no_job_wakes_nobody(self):
        self.enqueue_jobs(1)
        self.claim()
        self.assertEqual(self.triggered(), [])

    def test_claim_that_fills_a_channel_wakes_nobody(self):
        self.limit(capacity=1)
        self.enqueue_jobs(3)
        self.claim()
        self.assertEqual(self.triggered(), [])

    def test_claim_hands_on_the_end_of_a_throttle(self):
        self.limit(throttle=100)
        first, _second = self.enqueue_jobs(2)
        self.claim()
        [moment] = self.query("SELECT call_at FROM ir_cron_trigger")
        end = self.job(first)["date_started"] + timedelta(seconds=100)
        self.assertEqual(moment, (end.replace(microsecond=0),))

    def test_moment_is_handed_on_again_after_a_conflict(self):
        self.enqueue("record", "ahead", eta=50)
        self.enqueue_jobs(1)
        claims = self.claims()
        self.execute(CONFLICTS.format(count=1, sqlstate="40001"))
        with self.assertRaises(psycopg2.errors.SerializationFailure):
            claims.claim()
        claims.cr.rollback()
        claims.claim()
        claims.cr.commit()
        self.assertEqual(len(self.triggered()), 1)

    def test_run_that_leaves_hands_on_the_end_of_a_throttle_once(self):
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
        with patch.object(run, "LINGER", 1):
            self.run_in_thread(60)
        self.assertEqual(self.states(), {"done": 3})
        starts = "SELECT date_started FROM queue_job ORDER BY date_started"
        starts = [row[0] for row in self.query(starts)]
        for start, following in zip(starts, starts[1:], strict=False):
            self.assertGreaterEqual(following - start, timedelta(seconds=1))

    def test_jobs_that_a_job_enqueues_wake_nobody(self):
        self.execute("UPDATE ir_cron SET active = (id = %s)", self.runner)
        self.enqueue("enqueue", "job", 5)
        self.triggers()
        self.run_jobs(60)
        self.assertEqual(self.states(), {"done": 6})
        self.assertEqual(self.triggered(), [])

    def test_run_whose_time_is_up_triggers_another_one_or_itself(self):
        self.enqueue_jobs(3)
        self.run_jobs(0)
        [woken] = self.triggered()
        self.assertNotEqual(woken, self.runner)
        self.triggers()
        self.execute("UPDATE ir_cron SET active = (id = %s)", self.runner)
        self.run_jobs(0)
        self.assertEqual(self.triggered(), [self.runner])

    def lingers(self):
        locks = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
        return self.query(f"{locks} AND mode = 'ExclusiveLock'", self.runner)

    def test_run_starts_what_is_enqueued_while_it_lingers(self):
        with patch.object(run, "LINGER", 1):
            future = self.start(self.run_jobs, 60)
            for number in range(5):
                self.wait_until(self.lingers, "the run lingers")
                job = self.enqueue("record", str(number))
                self.wait_until(lambda job=job: self.state(job) == "done", "it is done")
            future.result(60)
        runners = self.query("SELECT DISTINCT runner_id FROM queue_job")
        self.assertEqual(runners, [(self.runner,)])
