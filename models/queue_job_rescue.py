# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging

from odoo import SUPERUSER_ID, api, fields, models

from odoo.addons.queue_job.exception import FailedJobError
from odoo.addons.queue_job.job import ENQUEUED, PENDING

from ..runner.regular import IS_AWAY
from ..runner.rescue import (
    DEAD_JOBS,
    FORGET_LOCKS,
    LAST_SWEEP,
    REQUEUE,
    STORE_SWEEP,
    SWEEP_BATCH,
    WAITING_JOBS,
)

_logger = logging.getLogger(__name__)


class QueueJob(models.Model):
    _inherit = "queue.job"

    date_rescued = fields.Datetime(
        string="Rescued",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="When the process of this job was last found dead.",
    )
    rescue_message = fields.Char(string="Rescue", readonly=True, copy=False)

    _rescue_idx = models.Index("(id) WHERE state IN ('started', 'enqueued')")
    _stranded_idx = models.Index("(id) WHERE state = 'wait_dependencies'")

    @api.model
    def _rescue_jobs(self):
        """Give jobs of dead workers and stranded dependents another chance.

        Each in a transaction of its own, committed here. Nothing is done while
        the regular runner is in charge: it has a rescue of its own.

        :raises psycopg2.Error: a conflict; the next rescue will do.
        """
        jobs = self.with_env(api.Environment(self.env.cr, SUPERUSER_ID, {}))
        for rescue in (jobs._rescue_dead, jobs._rescue_stranded):
            self.env.cr.execute(IS_AWAY, log_exceptions=False)
            if self.env.cr.fetchone()[0]:
                rescue()
                self.env.cr.commit()  # pylint: disable=invalid-commit

    def _rescue_dead(self):
        """Set the jobs nobody works on to pending, or failed if that was the last try.

        A job that was started has used up one try; one that the regular runner
        had only enqueued has not.
        """
        cr = self.env.cr
        cr.execute(DEAD_JOBS, log_exceptions=False)
        dead = self.browse(row[0] for row in cr.fetchall())
        if not dead:
            return
        cr.execute(FORGET_LOCKS, [dead._ids])
        last_try = dead.filtered(
            lambda job: job.state != ENQUEUED and 0 < job.max_retries <= job.retry + 1
        )
        for job in dead:
            _logger.warning(
                "Job %s %s found dead (%s, process %s): %s",
                job.uuid,
                job.channel_method_name,
                job.state,
                job.worker_pid or "unknown",
                "failed" if job in last_try else "pending again",
            )
        if again := dead - last_try:
            messages = [job._dead_message() for job in again]
            cr.execute(REQUEUE, {"ids": again.ids, "messages": messages})
        for job in last_try:
            job._fail_dead()

    def _fail_dead(self):
        """Fail the job through the ORM, so that followers and *on fail* are told."""
        message = self._dead_message()
        self.write(
            {
                "retry": self.retry + 1,
                "date_rescued": fields.Datetime.now(),
                "rescue_message": message,
            }
        )
        try:
            job = self._load()
        except FailedJobError:
            job = None
        values = {"exc_name": "JobFoundDead", "exc_message": message}
        self._end_failed({**values, "exc_info": message}, job)

    def _dead_message(self):
        """Return what has happened to a job that nobody works on."""
        if self.state == ENQUEUED:
            return self.env._("The regular runner had enqueued it and left it there.")
        now = fields.Datetime.now()
        return self.env._(
            "The process that ran this job (%(pid)s) was killed, crashed or ran into "
            "its time or memory limit, at most %(seconds)d s after the job's start. "
            "It was try %(tries)s of %(max)s.",
            pid=self.worker_pid,
            seconds=(now - (self.date_started or now)).total_seconds(),
            tries=self.retry + 1,
            max=self.max_retries or "∞",
        )

    def _rescue_stranded(self):
        """Release the jobs whose dependencies are all done.

        Their last parent's process died before it could. A batch of the waiting
        jobs is looked at each time, in turn.
        """
        cr = self.env.cr
        cr.execute(LAST_SWEEP, log_exceptions=False)
        if not (position := cr.fetchone()):
            return
        cr.execute(WAITING_JOBS, position)
        waiting = cr.fetchall()
        cr.execute(STORE_SWEEP, [waiting[-1][0] if len(waiting) == SWEEP_BATCH else 0])
        stranded = self.browse(job_id for job_id, is_stranded in waiting if is_stranded)
        for job in stranded:
            _logger.warning("Job %s was left waiting by its dependencies", job.uuid)
        stranded.write({"state": PENDING})
