# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Leaving: what an uninstallation takes with it."""

from collections import Counter
from contextlib import closing

from odoo.sql_db import db_connect

from .common.oca_case import OURS
from .common.odoo_command import OdooCommand
from .common.own_database import BASE
from .common.regular_server import RegularServer
from .common.schema import RECORDS, SCHEMA, read
from .common.server_case import ServerCase


class TestUninstall(OdooCommand, RegularServer, ServerCase):
    template = BASE

    def traces(self):
        with closing(db_connect(self.database).cursor()) as cr:
            return Counter(read(cr, SCHEMA + RECORDS))

    def test_nothing_is_left_and_pending_jobs_run_under_the_regular_runner(self):
        self.add_cron_of_the_site()
        before = self.traces()
        self.install(OURS)
        self.use()
        self.assertTrue(self.traces() - before)
        self.uninstall(OURS)
        after = self.traces()
        self.assertEqual((after - before, before - after), (Counter(), Counter()))
        self.assertEqual(self.states(), {"pending": 3})
        server = self.regular_server()
        self.wait(server, self.all_in("done"), "the regular runner does the jobs")

    def add_cron_of_the_site(self):
        """Add one that does something else with jobs, and has to stay."""
        with self.transaction() as env:
            model = env["ir.model"]._get_id("queue.job")
            values = {"name": "Of the site", "model_id": model, "state": "code"}
            env["ir.cron"].create({**values, "code": "model.search([])"})

    def use(self):
        """Leave what a site that uses the addon leaves."""
        with self.transaction() as env:
            runner = env.ref("queue_job_cron_jobrunner.queue_job_cron")
            runner.copy()
            runner.copy({"active": False})
            runner.copy({"queue_job_runner": False})
            env.ref("queue_job.channel_root").write({"capacity": 2, "throttle": 1})
            settings = env["ir.config_parameter"]
            settings.set_param("queue_job_cron_jobrunner.of_a_user", "1")
            for _number in range(3):
                env["queue.job"].with_delay()._test_job()
