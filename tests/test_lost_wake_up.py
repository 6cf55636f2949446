# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import os
import signal

from .server_case import ServerCase

LOCK_CLAIMS = "LOCK TABLE queue_job_channel IN SHARE UPDATE EXCLUSIVE MODE"
WAITING_CLAIM = """
    SELECT 1 FROM pg_locks
     WHERE relation = 'queue_job_channel'::regclass
       AND mode = 'ShareUpdateExclusiveLock'
       AND NOT granted
"""


class TestLostWakeUp(ServerCase):
    """A kill leaves a run's trigger behind, but nobody is notified of it again."""

    def test_place_of_a_runner_killed_between_jobs_is_taken(self):
        self.only_runners()
        self.add_runners(1)
        server = self.server("--workers=1", "--max-cron-threads=2")
        self.wait(server, lambda: len(server.cron_workers()) == 2, "both are up")
        with self.transaction() as env:
            for token, seconds in [("long", 8), ("brief", 1), ("a", 50), ("b", 50)]:
                ledger = env["queue.job.demo.ledger"].with_delay(description=token)
                ledger.sleep(token, seconds)
        self.wait(server, self.job_is("long", "started"), "the first job runs")
        self.wait(server, self.job_is("brief", "started"), "the second job runs", True)
        with self.registry.cursor() as cr:
            cr.execute(LOCK_CLAIMS)
            self.wait(server, self.job_is("brief", "done"), "the second job is done")
            self.wait(
                server, lambda: self.query(WAITING_CLAIM), "its runner wants another"
            )
            os.kill(self.job("brief")["worker_pid"], signal.SIGKILL)
        self.wait(server, self.job_is("a", "started"), "the first runner goes on")
        self.wait(server, self.job_is("b", "started"), "the second runner as well")
        self.assertEqual(self.job("a")["state"], "started")
