# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Beside other addons: queue_job_cron."""

from odoo.tools import config

from .common.odoo_command import ALONE, OdooCommand
from .common.server_case import ServerCase

# What matters of OCA's addon.
MANIFEST = """
{
    "name": "Stands in",
    "author": "Test",
    "license": "AGPL-3",
    "depends": ["queue_job_cron_jobrunner"],
}
"""
FIELD = """
from odoo import fields, models

class IrCron(models.Model):
    _inherit = "ir.cron"

    run_as_queue_job = fields.Boolean()
"""
SCRIPT = """
from odoo.exceptions import UserError

crons = env["ir.cron"]
runner = env.ref("queue_job_cron_jobrunner.queue_job_cron")
other = crons.search([("queue_job_runner", "=", False)], limit=1)
other.run_as_queue_job = True
for make in (
    lambda: runner.write({"run_as_queue_job": True}),
    lambda: other.write({"queue_job_runner": True}),
    lambda: runner.copy({"run_as_queue_job": True}),
):
    try:
        make()
    except UserError as error:
        assert "can't be run as a job" in str(error), error
    else:
        raise AssertionError("not refused")
"""


class TestQueueJobCron(OdooCommand, ServerCase):
    """OCA's queue_job_cron lets scheduled actions run as jobs, but no runner."""

    def test_a_runner_is_no_job(self):
        addon = self.folder / "addons" / "queue_job_cron"
        addon.mkdir(parents=True)
        (addon / "__manifest__.py").write_text(MANIFEST)
        (addon / "__init__.py").write_text(FIELD)
        path = "--addons-path=" + ",".join([*config["addons_path"], str(addon.parent)])
        self.odoo(*ALONE, "--init=queue_job_cron", path)
        self.odoo("shell", "--no-http", path, script=SCRIPT)
