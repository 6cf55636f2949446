# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import os
from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.queue_job.job import PENDING

from ..runner.claim import BEGIN_CLAIM, HELD_JOB, NEXT_JOB, START_JOB
from ..runner.run import JobHeld, RegularRunnerActive, Run


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

    _next_job_idx = models.Index("(priority, date_created, id) WHERE state = 'pending'")

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

        Now for the jobs that may start, at its eta for each of the others.
        """
        now = fields.Datetime.now()
        etas = {
            max(_whole_second(job.eta), now) if job.eta else now
            for job in self.sudo()
            if job.state == PENDING
        }
        if etas:
            self._cron_trigger(at=sorted(etas))

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

    @api.model
    def _acquire_one_job(self):
        """Return the next job that may start, its row locked for update.

        By priority, then the oldest, then the smallest id. An empty recordset
        if there is none.

        :raises psycopg2.errors.SerializationFailure: the job has been changed
            since this transaction's first query.
        """
        self.flush_model()
        self.env.cr.execute(NEXT_JOB, log_exceptions=False)
        return self.browse(self.env.cr.fetchone())

    @api.model
    def _claim_one_job(self, first):
        """Make the next job that may start this run's own, and commit that.

        Everyone sees it as started from then on. Called on a clean cursor: the
        claim is right only if nothing has taken a snapshot before its lock.

        :param first: it is the first of this run: progress in Odoo's eyes, or
            killed runs would be taken for timeouts without any.
        :return: the job, or an empty recordset if none may start.
        :raises JobHeld, RegularRunnerActive: there is none to be had now.
        :raises psycopg2.Error: a conflict; roll back and try again.
        """
        cr = self.env.cr
        cr.execute(BEGIN_CLAIM, log_exceptions=False)
        if not cr.fetchone()[0]:
            raise RegularRunnerActive
        job = self._acquire_one_job()
        if not job:
            cr.execute(HELD_JOB)
            if cr.fetchone()[0]:
                raise JobHeld
            return job
        job._start()
        if first:
            self.env["ir.cron"]._commit_progress(1, remaining=0)
        else:
            cr.commit()  # pylint: disable=invalid-commit
        return job

    def _start(self):
        """Set the job to started by this process and give it its lock's row."""
        self.flush_recordset()
        self.env.cr.execute(
            START_JOB,
            {
                "id": self.id,
                "pid": os.getpid(),
                "runner": self.env.context.get("cron_id"),
            },
        )
        self.invalidate_recordset()


def _whole_second(moment):
    """Round up: Odoo clears a cron's triggers by whole seconds, and runs it
    twice for a fraction."""
    return moment + timedelta(microseconds=-moment.microsecond % 1_000_000)
