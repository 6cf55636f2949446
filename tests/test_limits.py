# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 8: Odoo's limits of time and memory."""

from .common.server_case import PREFORK, ServerCase

# How often Odoo looks at its threads: that is once a minute.
LOOK = "import odoo.service.server as it; it.SLEEP_INTERVAL = 2"


class TestLimits(ServerCase):
    """Odoo's limits for processes and threads are kept, however long the queue."""

    def setUp(self):
        super().setUp()
        self.only_runners()

    def assertDoneByTheSameWorker(self, server, tokens):
        """By the cron worker that is still there."""
        self.assertDoneByWorkersOf(server, tokens)
        self.assertCronsFine()
        self.assertNoErrorIn(server)

    def test_queue_longer_than_the_real_time_limit(self):
        # a worker that is notified all the time is fed all the time
        server = self.server(
            "--workers=1", "--max-cron-threads=1", "--limit-time-real-cron=8"
        )
        tokens = self.enqueue([f"job {number}" for number in range(18)], "sleep", 1)
        self.wait(server, self.all_in("done"), "the jobs are done", nudge=True)
        self.assertDoneByTheSameWorker(server, tokens)

    def test_job_after_a_long_sleep_has_the_whole_real_time_limit(self):
        server = self.server(
            "--workers=1", "--max-cron-threads=1", "--limit-time-real-cron=16"
        )
        tokens = self.enqueue(["long"], "sleep", 10, eta=10)
        self.wait(server, self.all_in("done"), "the job is done")
        self.assertDoneByTheSameWorker(server, tokens)

    def test_queue_longer_than_the_cpu_limit(self):
        # in one pass of the only worker: the limit is for both runners together
        self.add_runners(1)
        server = self.server(
            *PREFORK,
            "--max-cron-threads=1",
            "--limit-time-cpu=4",
        )
        tokens = [f"job {number}" for number in range(200)]
        self.enqueue(tokens, "burn", 0.05)
        self.wait(server, self.all_in("done"), "the jobs are done", nudge=True)
        self.assertDoneByTheSameWorker(server, tokens)

    def test_queue_longer_than_the_limit_of_threads(self):
        # the runners' slices in one pass of the only thread would last for longer
        self.add_runners(7)
        server = self.server(
            *("--workers=0", "--max-cron-threads=1", "--limit-time-real=12"),
            *self.with_code("look", LOOK),
        )
        tokens = self.enqueue([f"job {number}" for number in range(80)], "sleep", 0.25)
        self.wait(server, self.all_in("done"), "the jobs are done", nudge=True)
        self.assertOnceEach(tokens)
        self.assertEqual({pid for _token, pid in self.ledger()}, {server.process.pid})
        self.assertNotIn("real time limit", server.log_text())
        self.assertNotIn("reload", server.log_text())
        self.assertCronsFine()
        self.assertNoErrorIn(server)

    def test_workers_that_outgrow_the_memory_limit_are_replaced(self):
        server = self.server(
            *PREFORK,
            "--max-cron-threads=1",
            f"--limit-memory-soft={2**30}",
        )
        tokens = []
        for part in "ab":
            tokens += self.enqueue([f"hoard {part}"], "hoard", 1024)
            tokens += self.enqueue([f"{part} {n}" for n in range(22)], "sleep", 0.5)
        self.wait(server, self.all_in("done"), "the jobs are done", nudge=True)
        self.assertOnceEach(tokens)
        self.assertGreater(len({pid for _token, pid in self.ledger()}), 1)
        self.wait(
            server,
            lambda: server.log_text().count("virtual memory limit") > 1,
            "two workers were replaced",
            nudge=True,
        )
        self.assertCronsFine()
        self.assertNoErrorIn(server)
