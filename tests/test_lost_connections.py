# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 1: connections that are lost."""

import os
import re
import signal
import time
from datetime import timedelta

from ..runner.look import NOW
from .common.server_case import PREFORK, ServerCase
from .test_wake_up_races import END_PRESENT

SOON = timedelta(seconds=6)
STARTED = "SELECT name, date_started, eta FROM queue_job"
SESSIONS = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
"""
COMPLAINT = re.compile(r"^\S+ \S+ \d+ (WARNING|ERROR|CRITICAL) .*", re.MULTILINE)


class TestLostConnections(ServerCase):
    """A connection that is cut, or not to be had, or whose process is killed."""

    def setUp(self):
        super().setUp()
        self.only_runners()

    def test_control_connection_is_cut(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.enqueue(["long"], "sleep", 5, priority=1)
        self.wait(server, self.job_is("long", "started"), "it runs")
        others = self.enqueue([f"other {number}" for number in range(10)])
        others += self.enqueue(["eta"], eta=12)
        self.query(END_PRESENT)
        self.wait(server, self.job_is("long", "done"), "it is done")
        [(end,)] = self.query(f"SELECT {NOW}")
        self.wait(server, self.all_in("done"), "all are done")
        self.assertOnceEach(["long", *others])
        for name, started, eta in self.query(STARTED):
            self.assertEqual(self.job(name)["retry"], 1, name)
            self.assertLess(started - (eta or end), SOON, name)
        # Odoo's own, about its cursor
        self.assertNoErrorIn(server, "odoo.sql_db: bad query", "odoo.addons.base")
        self.assertCronsFine()

    def test_no_second_connection_in_the_pool(self):
        """One for Odoo's listening, three for a run, and none for an outcome."""
        server = self.server(*PREFORK, "--max-cron-threads=1", "--db_maxconn=4")
        self.assertFailsOnce(server)

    def test_no_second_connection_of_the_database(self):
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.assertFailsOnce(server, self.forbid_connections)

    def forbid_connections(self):
        [(sessions,)] = self.query(SESSIONS)
        limit = f"ALTER DATABASE %s CONNECTION LIMIT {sessions}"
        self.on_cluster(limit)
        self.addCleanup(self.on_cluster, "ALTER DATABASE %s CONNECTION LIMIT -1")

    def assertFailsOnce(self, server, meanwhile=None):
        self.enqueue(["failing"], "fail", 4)
        self.wait(server, self.job_is("failing", "started"), "it runs")
        after = self.enqueue(["after"])
        if meanwhile:
            meanwhile()
        self.wait(server, self.job_is("failing", "failed"), "it has failed")
        job = self.job("failing")
        self.assertEqual(job["retry"], 1)
        self.assertEqual(job["exc_name"], "odoo.exceptions.UserError")
        self.assertIn("no connection to store what came of it", server.log_text())
        self.wait(server, self.job_is(*after, "done"), "the next one is done")
        self.assertOnceEach(after)
        self.assertCronsFine()
        self.assertNoErrorIn(server, "This job fails, as intended")

    def test_worker_is_killed_in_a_long_statement(self):
        with self.transaction() as env:
            env.ref("queue_job.channel_root").capacity = 1
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.enqueue(["long"], "hang", "sql", max_retries=1)
        after = self.enqueue(["after"], priority=99)
        self.wait(server, self.job_is("long", "started"), "it runs")
        os.kill(self.job("long")["worker_pid"], signal.SIGKILL)
        begin = time.monotonic()
        self.wait(server, self.job_is("long", "failed"), "it is found dead")
        seconds = time.monotonic() - begin
        print(f"\nFound dead after {seconds:.0f} s")  # pylint: disable=print-used
        self.assertLess(seconds, 30)
        self.assertEqual(self.job("long")["exc_name"], "JobFoundDead")
        self.wait(server, self.job_is(*after, "done"), "the next one is done")
        self.assertOnceEach(after)


class TestSettingsOfTheDatabase(ServerCase):
    """Timeouts of a site or a database are not meant for jobs."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        self.add_runners(1)

    def server_with(self, **settings):
        for name, value in settings.items():
            self.on_cluster(f"ALTER DATABASE %s SET {name} = '{value}'")
        return self.server(*PREFORK, "--max-cron-threads=2")

    def assertDoneOnce(self, server, tokens):
        self.wait(server, self.all_in("done"), "all are done")
        self.assertOnceEach(tokens)
        for token in set(tokens):
            self.assertEqual(self.job(token)["retry"], 1, token)
        self.assertEqual(COMPLAINT.findall(server.log_text()), [])
        self.assertCronsFine()

    def test_timeouts_of_idle_sessions_and_transactions(self):
        settings = dict.fromkeys(
            ("idle_in_transaction_session_timeout", "idle_session_timeout"), "2s"
        )
        server = self.server_with(**settings)
        tokens = self.enqueue(["a", "b", "c"], "sleep", 5)
        tokens += self.enqueue(["after"], priority=99)
        self.assertDoneOnce(server, tokens)

    def test_timeout_of_transactions(self):
        [(version,)] = self.query("SELECT current_setting('server_version_num')::int")
        self.assertGreaterEqual(version, 170000, "what is tested is not there")
        server = self.server_with(transaction_timeout="2s")
        tokens = self.enqueue(["a"], "sleep", 5)
        # longer than the grace of the rescue, which the other runner does
        tokens += self.enqueue(["often"], "commit_often", 15, 1) * 15
        tokens += self.enqueue([f"other {n}" for n in range(14)], "sleep", 1)
        self.assertDoneOnce(server, tokens)
