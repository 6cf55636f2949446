# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A job on a real server, from its enqueueing to its end."""

from odoo.addons.queue_job.delay import chain, group

from .common.server_case import PREFORK, ServerCase


class TestServer(ServerCase):
    """Jobs that are committed from outside are done by a server's cron workers."""

    def test_one_runner(self):
        tokens = self.enqueue([f"before {number}" for number in range(20)])
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.wait(server, self.all_in("done"), "jobs from before the start are done")
        tokens += self.enqueue([f"after {number}" for number in range(20)])
        self.wait(server, self.all_in("done"), "jobs from after the start are done")
        self.assertDoneByWorkersOf(server, tokens)
        server.stop()
        self.assertNoErrorIn(server)
        self.assertCronsFine()
        self.assertEqual(server.log_text().count(": done, try 1, "), len(tokens))
        progress = (
            "SELECT sum(done), sum(remaining) FROM ir_cron_progress"
            " JOIN ir_cron ON ir_cron.id = cron_id WHERE queue_job_runner"
        )
        self.assertEqual(self.query(progress), [(len(tokens), 0)])

    def test_three_runners(self):
        self.add_runners(2)
        tokens = self.enqueue([f"sleep {number}" for number in range(40)], "sleep", 0.1)
        tokens += self.enqueue([f"quick {number}" for number in range(200)])
        server = self.server(*PREFORK, "--max-cron-threads=3")
        self.wait(server, self.all_in("done"), "the jobs are done")
        self.assertDoneByWorkersOf(server, tokens)
        server.stop()
        self.assertNoErrorIn(server)
        self.assertCronsFine()

    def test_threaded_server(self):
        self.add_runners(2)
        tokens = self.enqueue([f"quick {number}" for number in range(100)])
        server = self.server("--workers=0", "--max-cron-threads=3")
        self.wait(server, self.all_in("done"), "the jobs are done")
        self.assertOnceEach(tokens)
        self.assertNoErrorIn(server)
        self.assertCronsFine()

    def test_every_kind_of_outcome(self):
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        with self.transaction() as env:
            ledger = env["queue.job.demo.ledger"]
            ledger.with_delay().fail("fail")
            ledger.with_delay().flaky("flaky", 1, 1)
            parents = group(*(ledger.delayable().record(name) for name in "ab"))
            chain(parents, ledger.delayable().record("c")).delay()
        self.wait(
            server,
            lambda: self.states() == {"done": 4, "failed": 1},
            "every job has ended",
            nudge=True,
        )
        self.assertOnceEach(["a", "b", "c", "flaky"])
        tokens = [token for token, _pid in self.ledger()]
        self.assertGreater(tokens.index("c"), max(map(tokens.index, "ab")))
        self.assertIn("UserError: This job fails, as intended", server.log_text())
        self.assertCronsFine()
