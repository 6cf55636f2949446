# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from collections import namedtuple

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError

from odoo.addons.queue_job.models.queue_job_function import QueueJobFunction as Base


class QueueJobFunction(models.Model):
    _inherit = "queue.job.function"

    JobConfig = namedtuple(
        "JobConfig", (*Base.JobConfig._fields, "time_limit"), defaults=[0]
    )

    time_limit = fields.Integer(
        string="Time Limit (s)",
        help="A job that takes longer is interrupted, undone, and tried again; or it "
        "fails, if that was its last try. 0: no limit.",
    )

    @api.constrains("time_limit")
    def _check_time_limit(self):
        if any(function.time_limit < 0 for function in self):
            raise ValidationError(
                self.env._("A job's time limit can't be negative. 0 is no limit.")
            )

    @tools.ormcache("name")
    def job_config(self, name):
        config = super().job_config(name)
        function = self.browse(config.job_function_id)
        return config._replace(time_limit=function.time_limit)
