# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 9: the button, on real servers."""

import os
import signal
import time

from odoo.exceptions import UserError

from .common.guard_case import GuardCase
from .common.server_case import PREFORK


class TestStopServers(GuardCase):
    """A job that a manager has stopped ends within 10 s, wherever it hangs."""

    def setUp(self):
        super().setUp()
        self.limit(0)
        self.managers = [self.new_manager(login) for login in ("mia", "max")]

    def press(self, *tokens, user=None):
        """Press Stop on the jobs of these names, on another host than theirs."""
        with self.transaction() as env:
            jobs = env["queue.job"].search([("name", "in", tokens)])
            jobs.with_user(user or self.managers[0]).button_stop()

    def run_and_press(self, server, token):
        self.wait(server, self.job_is(token, "started"), "it runs")
        self.press(token)
        return time.monotonic()

    def messages(self, token):
        with self.transaction() as env:
            job = env["queue.job"].search([("name", "=", token)])
            return [(each.author_id.name, each.body) for each in job.message_ids]

    def assertStopped(self, token, hung=True):
        job = self.job(token)
        self.assertEqual(job["state"], "cancelled")
        self.assertRegex(job["result"], r"^Stopped by mia .* on [-0-9]+ [:0-9]+ UTC$")
        self.assertFalse(self.ledger())
        said = [author for author, body in self.messages(token) if "Stopped by" in body]
        self.assertEqual(len(said), 1)
        self.assertIn("mia", said[0])
        [[trace]] = self.query("SELECT exc_info FROM queue_job WHERE name = %s", token)
        if hung:
            self.assertIn(f"in _hang_in_{token}", trace)
        self.assertFalse(self.query("SELECT 1 FROM queue_job_stop"))

    def assertStops(self, server, hows):
        for how in hows:
            with self.subTest(how=how):
                self.hang(how, max_retries=3)
                begin = self.run_and_press(server, how)
                self.wait(server, self.job_is(how, "cancelled"), "it is cancelled")
                self.assertLess(time.monotonic() - begin, 10)
                self.assertStopped(how)

    def test_prefork(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.assertStops(server, ["sql", "python", "sleep"])
        self.assertCronsFine()

    def test_threaded(self):
        server = self.server("--workers=0", "--max-cron-threads=2")
        self.assertStops(server, ["sql", "python", "sleep"])
        self.assertCronsFine()

    def test_several_and_those_that_wait_for_them(self):
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        with self.transaction() as env:
            ledger = env["queue.job.demo.ledger"]
            first = ledger.delayable(description="sql").hang("a", "sql")
            second = ledger.delayable(description="waits").record("b")
            first.on_done(second).delay()
        self.hang("python")
        for how in ("sql", "python"):
            self.wait(server, self.job_is(how, "started"), "they run")
        self.press("sql", "python")
        self.press("sql", "python")
        self.press("sql", "python", user=self.managers[1])
        self.wait(server, self.all_in("cancelled"), "all are cancelled")
        for how in ("sql", "python"):
            self.assertStopped(how)

    def test_job_that_ends_meanwhile_is_done_once(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.enqueue(["short"], "sleep", 1.5)
        self.run_and_press(server, "short")
        self.wait(server, self.all_in("done", "cancelled"), "it has ended")
        is_done = self.job("short")["state"] == "done"
        self.assertEqual(len(self.ledger()), is_done)
        with self.assertRaisesRegex(UserError, "not running"):
            self.press("short")

    def test_job_that_wants_another_try_has_none(self):
        server = self.server("--workers=0", "--max-cron-threads=1")
        self.enqueue(["flaky"], "flaky_later", 0.5)
        self.run_and_press(server, "flaky")
        self.wait(server, self.job_is("flaky", "cancelled"), "it is cancelled")
        self.assertStopped("flaky", hung=False)

    def test_job_of_a_dead_process_is_cancelled_by_the_rescue(self):
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        self.hang("sleep", max_retries=3)
        self.wait(server, self.job_is("sleep", "started"), "it runs")
        os.kill(self.job("sleep")["worker_pid"], signal.SIGKILL)
        self.press("sleep")
        ended = self.job_is("sleep", "cancelled")
        self.wait(server, ended, "it is cancelled", nudge=True)
        dates = "SELECT num_nulls(date_cancelled, date_rescued), date_failed"
        self.assertEqual(self.query(f"{dates} FROM queue_job"), [(0, None)])
        self.wait(server, lambda: self.job("sleep")["result"], "the result", nudge=True)
        self.assertStopped("sleep", hung=False)
        self.assertIn("found dead", server.log_text())
