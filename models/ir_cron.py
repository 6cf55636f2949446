# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models

from odoo.addons.queue_job.job import STARTED

from ..runner.regular import IS_ACTIVE


class IrCron(models.Model):
    _inherit = "ir.cron"

    queue_job_runner = fields.Boolean(
        help="If checked, this scheduled action runs jobs of the job queue: it is "
        "woken up whenever jobs are waiting. Duplicate it to run jobs in parallel.",
    )

    queue_job_runner_state = fields.Selection(
        [
            ("off", "Off"),
            ("standing_aside", "Standing aside for the regular runner"),
            ("working", "Working on a job"),
            ("idle", "Idle"),
        ],
        string="Runner State",
        compute="_compute_queue_job_runner_state",
    )

    @api.depends("queue_job_runner", "active")
    def _compute_queue_job_runner_state(self):
        jobs = self.env["queue.job"].sudo()
        jobs = jobs.search([("runner_id", "in", self.ids), ("state", "=", STARTED)])
        self.env.cr.execute(IS_ACTIVE)
        aside = self.env.cr.fetchone()[0]
        for cron in self:
            if not cron.queue_job_runner:
                cron.queue_job_runner_state = False
            elif cron in jobs.runner_id:
                cron.queue_job_runner_state = "working"
            elif not cron.active:
                cron.queue_job_runner_state = "off"
            else:
                cron.queue_job_runner_state = "standing_aside" if aside else "idle"

    @api.model
    def _queue_job_runners(self):
        """Return the active runners, as superuser: enqueueing needs no right on crons.

        The flag is asked for explicitly, since a caller's ``active_test=False``
        would bring the inactive ones too.
        """
        return self.sudo().search(
            [("queue_job_runner", "=", True), ("active", "=", True)]
        )

    @api.model
    def _trigger_running_cron(self):
        """Trigger the cron that runs in this context, if it is one, and commit."""
        if cron_id := self.env.context.get("cron_id"):
            self.browse(cron_id)._trigger()
            self.env.cr.commit()  # pylint: disable=invalid-commit

    @api.model
    def _report_progress(self, jobs):
        """Tell Odoo that the cron of this context has done so many jobs, and commit.

        Nothing ever remains in its eyes: it would call the cron again and again.
        """
        self._commit_progress(jobs, remaining=0)
