# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 9: jobs that hang, interrupted in a run of the test."""

import threading
import time
from unittest.mock import patch

from psycopg2 import InterfaceError

from odoo.modules.registry import Registry
from odoo.service import server

from odoo.addons.queue_job.delay import chain

from ..runner.budget import Budget
from ..runner.guard import Guard
from ..runner.interrupt import SERVER, Interruption, Watched
from .common.run_case import ADDON, RunCase
from .common.runner_case import mute_sql_errors


class TestGuard(RunCase):
    """A job that hangs is interrupted at its limit, undone, with the place stored."""

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            function = env.ref("queue_job_cron_jobrunner_demo.job_function_hang")
            function.write({"time_limit": 1, "on_fail_method": "record_failure"})

    def hang(self, how, *args, **options):
        """Let a job hang, and another one run; return its row and the seconds."""
        job = self.enqueue("hang", "effect", how, *args, **options)
        begin = time.monotonic()
        with mute_sql_errors, self.assertLogs(ADDON, "WARNING"):
            self.run_in_thread(seconds=1)
        return self.job(job), time.monotonic() - begin

    def assertInterrupted(self, job, how, retry=1):
        self.assertEqual((job["state"], job["retry"]), ("failed", retry))
        self.assertEqual(job["exc_name"], "Interrupted")
        message = "s: the limit of its job function is 1 s"
        self.assertRegex(job["exc_message"], rf"^interrupted after [1-9]\d? {message}$")
        self.assertIn(f"in _hang_in_{how}", job["exc_info"])
        self.assertIn("in hang", job["exc_info"])
        self.assertNotIn("_bootstrap", job["exc_info"])

    def test_sql_and_python_are_broken(self):
        with self.cursor() as cr:
            cr.execute("INSERT INTO queue_job_demo_ledger (token) VALUES ('locked')")
            cr.commit()  # pylint: disable=invalid-commit
            cr.execute("SELECT 1 FROM queue_job_demo_ledger FOR UPDATE")
            for how, *args in (
                ["sql"],
                ["python"],
                ["exceptions"],
                ["lock", "locked"],
            ):
                with self.subTest(how=how):
                    job, seconds = self.hang(how, *args, max_retries=1)
                    self.assertInterrupted(job, how)
                    self.assertLess(seconds, 4)
            cr.rollback()
        self.assertEqual(self.tokens(), ["locked", *["Interrupted"] * 4])

    def test_sql_on_its_own_cursor_is_broken(self):
        self.execute("UPDATE queue_job_function SET allow_commit = TRUE")
        with self.transaction() as env:
            env.registry.clear_cache()
        job, seconds = self.hang("sql", max_retries=1)
        self.assertInterrupted(job, "sql")
        self.assertLess(seconds, 5)

    def test_job_that_goes_on_is_undone(self):
        """It has swallowed the interrupt, and lost what that has broken."""
        job, _seconds = self.hang("parts", max_retries=1)
        self.assertEqual((job["state"], job["exc_name"]), ("failed", "Interrupted"))
        self.assertEqual(self.tokens(), ["Interrupted"])

    def test_code_that_holds_a_lock_is_left_first(self):
        """Raised in there, it would leave the lock to nobody."""
        job, _seconds = self.hang("event", max_retries=1)
        self.assertEqual((job["state"], job["exc_name"]), ("failed", "Interrupted"))
        self.assertIn("_hang_in_python", job["exc_info"])

    def test_server_that_stops_takes_back_no_try_that_has_not_begun(self):
        with self.transaction() as env:
            job = env["queue.job"].browse(self.enqueue("hang", "effect", "sleep"))
            values = job._interrupted(Interruption(SERVER), "")
        self.assertEqual((values["state"], values["retry"]), ("pending", 0))

    def test_caches_that_can_not_be_signalled_are_no_failure(self):
        with self.transaction() as env:
            ledger = env["queue.job.demo.ledger"]
            chain(
                ledger.delayable().record("a"), ledger.delayable().record("b")
            ).delay()
        error = patch.object(Registry, "signal_changes", side_effect=InterfaceError)
        with error, self.assertLogs(ADDON, "ERROR") as logs:
            self.run_jobs(seconds=1)
        self.assertEqual(self.tokens(), ["a", "b"])
        self.assertEqual(set(self.states()), {"done"})
        self.assertEqual(len(logs.output), 2)

    def test_pending_again_after_a_try(self):
        job, _seconds = self.hang("python")
        self.assertEqual((job["state"], job["retry"]), ("pending", 1))
        self.assertIn("_hang_in_python", job["exc_info"])
        self.assertIn("interrupted after", job["exc_message"])
        self.assertFalse(job["date_started"] or job["worker_pid"] or job["runner_id"])
        self.execute("UPDATE queue_job SET method_name = 'record', args = '[\"x\"]'")
        self.run_in_thread(seconds=1)
        job = self.job(job["id"])
        self.assertEqual((job["state"], job["retry"]), ("done", 2))
        self.assertFalse(job["exc_name"] or job["exc_message"] or job["exc_info"])

    def test_thread_that_does_not_answer_is_lost(self):
        """Its job has ended, undone, and its runner is free for others."""
        for how in ("sleep", "own_row"):
            with self.subTest(how=how):
                self.execute("DELETE FROM queue_job_demo_ledger")
                self.assertThreadIsLost(how)

    def assertThreadIsLost(self, how):
        job = self.enqueue("hang", "effect", how, 10, max_retries=1)
        with mute_sql_errors, self.assertLogs(ADDON, "WARNING") as logs:
            run = self.start(self.run_jobs, 1)
            self.wait_until(lambda: self.state(job) == "failed", "it is ended")
            self.assertFalse(run.done())
            self.wait_until(self.tokens, "on fail is called")
            after = self.enqueue("record", "after")
            self.run_in_thread(seconds=1)
            self.assertEqual(self.state(after), "done")
            run.exception(20)
        self.assertInterrupted(self.job(job), how)
        self.assertEqual(self.tokens(), ["Interrupted", "after"])
        log = "\n".join(logs.output)
        self.assertIn("is back from job", log)
        self.assertRegex(log, "does not end, and thread .* is lost")

    def test_short_jobs_need_neither_connections_nor_more_threads(self):
        def perform():
            with Watched(guard, job, record, None, 0, None):
                pass

        job_id = self.enqueue("hang", "effect", "sleep")
        budget = Budget(0)
        guard = Guard(self.database, budget, list)
        with self.transaction() as env, patch("psycopg2.connect") as connect:
            record = env["queue.job"].browse(job_id)
            job = record._load()
            perform()  # starts the thread
            threads = threading.enumerate()
            for _number in range(100):
                perform()
            self.assertEqual(threading.enumerate(), threads)
        guard.close()
        self.assertFalse(connect.called)

    def test_no_thread_is_left(self):
        self.enqueue("sleep", "a", 1.2)
        self.run_in_thread(seconds=1)
        names = [thread.name for thread in threading.enumerate()]
        self.assertFalse([name for name in names if "guard" in name])

    def test_private_parts_of_odoo_are_as_expected(self):
        self.assertTrue(callable(server.CommonServer.on_stop))
