# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Replacing: an update beside a server that works."""

import subprocess
import time

from .common.odoo_command import ALONE, OdooCommand
from .common.own_database import BASE
from .common.regular_server import RegularServer
from .common.server_case import PREFORK, ServerCase

OURS = "queue_job_cron_jobrunner"
STATES = "SELECT state FROM queue_job ORDER BY id"


class TestUpgradeServers(OdooCommand, ServerCase):
    """Another process updates the addon on a site that has work."""

    def test_update_goes_on_beside_running_jobs(self):
        self.only_runners()
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        tokens = self.enqueue(["long"], "sleep", 20, priority=1)
        self.wait(server, self.job_is("long", "started"), "it runs")
        tokens += self.enqueue(
            [f"other {number}" for number in range(60)], "sleep", 0.3
        )
        begin = time.monotonic()
        self.update(OURS)
        seconds = time.monotonic() - begin
        done = len(self.ledger())
        print(f"\nUpdated in {seconds:.0f} s; {done} jobs meanwhile")  # pylint: disable=print-used
        self.assertEqual(self.job("long")["state"], "started")
        self.assertGreater(done, 5)
        self.wait(server, self.all_in("done"), "all are done")
        self.assertOnceEach(tokens)
        self.assertEqual(self.job("long")["retry"], 1)
        self.assertCronsFine()
        self.assertNoErrorIn(server)


class TestInstallOnBusySite(OdooCommand, RegularServer, ServerCase):
    """Another process installs the addon where the regular runner is at work."""

    template = BASE

    def try_to_install(self):
        """Return the exit status, the output, and the seconds it took."""
        begin = time.monotonic()
        command = ["odoo", *ALONE, "--init", OURS, "--database", self.database]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr, time.monotonic() - begin

    def test_it_is_refused_in_a_sentence_and_hurts_nobody(self):
        server = self.regular_server(ODOO_QUEUE_JOB_CHANNELS="root:2")
        with self.transaction() as env:
            jobs = env["queue.job"]
            for duration in (20, 0.5, 0.5, 0.5):
                jobs.with_delay()._test_job(job_duration=duration)
        started = lambda: self.query(STATES)[0] == ("started",)  # noqa: E731
        self.wait(server, started, "it runs")
        status, log, seconds = self.try_to_install()
        print(f"\nRefused in {seconds:.0f} s")  # pylint: disable=print-used
        self.assertNotEqual(status, 0)
        self.assertIn("The table of jobs has to be changed, and is in use.", log)
        self.assertIn("Pause the channel root, or stop the runner of jobs", log)
        self.assertIn("queue.job._test_job", log)
        self.assertEqual(self.query(STATES)[0], ("started",))
        self.wait(server, self.all_in("done"), "the regular runner goes on")
        server.kill()
        self.install(OURS)
