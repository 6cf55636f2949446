# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.http import request

from odoo.addons.queue_job.job import FAILED, PENDING

from ..runner.run import Run


class QueueJob(models.Model):
    _inherit = "queue.job"

    runner_id = fields.Many2one(
        "ir.cron",
        readonly=True,
        copy=False,
        ondelete="set null",
        help="The runner that has started the job.",
    )
    # to search with: who has no right on scheduled actions can't search by runner_id
    runner_name = fields.Char(string="Runner Name", related="runner_id.cron_name")
    date_failed = fields.Datetime(readonly=True, copy=False)

    _runner_idx = models.Index(
        "(runner_id, date_created DESC, date_done DESC) WHERE runner_id IS NOT NULL"
    )
    _runner_done_idx = models.Index("(runner_id, date_done) WHERE state = 'done'")
    _runner_failed_idx = models.Index("(runner_id, date_failed) WHERE state = 'failed'")

    @api.model_create_multi
    @api.private
    def create(self, vals_list):
        jobs = super().create(vals_list)
        jobs._ensure_cron_trigger()
        return jobs

    def write(self, vals):
        if vals.get("state") == PENDING:
            vals = {"runner_id": False, **vals}
        if "state" in vals:
            failed = vals["state"] == FAILED
            vals = {"date_failed": failed and fields.Datetime.now(), **vals}
        result = super().write(vals)
        if "state" in vals or "eta" in vals:
            self._ensure_cron_trigger()
        return result

    def _ensure_cron_trigger(self):
        """Wake a runner for those of these jobs that are pending.

        At the time of the first of them: now, or its eta. The runner wakes others,
        and is there in time for the later ones.
        """
        now = fields.Datetime.now()
        times = [job.eta or now for job in self.sudo() if job.state == PENDING]
        if times:
            # Odoo clears a cron's triggers by whole seconds, and would run it twice
            # for a fraction; the run waits for what is left of its second
            self.env["ir.cron"]._wake(max(min(times).replace(microsecond=0), now))

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
        :raises AccessError: who may write jobs may run the server action of a runner
            by RPC, as Odoo sees it: only administrators, and cron workers.
        """
        if commit:
            is_admin = self.env.su or self.env.user.has_group("base.group_system")
            if request and not is_admin:
                raise AccessError(self.env._("Runners run in cron workers."))
            Run(self.env).work()
            return
        while job := self._acquire_one_job():
            job._process()
