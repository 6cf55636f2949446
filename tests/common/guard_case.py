# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import time
from contextlib import contextmanager

from .server_case import ServerCase

LIMIT = 2
# what is asked ends within a second, what is ended after five more
ASKED, ENDED = LIMIT + 4, LIMIT + 5 + 3
ANSWER = ("sql", "python", "exceptions", "lock")
DO_NOT = ("sleep", "socket", "subprocess", "base_exceptions", "own_row")


class GuardCase(ServerCase):
    """A real server, a job that hangs in it, and the one behind it."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        self.limit(LIMIT)

    def limit(self, seconds):
        """Give the ledger's method ``hang`` a limit, and a method *on fail*."""
        with self.transaction() as env:
            function = env.ref("queue_job_cron_jobrunner_demo.job_function_hang")
            function.write({"time_limit": seconds, "on_fail_method": "record_failure"})

    @contextmanager
    def locked_row(self):
        """A row of the ledger is locked, that of the token ``locked``."""
        with self.registry.cursor() as cr:
            cr.execute("INSERT INTO queue_job_demo_ledger (token) VALUES ('locked')")
            cr.commit()  # pylint: disable=invalid-commit
            cr.execute("SELECT 1 FROM queue_job_demo_ledger FOR UPDATE")
            yield

    def hang(self, how, *args, max_retries=1, **options):
        [token] = self.enqueue([how], "hang", how, *args, max_retries=max_retries)
        return token

    def ended(self, token):
        """A condition: a job has ended, or waits for its next try."""
        return lambda: self.job(token)["state"] not in ("pending", "started")

    def assertInterrupted(self, token, limit=LIMIT, name="its job function"):
        job = self.job(token)
        self.assertEqual((job["state"], job["retry"]), ("failed", 1), job)
        self.assertEqual(job["exc_name"], "Interrupted")
        self.assertRegex(
            job["exc_message"],
            rf"^interrupted after \d+ s: the limit of {name} is {limit} s$",
        )
        [[trace]] = self.query("SELECT exc_info FROM queue_job WHERE name = %s", token)
        self.assertIn(f"in _hang_in_{token}", trace)
        self.assertNotIn(token, [done for done, _pid in self.ledger()])

    def assertHangUntil(self, server, seconds, hows):
        """They hang side by side for so many seconds, and fail; others begin soon."""
        told = self.failures_told() + len(hows)
        for how in hows:
            self.hang(how, *(["locked"] if how == "lock" else []))
        after = self.enqueue([f"after {how}" for how in hows], priority=20)
        for how in hows:
            begun = lambda how=how: self.job(how)["state"] != "pending"  # noqa: E731
            self.wait(server, begun, f"{how} runs")
        begin = time.monotonic()
        for how in hows:
            self.wait(server, self.ended(how), f"{how} is ended")
            self.assertLess(time.monotonic() - begin, seconds, how)
            self.assertInterrupted(how)
        for token in after:
            self.wait(server, self.job_is(token, "done"), token)
        self.assertLess(time.monotonic() - begin, seconds + 5)
        self.wait(server, lambda: self.failures_told() == told, "on fail")

    def failures_told(self):
        return [token for token, _pid in self.ledger()].count("Interrupted")
