# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 1: a process that is taken for dead while it goes on."""

from psycopg2.errors import SerializationFailure

from odoo.addons.queue_job.job import Job

from ..runner.rescue import _end, _lock
from .common.run_case import ADDON, RunCase
from .common.runner_case import mute_sql_errors


class TestRescueRaces(RunCase):
    """A process and a rescue that takes it for dead, in every order.

    Whoever comes first has the job; the other one leaves it alone.
    """

    def setUp(self):
        super().setUp()
        self.id = self.enqueue("record", "job")
        self.process = self.cursor()
        self.record = self.claim(self.process)
        self.age(self.id)
        self.process.rollback()

    def rescue_logged(self, cr=None):
        with self.assertLogs(ADDON, "WARNING"):
            self.rescue(cr)

    def open_snapshot(self, cr):
        cr.execute("SELECT count(*) FROM queue_job")

    def test_rescue_then_lock(self):
        self.rescue_logged()
        self.assertFalse(self.lock(self.record))
        self.assertEqual(self.job(self.id)["retry"], 1)

    def test_rescue_then_process_leaves_the_job_alone(self):
        self.rescue_logged()
        second = self.claim()
        self.assertTrue(self.lock(second))
        before = self.job(self.id)
        with self.assertLogs(ADDON, "WARNING") as logs:
            self.record._process(commit=True)
        self.assertIn("is not ours any more", logs.output[0])
        self.assertEqual(self.job(self.id), before)
        self.assertEqual(self.tokens(), [])

    def test_rescue_then_lock_with_an_older_snapshot(self):
        self.open_snapshot(self.process)
        self.rescue_logged()
        self.assertFalse(self.lock(self.record))

    def test_rescue_not_yet_committed_then_lock(self):
        rescuer = self.cursor()
        self.rescue_uncommitted(rescuer)
        self.assertFalse(self.lock(self.record))
        rescuer.commit()
        self.assertEqual(self.state(self.id), "pending")

    def rescue_uncommitted(self, cr):
        with self.assertLogs(ADDON, "WARNING"):
            _end(cr, self.id, _lock(cr, self.id), "dead")

    def test_lock_then_rescue(self):
        self.assertTrue(self.lock(self.record))
        self.rescue()
        self.assertEqual(self.state(self.id), "started")

    def test_lock_then_rescue_then_finish(self):
        self.assertTrue(self.lock(self.record))
        self.rescue()
        self.record._perform(True)
        self.assertEqual(self.state(self.id), "done")
        self.assertEqual(self.tokens(), ["job"])

    def test_finish_then_rescue_with_an_older_snapshot(self):
        rescuer = self.cursor()
        self.open_snapshot(rescuer)
        self.record._process(commit=True)
        self.assertNotDead(rescuer)
        self.assertEqual(self.state(self.id), "done")

    def test_failure_then_rescue_with_an_older_snapshot(self):
        self.execute("UPDATE queue_job SET method_name = 'fail'")
        rescuer = self.cursor()
        self.open_snapshot(rescuer)
        with self.assertLogs(ADDON, "ERROR"):
            self.record._process(commit=True)
        self.assertNotDead(rescuer)
        self.assertEqual(self.state(self.id), "failed")

    def assertNotDead(self, cr):
        with self.assertRaises(SerializationFailure):
            _lock(cr, self.id)
        cr.rollback()
        self.assertIsNone(_lock(cr, self.id))

    def store_failure(self):
        """Store a failure of the first claim; return what is logged."""
        self.record.invalidate_recordset()
        job = Job._load_from_db_record(self.record)
        with self.assertLogs(ADDON, "WARNING") as logs:
            self.record._store_undone(ValueError("late"), job, self.claimed, True)
        return "\n".join(logs.output)

    def test_rescue_then_failure_is_not_stored(self):
        self.claimed = self.job(self.id)["date_started"]
        self.rescue_logged()
        self.assertIn("changed hands", self.store_failure())
        self.assertEqual(self.state(self.id), "pending")

    def test_rescue_and_second_claim_then_failure_is_not_stored(self):
        self.claimed = self.job(self.id)["date_started"]
        self.rescue_logged()
        self.claim()
        self.assertIn("changed hands", self.store_failure())
        self.assertEqual(self.state(self.id), "started")

    def test_failure_of_a_claim_that_still_holds_is_stored(self):
        self.claimed = self.job(self.id)["date_started"]
        self.assertIn("ValueError: late", self.store_failure())
        self.assertEqual(self.state(self.id), "failed")


class TestLostLock(RunCase):
    def test_job_that_lost_its_lock_and_was_rescued_takes_effect_once(self):
        job = self.enqueue("lose_lock_and_be_rescued", "job")
        with mute_sql_errors, self.assertLogs(ADDON, "WARNING") as logs:
            self.run_jobs()
        log = "\n".join(logs.output)
        self.assertIn("found dead", log)
        self.assertIn("changed hands", log)
        row = self.job(job)
        self.assertEqual((row["state"], row["retry"]), ("done", 2))
        self.assertEqual(self.tokens(), ["job"])
