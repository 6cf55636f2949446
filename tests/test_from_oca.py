# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Replacing: from OCA's addon of the same name to this one."""

from contextlib import closing

from odoo.modules.migration import exec_script
from odoo.modules.module import get_module_path
from odoo.sql_db import db_connect

from .common.command_case import DEMO
from .common.oca_case import OURS, OcaCase
from .common.odoo_command import ALONE
from .common.own_database import BASE, TEMPLATE
from .common.schema import SCHEMA, read
from .common.server_case import PREFORK

# The runner that came with the addon, and duplicates, with what a user may do to them;
# jobs in every state, one of which was started without queue_job's lock, by a process
# that is gone. There was a trigger for each pending one, until a run that failed lost
# those that were due; the runners' next calls are far. (The update of the demo addon
# shall not wake a runner by writing to its channels.)
OLD_STATE = """
from datetime import timedelta
from odoo import fields
from odoo.addons.queue_job.delay import chain

runner = env.ref("queue_job_cron_jobrunner.queue_job_cron")
runner.copy({"name": "Duplicate", "active": False})
edited = runner.copy(
    {"name": "Edited", "interval_number": 2, "interval_type": "hours", "priority": 3}
)
runner.write({"name": "First", "priority": 1, "active": False})
runners = env["ir.cron"].with_context(active_test=False)
runners = runners.search([("queue_job_runner", "=", True)])
now = fields.Datetime.now()
runners.nextcall = now + timedelta(days=1)

ledger = env["queue.job.demo.ledger"]
def job(token, **options):
    return ledger.with_delay(description=token, **options).record(token).db_record()

job("pending")
job("eta passed", eta=now - timedelta(minutes=1))
job("tomorrow", eta=now + timedelta(days=1))
job("started").write({"state": "started", "date_started": now, "worker_pid": 1})
job("failed").write({"state": "failed"})
tokens = ("first", "second")
chain(*(ledger.delayable(description=each).record(each) for each in tokens)).delay()
triggers = env["ir.cron.trigger"].search([("cron_id", "=", edited.id)])
assert len(triggers) == 6
triggers.filtered(lambda trigger: trigger.call_at <= fields.Datetime.now()).unlink()

channels = env["ir.model.data"].search([("model", "=", "queue.job.channel")])
channels.noupdate = True
env.cr.execute(
    "UPDATE ir_module_module SET latest_version = %s WHERE name = %s",
    ["18.0.1.0.1", "queue_job_cron_jobrunner"],
)
env.cr.commit()
"""
RUNNERS = """
    SELECT cron_name, active, interval_number, interval_type, priority,
           nextcall > now() AT TIME ZONE 'UTC' + INTERVAL '12 h'
      FROM ir_cron
     WHERE queue_job_runner
  ORDER BY cron_name
"""
# The interval, and the priority, that nobody has changed is ours now.
OUR_RUNNERS = [
    ("Duplicate", False, 5, "minutes", 10, False),
    ("Edited", True, 2, "hours", 3, True),
    ("First", False, 5, "minutes", 1, False),
]
DONE_BY = """
    SELECT DISTINCT cron_name
      FROM queue_job JOIN ir_cron ON ir_cron.id = runner_id
     WHERE state = 'done'
"""


class TestFromOca(OcaCase):
    """A database with OCA's addon of 18.0, updated with the code of ours."""

    template = BASE

    def prepare_database(self):
        self.load_oca("--init", OURS, DEMO)
        self.oca("shell", script=OLD_STATE)
        self.odoo(*ALONE, "--update", OURS)

    def test_everything_runs(self):
        self.assertEqual(self.query(RUNNERS), OUR_RUNNERS)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        done = {"pending", "eta passed", "started", "first", "second"}

        def all_done():
            return {token for token, _pid in self.ledger()} == done

        self.wait(server, all_done, "the jobs are done")
        self.assertOnceEach(done)
        self.assertEqual(self.query(DONE_BY), [("Edited",)])
        self.assertEqual(self.job("tomorrow")["state"], "pending")
        self.assertEqual(self.job("failed")["state"], "failed")
        server.stop()
        self.assertNoErrorIn(server)
        self.assertLaterMigrationsChangeNothing()
        self.assertEqual(self.schema(), self.schema_of_an_installation())

    def assertLaterMigrationsChangeNothing(self):
        with self.transaction() as env:
            runners = env["ir.cron"]._queue_job_runners()
            runners.write(
                {"interval_number": 1, "interval_type": "days", "priority": 5}
            )
        edited = self.query(RUNNERS)
        script = f"{get_module_path(OURS)}/migrations/0.0.0/pre-migrate.py"
        with self.registry.cursor() as cr:
            exec_script(cr, "19.0.2.1.0", script, OURS, "pre")
        self.assertEqual(self.query(RUNNERS), edited)

    def schema(self):
        with closing(db_connect(self.database).cursor()) as cr:
            return read(cr, SCHEMA)

    def schema_of_an_installation(self):
        self.template = TEMPLATE
        self.make_database()
        return self.schema()
