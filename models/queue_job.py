# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
import random
import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from odoo.addons.queue_job.job import PENDING

_logger = logging.getLogger(__name__)

ACQUIRE_TRIES = 10

# SKIP LOCKED passes over the jobs of other runners. A job that another runner
# has changed since our snapshot raises a serialization failure instead: the
# caller rolls back and looks again.
NEXT_JOB = """
    SELECT id
      FROM queue_job
     WHERE state = 'pending'
       AND (eta IS NULL OR eta <= clock_timestamp() AT TIME ZONE 'UTC')
     ORDER BY priority, date_created, id
     LIMIT 1
       FOR NO KEY UPDATE SKIP LOCKED
"""


class QueueJob(models.Model):
    _inherit = "queue.job"

    @api.model_create_multi
    @api.private
    def create(self, vals_list):
        jobs = super().create(vals_list)
        jobs._ensure_cron_trigger()
        return jobs

    def write(self, vals):
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

        :param commit: commit each job. Without it everything happens in the
            caller's transaction, as tests want it.
        """
        acquire = self._acquire_and_retry if commit else self._acquire_one_job
        while job := acquire():
            job._process(commit=commit)

    @api.model
    def _acquire_one_job(self):
        """Return the next job that may start, its row locked for update.

        By priority, then the oldest, then the smallest id. An empty recordset
        if there is none.

        :raises psycopg2.errors.SerializationFailure: another runner has just
            taken the job; roll back and try again.
        """
        self.flush_model()
        self.env.cr.execute(NEXT_JOB, log_exceptions=False)
        return self.browse(self.env.cr.fetchone())

    @api.model
    def _acquire_and_retry(self):
        """Return the next job as ``_acquire_one_job``, in a transaction of its own.

        After too many conflicts the runners are triggered again, for somebody
        takes jobs all the time, and the recordset is empty.
        """
        for attempt in range(ACQUIRE_TRIES):
            try:
                return self._acquire_one_job()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                self.env.cr.rollback()
                _logger.debug("the next job was taken by another runner")
                time.sleep(random.uniform(0, 0.001 * 2**attempt))
        self._cron_trigger()
        return self.browse()


def _whole_second(moment):
    """Round up: Odoo clears a cron's triggers by whole seconds, and runs it
    twice for a fraction."""
    return moment + timedelta(microseconds=-moment.microsecond % 1_000_000)
