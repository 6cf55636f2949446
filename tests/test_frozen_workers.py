# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 1: workers that are frozen at any moment."""

import os
import random
import signal
import time

from .common.server_case import PREFORK, ServerCase

FREEZES = 10
JOBS = 30


class TestFrozenWorkers(ServerCase):
    def at_most_one_left(self):
        """A frozen worker may have one job; a claim it is in ends by a timeout."""
        states = self.states()
        return states.get("pending", 0) + states.get("started", 0) <= 1

    def test_worker_that_is_stopped_at_any_moment_does_not_stop_the_others(self):
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        tokens = []
        for freeze in range(FREEZES):
            worker = random.choice(server.cron_workers())
            tokens += self.enqueue([f"{freeze} {number}" for number in range(JOBS)])
            time.sleep(random.uniform(0, 0.2))  # at any moment
            os.kill(worker, signal.SIGSTOP)
            self.wait(server, self.at_most_one_left, "others go on", nudge=True)
            os.kill(worker, signal.SIGCONT)
        self.wait(server, self.all_in("done"), "the jobs are done", nudge=True)
        self.assertOnceEach(tokens)
        self.assertCronsFine()
