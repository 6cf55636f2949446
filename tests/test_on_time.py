# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 5: etas and retries on real servers."""

from datetime import timedelta

from .common.server_case import PREFORK, ServerCase

# Odoo looks at triggers ahead once a minute: some of these jobs would be later then.
ETAS = (3, 6, 9, 12)
LATE = timedelta(seconds=12)
LATENESS = "SELECT name, date_started - eta FROM queue_job WHERE eta IS NOT NULL"


class TestOnTime(ServerCase):
    """Delays are met though Odoo looks at triggers ahead once a minute."""

    def assertOnTime(self, names):
        lateness = dict(self.query(LATENESS))
        self.assertEqual(set(lateness), set(names))
        self.assertGreaterEqual(min(lateness.values()), timedelta())
        self.assertLess(max(lateness.values()), LATE, lateness)

    def check_etas(self, *options):
        self.only_runners()
        self.add_runners(1)
        server = self.server(*options, "--max-cron-threads=2")
        names = [self.enqueue([f"{eta} s"], eta=eta)[0] for eta in ETAS]
        self.wait(server, self.all_in("done"), "the jobs are done")
        self.assertOnTime(names)
        self.assertNoErrorIn(server)

    def test_etas_prefork(self):
        self.check_etas(*PREFORK)

    def test_etas_threaded(self):
        self.check_etas("--workers=0")

    def test_etas_are_left_to_the_runners_when_the_process_that_enqueued_is_gone(self):
        self.only_runners()
        server = self.server("--workers=1", "--max-cron-threads=1")
        names = self.enqueue([f"{eta} s" for eta in ETAS[1:]])
        with self.transaction() as env:
            jobs = env["queue.job"].search([])
            for eta, job in zip(ETAS[1:], jobs, strict=True):
                job.eta = job.date_created + timedelta(seconds=eta)
        self.cancel_timer()
        self.enqueue(["now"])
        self.wait(server, self.all_in("done"), "the jobs are done")
        self.assertOnTime(names)

    def test_retries(self):
        self.only_runners()
        server = self.server("--workers=1", "--max-cron-threads=1")
        names = [self.enqueue([str(n)], "flaky", 1, 3 * n)[0] for n in (1, 2, 3, 4)]
        self.wait(server, self.all_in("done"), "the jobs are done")
        self.assertOnTime(names)
