# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promises 1, 3 and 7: claims side by side, and what others see of them."""

import os
from datetime import datetime, timedelta
from threading import Barrier

import psycopg2

from ..runner.look import ROWS
from ..runner.run import CLAIM_TRIES
from .common.run_case import CONFLICTS, NO_CONFLICTS, PATIENCE, RUNNER, RunCase

RUNNERS = 6

# a sequence is not rolled back: it counts the conflicts
WAITING_CLAIM = """
    SELECT xact_start
      FROM pg_stat_activity
     WHERE datname = current_database()
       AND query LIKE '%%LOCK TABLE queue_job_channel%%'
       AND wait_event_type = 'Lock'
"""


class TestClaim(RunCase):
    def hold(self, statement, *parameters):
        """Execute a statement in a transaction that stays open."""
        cr = self.cursor()
        cr.execute(statement, parameters)
        return cr

    def test_claim_is_seen_by_everyone_at_once(self):
        job = self.enqueue("record", "job")
        self.claim()
        row = self.job(job)
        self.assertEqual(row["state"], "started")
        self.assertEqual(row["worker_pid"], os.getpid())
        with self.transaction() as env:
            self.assertEqual(row["runner_id"], env.ref(RUNNER).id)
        age = datetime.now() - row["date_started"]
        self.assertLess(abs(age), timedelta(seconds=PATIENCE))
        locks = self.query("SELECT queue_job_id FROM queue_job_lock")
        self.assertEqual(locks, [(job,)])

    def test_runs_at_the_same_time_perform_each_job_once(self):
        tokens = [str(number) for number in range(150)]
        with self.transaction() as env:
            for token in tokens:
                env["queue.job.demo.ledger"].with_delay().record(token)
        together = Barrier(RUNNERS)

        def run():
            together.wait(PATIENCE)
            self.run_jobs(60)

        for future in [self.start(run) for _number in range(RUNNERS)]:
            future.result(PATIENCE)
        self.assertOnceEach(tokens)
        ends = self.query("SELECT DISTINCT state, retry FROM queue_job")
        self.assertEqual(ends, [("done", 1)])

    def test_job_held_by_a_user_starts_soon_after_and_holds_nobody_up(self):
        held = self.enqueue("record", "held", priority=1)
        others = [self.enqueue("record", str(number)) for number in range(3)]
        user = self.hold("SELECT 1 FROM queue_job WHERE id = %s FOR UPDATE", held)
        run = self.start(self.run_jobs, 60)
        for job in others:
            self.wait_until(lambda job=job: self.state(job) == "done", "is done")
        self.assertEqual(self.state(held), "pending")
        user.execute("SELECT clock_timestamp() AT TIME ZONE 'UTC'")
        (released,) = user.fetchone()
        user.rollback()
        run.result(PATIENCE)
        self.assertEqual(self.state(held), "done")
        delay = self.job(held)["date_done"] - released
        self.assertLess(delay, timedelta(seconds=2))

    def test_run_does_not_wait_for_a_held_job_longer_than_its_slice(self):
        held = self.enqueue("record", "held")
        self.hold("SELECT 1 FROM queue_job WHERE id = %s FOR UPDATE", held)
        self.triggers()
        self.start(self.run_jobs, 1).result(PATIENCE)
        self.assertEqual(self.state(held), "pending")
        self.assertEqual(self.triggers(), 1)

    def test_many_held_jobs_are_gone_past_in_one_go(self):
        with self.transaction() as env:
            for number in range(600):
                env["queue.job.demo.ledger"].with_delay().record(str(number))
        self.hold("SELECT 1 FROM queue_job FOR UPDATE")
        cr = self.cursor()
        choice = self.claims(cr).claim()
        self.assertIsNone(choice.job)
        self.assertTrue(choice.held)
        self.assertLess(cr.sql_log_count, 2 * ROWS)
        cr.rollback()
        behind = self.enqueue("record", "behind")
        self.assertEqual(self.claim().id, behind)

    def test_conflicts_of_the_claim_are_tried_again(self):
        for sqlstate in ("40001", "40P01", "55P03"):
            with self.subTest(sqlstate=sqlstate):
                self.execute(CONFLICTS.format(count=3, sqlstate=sqlstate))
                job = self.enqueue("record", "job")
                self.run_jobs(60)
                self.assertEqual((self.state(job), self.job(job)["retry"]), ("done", 1))
                self.execute(NO_CONFLICTS)

    def test_lasting_conflict_ends_the_run_which_is_triggered_again(self):
        for sqlstate in ("40001", "40P01", "55P03"):
            with self.subTest(sqlstate=sqlstate):
                self.execute(CONFLICTS.format(count=1000, sqlstate=sqlstate))
                job = self.enqueue("record", "job")
                self.triggers()
                self.run_jobs(60)
                self.assertEqual(self.state(job), "pending")
                self.assertEqual(self.triggers(), 1)
                tries = self.query("SELECT last_value FROM conflicts")
                self.assertEqual(tries, [(CLAIM_TRIES,)])
                self.execute(NO_CONFLICTS)

    def test_claim_that_waits_too_long_for_the_table_is_tried_again(self):
        job = self.enqueue("record", "job")
        other = self.hold("LOCK TABLE queue_job_channel IN SHARE UPDATE EXCLUSIVE MODE")
        run = self.start(self.run_jobs, 60)
        first = self.wait_until(lambda: self.query(WAITING_CLAIM), "a claim waits")
        self.wait_until(
            lambda: self.query(WAITING_CLAIM) not in ([], first), "the next one waits"
        )
        self.assertEqual(self.state(job), "pending")
        other.rollback()
        run.result(PATIENCE)
        self.assertEqual(self.state(job), "done")

    def test_process_frozen_in_its_claim_does_not_stop_the_others(self):
        job = self.enqueue("record", "job")
        frozen = self.cursor()
        self.claims(frozen)._choose()
        self.start(self.run_jobs, 60).result(PATIENCE)
        self.assertEqual(self.state(job), "done")
        with self.assertRaises(psycopg2.Error):
            frozen.execute("SELECT 1", log_exceptions=False)
