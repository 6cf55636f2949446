# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 1: several servers share a queue."""

from .common.server_case import PREFORK, ServerCase


class TestServers(ServerCase):
    """Servers of one database share its jobs, as those on several hosts do."""

    def test_two_servers_do_every_job_once(self):
        # as many runners as workers: all of them claim at the same time
        self.add_runners(5)
        tokens = [f"quick {number}" for number in range(400)]
        options = *PREFORK, "--max-cron-threads=3"
        servers = [self.server(*options), self.server(*options)]
        for server in servers:
            self.wait(server, server.cron_workers, "both are up")
        self.enqueue(tokens, "sleep", 0.02)
        for server in servers:
            self.wait(server, self.all_in("done"), "the jobs are done", nudge=True)
        self.assertOnceEach(tokens)
        workers = {pid for _token, pid in self.ledger()}
        for server in servers:
            self.assertTrue(workers & set(server.cron_workers()))
            self.assertNoErrorIn(server)
        self.assertCronsFine()
