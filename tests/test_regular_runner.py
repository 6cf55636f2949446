# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 1: the regular runner beside ours."""

from .common.regular_server import RegularServer
from .common.server_case import PREFORK, ServerCase


class TestRegularRunner(RegularServer, ServerCase):
    """A server with queue_job's own runner beside one with cron runners."""

    def enqueue(self, prefix, count):
        return super().enqueue([f"{prefix} {number}" for number in range(count)])

    def pids(self, prefix):
        return {pid for token, pid in self.ledger() if token.startswith(prefix)}

    def woken(self, condition):
        """Wake the runners before each look, as jobs that keep coming do."""

        def look():
            with self.transaction() as env:
                env["queue.job"]._cron_trigger()
            return condition()

        return look

    def test_each_job_runs_once_when_the_regular_runner_comes_and_goes(self):
        self.add_runners(1)
        ours = self.server(*PREFORK, "--max-cron-threads=2")
        done = self.all_in("done")
        tokens = self.enqueue("before", 20)
        self.wait(ours, done, "our runners do the jobs", nudge=True)
        tokens += self.enqueue("change", 100)
        regular = self.regular_server()
        self.wait(regular, done, "the jobs of the change are done")
        tokens += self.enqueue("during", 40)
        self.wait(regular, done, "the regular runner does the jobs", nudge=True)
        tokens += self.enqueue("handed over", 100)
        regular.kill()
        tokens += self.enqueue("after", 20)
        self.wait(ours, self.woken(done), "our runners do the jobs again")
        self.assertOnceEach(tokens)
        workers = set(ours.cron_workers())
        self.assertLessEqual(self.pids("before") | self.pids("after"), workers)
        self.assertFalse(self.pids("during") & workers)
        self.assertIn("is active on database", ours.log_text())
        self.assertCronsFine()
