# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 9: jobs that hang in real servers, and servers that stop."""

import os
import re
import signal
import sys
from pathlib import Path
from unittest.mock import patch

from odoo.addons.queue_job.delay import chain

from .common.guard_case import ANSWER, ASKED, DO_NOT, ENDED, GuardCase
from .common.server_case import PREFORK
from .common.tour_case import free_port


class TestGuardPrefork(GuardCase):
    """In a worker of its own, every job ends."""

    def server(self, *options, workers=1):
        self.add_runners(workers - 1)
        return super().server(*PREFORK, f"--max-cron-threads={workers}", *options)

    def test_sql_and_python_are_broken(self):
        server = self.server(workers=len(ANSWER))
        with self.locked_row():
            self.assertHangUntil(server, ASKED, ANSWER)
        self.assertCronsFine()
        self.assertNotIn("its process is lost", server.log_text())
        self.assertNotIn("found dead", server.log_text())

    def test_other_jobs_are_ended_with_their_process(self):
        server = self.server(workers=len(DO_NOT))
        self.assertHangUntil(server, ENDED, DO_NOT)
        lost = re.findall(r" (\d+) ERROR .* its process is lost", server.log_text())
        self.assertEqual(len(lost), len(DO_NOT))
        self.assertFalse({*map(int, lost)} & {*server.cron_workers()})
        self.assertCronsFine()
        self.assertNotIn("found dead", server.log_text())

    def test_c_code_that_keeps_the_lock_of_python(self):
        """The guard can't run either: the process exits, with the place in the log."""
        server = self.server()
        self.hang("c")
        after = self.enqueue(["after"], priority=20)
        self.wait(server, self.job_is("c", "started"), "it runs")
        worker = server.cron_workers()
        gone = lambda: server.cron_workers() != worker  # noqa: E731
        self.wait(server, gone, "the process exits")
        self.assertIn("in _hang_in_c", server.log_text())
        self.wait(server, self.job_is("c", "failed"), "it is found dead", nudge=True)
        self.wait(server, self.job_is(*after, "done"), "the next one is done")

    def test_limit_is_not_that_of_the_next_job(self):
        server = self.server()
        self.enqueue(["short"], "hang", "sleep", 1.5)
        self.enqueue(["long"], "sleep", 14, priority=20)
        self.wait(server, self.all_in("done"), "both are done")
        [_short, (_token, pid)] = self.ledger()
        self.assertEqual([pid], server.cron_workers())
        self.assertEqual(self.job("long")["retry"], 1)

    def test_before_odoo_kills(self):
        self.limit(0)
        server = self.server("--limit-time-real-cron=15")
        self.hang("sleep")
        self.wait(server, self.ended("sleep"), "it is ended")
        name = "real time of its process"
        self.assertInterrupted("sleep", 15, name)
        self.assertNotIn("timeout after", server.log_text())

    def test_before_the_limit_of_cpu_time(self):
        self.limit(0)
        server = self.server("--limit-time-cpu=6")
        self.hang("python")
        self.wait(server, self.ended("python"), "it is ended")
        self.assertInterrupted("python", 6, "CPU time of its process")


