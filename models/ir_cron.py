# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models


class IrCron(models.Model):
    _inherit = "ir.cron"

    queue_job_runner = fields.Boolean(
        help="If checked, this scheduled action runs jobs of the job queue: it is "
        "woken up whenever jobs are waiting. Duplicate it to run jobs in parallel.",
    )

    @api.model
    def _queue_job_runners(self):
        """Return the active runners, as superuser: enqueueing needs no right on crons.

        The flag is asked for explicitly, since a caller's ``active_test=False``
        would bring the inactive ones too.
        """
        return self.sudo().search(
            [("queue_job_runner", "=", True), ("active", "=", True)]
        )
