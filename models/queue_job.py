# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.queue_job.job import PENDING

from ..runner.run import Run


class QueueJob(models.Model):
    _inherit = "queue.job"

    runner_id = fields.Many2one(
        "ir.cron",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The runner that has started the job.",
    )

    @api.model_create_multi
    @api.private
    def create(self, vals_list):
        jobs = super().create(vals_list)
        jobs._ensure_cron_trigger()
        return jobs

    def write(self, vals):
        if vals.get("state") == PENDING:
            vals = {"runner_id": False, **vals}
        result = super().write(vals)
        if "state" in vals or "eta" in vals:
            self._ensure_cron_trigger()
        return result

    def _ensure_cron_trigger(self):
        """Wake the runners for those of these jobs that are pending.

        Now for the jobs that may start, at its eta for each of the others; once in
        a transaction, however many jobs it has.
        """
        now = fields.Datetime.now()
        etas = {
            max(_whole_second(job.eta), now) if job.eta else now
            for job in self.sudo()
            if job.state == PENDING
        }
        if etas:
            self.env["ir.cron"]._wake_all(etas)

    @api.model
    def _cron_trigger(self, at=None):
        """Trigger every active runner.

        Odoo runs a cron once at a time: only several crons work in parallel,
        so each of them is triggered.

        :param at: a datetime or several, as for ``ir.cron._trigger``; by
            default as soon as possible.
        """
        for runner in self.env["ir.cron"]._queue_job_runners():
            runner._trigger(at=at)

    @api.model
    def _job_runner(self, commit=True):
        """Process jobs until nothing may start: the code of a runner's cron.

        :param commit: claim, perform and finish each job in transactions of its
            own, for as long as the process has time (see :class:`Run`). Without
            it everything happens in the caller's transaction, as tests want it.
        """
        if commit:
            Run(self.env).work()
            return
        while job := self._acquire_one_job():
            job._process()


def _whole_second(moment):
    """Round up: Odoo clears a cron's triggers by whole seconds, and runs it
    twice for a fraction."""
    return moment + timedelta(microseconds=-moment.microsecond % 1_000_000)
