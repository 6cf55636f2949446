# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 2: PostgreSQL crashes."""

import os
import signal
import time
from unittest.mock import patch

from odoo.sql_db import close_db
from odoo.tools import config

from .common.server_case import PREFORK, ServerCase
from .test_wake_up_races import PRESENT

NO_CRON = "No scheduled action at all has run on this database since"
# Odoo's cron threads, each in a session of its own.
LISTENING = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = 'postgres' AND application_name = %s
"""
AN_HOUR_LATER = """
    UPDATE ir_cron
       SET lastcall = lastcall - INTERVAL '1 h', nextcall = nextcall - INTERVAL '1 h'
"""


class TestPostgres(ServerCase):
    """The database server may crash in the middle of everything."""

    def make_database(self):
        """Make it in a PostgreSQL server of the test's own."""
        # of ./dev, and so not there where this addon is but one of many
        from harness.chaos.trial import crashable

        env, self.database = self.enterContext(crashable())
        self.postgres = env.cluster
        self.place = {
            "db_host": env.variables["PGHOST"],
            "db_port": int(env.variables["PGPORT"]),
        }
        self.enterContext(patch.dict(config.options, self.place))
        self.addCleanup(self.drop_database)

    def start_server(self, *options):
        place = (f"--{option}={value}" for option, value in self.place.items())
        return self.server(*options, *place)

    def test_session_of_a_run_stops_answering(self):
        """The other runner goes on."""
        self.only_runners()
        self.add_runners(1)
        server = self.start_server(*PREFORK, "--max-cron-threads=2")
        self.enqueue(["long"], "sleep", 5, priority=1)
        self.wait(server, self.job_is("long", "started"), "it runs")
        runner = self.job("long")["runner_id"]
        [(session, _mode)] = self.query(f"{PRESENT} AND objid = %s", runner)
        os.kill(session, signal.SIGSTOP)
        self.addCleanup(os.kill, session, signal.SIGCONT)
        others = self.enqueue([f"other {number}" for number in range(10)])
        others += self.enqueue(["eta"], eta=12)
        begin = time.monotonic()
        self.wait(server, self.all_in("done"), "all are done")
        seconds = time.monotonic() - begin
        print(f"\nAll done {seconds:.0f} s later")  # pylint: disable=print-used
        self.assertLess(seconds, 60)
        self.assertOnceEach(["long", *others])

    def test_jobs_go_on_after_a_crash_of_postgresql(self):
        self.add_runners(2)
        server = self.start_server(*PREFORK, "--max-cron-threads=3")
        tokens = self.enqueue([f"job {number}" for number in range(240)], "sleep", 0.2)
        tokens += self.enqueue(["long"], "sleep", 8, priority=1)
        self.wait(server, self.job_is("long", "started"), "the long job runs")
        # the claim is not waited for to be on the disk, but these jobs' ends are
        before = len(self.ledger())
        self.wait(server, lambda: len(self.ledger()) > before + 2, "others are done")
        self.postgres.restart()
        for database in (self.database, "postgres"):
            close_db(database)
        self.assertEqual(self.job("long")["state"], "started")

        def all_done():
            # Odoo's master process does not live without its database: a process
            # manager starts it again
            if not server.running:
                server.start()
            return self.all_in("done")()

        self.wait(server, all_done, "all are done", nudge=True)
        self.assertOnceEach(tokens)
        self.assertEqual(self.job("long")["retry"], 2)
        self.assertCronsFine()

    def listening(self, server, count):
        """A condition: so many cron threads of the server listen."""
        name = f"odoo-{server.process.pid}"
        return lambda: self.query(LISTENING, name) == [(count,)]

    def why(self, token):
        """Return what a manager of jobs reads."""
        with self.transaction() as env:
            [job] = env["queue.job"].search([("name", "=", token)])
            return str(job.with_user(self.manager).waiting_reason)

    def test_cron_threads_do_not_survive_a_restart(self):
        """They end, and Odoo starts no others: the form says so, and what to do."""
        self.only_runners()
        self.manager = self.new_manager("manager")
        server = self.start_server("--workers=0", "--max-cron-threads=2")
        self.wait(server, self.listening(server, 2), "its threads listen")
        self.postgres.restart()
        for database in (self.database, "postgres"):
            close_db(database)
        self.wait(server, self.listening(server, 0), "its threads have ended")
        self.enqueue(["job"])
        self.assertNotIn(NO_CRON, self.why("job"))
        with self.transaction() as env:
            env.cr.execute(AN_HOUR_LATER)
        self.assertIn(NO_CRON, self.why("job"))
        self.assertIn("restart Odoo if PostgreSQL was restarted", self.why("job"))
        server.stop()
        server.start()
        self.wait(server, self.job_is("job", "done"), "it is done")
        self.enqueue(["next"], eta=3600)
        self.assertNotIn(NO_CRON, self.why("next"))
