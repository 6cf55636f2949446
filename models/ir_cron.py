# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models

from .queue_job_runner import STATES


class IrCron(models.Model):
    _inherit = "ir.cron"

    queue_job_runner = fields.Boolean(
        help="If checked, this scheduled action runs jobs of the job queue: it is "
        "woken up whenever jobs are waiting. Duplicate it to run jobs in parallel.",
    )

    queue_job_runner_state = fields.Selection(
        STATES,
        string="Runner State",
        compute="_compute_queue_job_runner_state",
    )

    @api.depends("queue_job_runner", "active")
    def _compute_queue_job_runner_state(self):
        runners = self.env["queue.job.runner"].sudo().with_context(active_test=False)
        runners.invalidate_model()
        runners = runners.search_fetch([("id", "in", self.ids)], ["state"])
        states = {runner.id: runner.state for runner in runners}
        for cron in self:
            cron.queue_job_runner_state = states.get(cron.id, False)

    @api.model
    def _queue_job_runners(self):
        """Return the active runners, as superuser: to trigger them needs no right.

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
