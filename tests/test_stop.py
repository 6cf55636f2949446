# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 9: servers that stop finish their jobs or leave them."""

import signal

from .common.server_case import PREFORK, ServerCase

SIGNALS = (signal.SIGTERM, signal.SIGINT)
CLOSED = "already closed", "connection pointer is NULL"


class TestStop(ServerCase):
    """A server that is stopped leaves nothing half done, and the rest for later."""

    def setUp(self):
        super().setUp()
        self.long = [str(signum) for signum in SIGNALS]

    def assertNothingHalfDone(self):
        done = "SELECT name FROM queue_job WHERE state = 'done'"
        self.assertOnceEach([name for (name,) in self.query(done)])
        self.assertGreater(self.states()["pending"], 50)

    def test_prefork_server_finishes_the_jobs_in_hand_and_stops(self):
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        short = self.enqueue([f"short {n}" for n in range(350)], "sleep", 0.05)
        for signum, token in zip(SIGNALS, self.long, strict=True):
            self.enqueue([token], "sleep", 3, priority=1)
            self.wait(server, self.job_is(token, "started"), "it runs", nudge=True)
            seconds = server.end(signum)
            self.assertLess(seconds, 3 + 5)
            self.assertEqual(self.job(token)["state"], "done")
            self.assertEqual(set(self.states()), {"done", "pending"})
            self.assertNothingHalfDone()
            server.start()
        self.wait(server, self.all_in("done"), "the rest is done", nudge=True)
        self.assertOnceEach(short + self.long)
        self.assertNotIn("found dead", server.log_text())
        self.assertCronsFine()
        self.assertNoErrorIn(server)

    def test_threaded_server_stops_at_once_and_its_jobs_run_again(self):
        self.add_runners(1)
        server = self.server("--workers=0", "--max-cron-threads=2")
        short = self.enqueue([f"short {n}" for n in range(600)], "sleep", 0.05)
        for signum, token in zip(SIGNALS, self.long, strict=True):
            self.enqueue([token], "sleep", 6, priority=1)
            self.wait(server, self.job_is(token, "started"), "it runs", nudge=True)
            seconds = server.end(signum)
            self.assertLess(seconds, 8)
            self.assertEqual(self.job(token)["state"], "pending")
            self.assertNothingHalfDone()
            server.start()
        self.wait(server, self.all_in("done"), "the rest is done", nudge=True)
        self.assertOnceEach(short + self.long)
        for token in self.long:
            self.assertEqual(self.job(token)["retry"], 1, "it was no try")
        self.assertCronsFine()
        # Odoo closes the connections of threads that it does not wait for
        self.assertNoErrorIn(server, *CLOSED)