class TestGuardThreaded(GuardCase):
    """What does not answer keeps its thread, and nothing else."""

    def test_interrupted_or_lost(self):
        self.add_runners(len(DO_NOT) - 1)
        server = self.server("--workers=0", f"--max-cron-threads={len(DO_NOT) + 2}")
        with self.locked_row():
            self.assertHangUntil(server, ASKED, ANSWER)
        self.assertHangUntil(server, ENDED, DO_NOT)
        lost = re.compile(r"ERROR .* thread odoo.service.cron.cron\d is lost")

        def are_lost():
            return len(lost.findall(server.log_text())) == len(DO_NOT)

        self.wait(server, are_lost, "the log names the threads")
        self.assertCronsFine()

    def test_what_it_commits_by_itself_is_undone_too(self):
        with self.transaction() as env:
            function = env.ref("queue_job_cron_jobrunner_demo.job_function_hang")
            function.allow_commit = True
        server = self.server("--workers=0", "--max-cron-threads=2")
        self.hang("sleep")
        self.wait(server, self.ended("sleep"), "it is ended")
        self.assertInterrupted("sleep")
        held = """
            SELECT 1 FROM pg_locks JOIN pg_database AS here ON here.oid = database
             WHERE datname = current_database() AND pid <> pg_backend_pid()
               AND relation = 'queue_job_demo_ledger'::regclass
        """
        self.wait(server, lambda: not self.query(held), "no row is locked")

    def test_before_odoo_starts_the_server_anew(self):
        self.limit(0)
        server = self.server("--workers=0", "--limit-time-real-cron=8")
        self.hang("python")
        self.wait(server, self.ended("python"), "it is ended")
        self.assertInterrupted("python", 8, "real time of its process")
        self.assertNotIn("real time limit", server.log_text())


class TestStoppingServers(GuardCase):
    """Jobs in hand go back to their place, and no try is used up."""

    def setUp(self):
        super().setUp()
        self.limit(0)

    def restart(self, server, signum):
        """Stop the server while the job runs, and return the seconds."""
        self.wait(server, self.job_is("sleep", "started"), "it runs")
        return server.end(signum)

    def assertAtItsOldPlace(self, before):
        after = self.job("sleep")
        self.assertEqual((after["state"], after["retry"]), ("pending", 0))
        self.assertIn("the server was stopping", after["result"])
        rank = "SELECT priority, date_created, eta FROM queue_job WHERE name = 'sleep'"
        self.assertEqual(self.query(rank), before)

    def assertRestartsCostNothing(self, longest, *options):
        server = self.server(*options, "--max-cron-threads=1")
        self.hang("sleep")
        rank = self.query("SELECT priority, date_created, eta FROM queue_job")
        for signum in (signal.SIGTERM, signal.SIGINT):
            seconds = self.restart(server, signum)
            self.assertLess(seconds, longest)
            self.assertAtItsOldPlace(rank)
            server.start()
        self.wait(server, self.job_is("sleep", "started"), "it starts again")
        self.assertNotIn("found dead", server.log_text())

    def test_restarts_in_a_row(self):
        self.assertRestartsCostNothing(10, *PREFORK)

    def test_reload(self):
        """The next server is up before the workers of this one are told to stop."""
        # Odoo looks up the Python of the next one
        folder = Path(sys.executable).parent
        path = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        self.enterContext(patch.dict(os.environ, path))
        ports = [f"--{name}-port={free_port()}" for name in ("http", "gevent")]
        server = self.server(*PREFORK, "--max-cron-threads=1", *ports)
        self.hang("sleep")
        self.wait(server, self.job_is("sleep", "started"), "it runs")
        first = self.job("sleep")["worker_pid"]
        server.process.send_signal(signal.SIGHUP)

        def runs_again():
            return self.job("sleep")["worker_pid"] not in (0, first)

        self.wait(server, runs_again, "it runs again")
        self.assertEqual(self.job("sleep")["retry"], 0)
        self.assertNotIn("found dead", server.log_text())

    def test_chain(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        with self.transaction() as env:
            ledger = env["queue.job.demo.ledger"]
            # longer than a server that stops waits for them
            jobs = [ledger.delayable(description=n).sleep(n, 8) for n in "12"]
            chain(*jobs, ledger.delayable(description="3").record("3")).delay()
        for token in "12":
            self.wait(server, self.job_is(token, "started"), "it runs")
            server.end(signal.SIGTERM)
            self.assertEqual(self.job(token)["state"], "pending")
            server.start()
        self.wait(server, self.all_in("done"), "all are done")
        self.assertEqual([token for token, _pid in self.ledger()], ["1", "2", "3"])
        self.assertEqual({self.job(token)["retry"] for token in "123"}, {1})

    def test_restarts_of_a_threaded_server(self):
        self.assertRestartsCostNothing(6, "--workers=0")
