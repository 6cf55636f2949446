# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What is told of jobs of dead workers, and the release of jobs left waiting."""

import logging

from psycopg2.extensions import TransactionRollbackError

from odoo import fields, models

from odoo.addons.queue_job.exception import FailedJobError
from odoo.addons.queue_job.job import CANCELLED, PENDING

from ..runner.rescue import stranded
from ..runner.transaction import commit_then_run_hooks

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

    def _dead_message(self, dead):
        """Return what has happened to a job that nobody works on.

        :param dead: a :class:`~..runner.rescue.Dead`
        """
        if not dead.was_started:
            return self.env._("The regular runner had enqueued it and left it there.")
        return self.env._(
            "The process that ran this job (%(pid)s) was killed, crashed or ran into "
            "its time or memory limit, at most %(seconds)d s after the job's start. "
            "It was try %(tries)s of %(max)s.",
            pid=dead.pid,
            seconds=dead.seconds,
            tries=dead.retry,
            max=dead.max_retries or "∞",
        )

    def _after_death(self, message):
        """Tell followers that this job has failed, then its *on fail* method; or who
        has stopped it, if it is cancelled.

        Its end is committed by now: what goes wrong here is logged. Committed here.
        """
        cr = self.env.cr
        try:
            cr.rollback()
            if self.state == CANCELLED:
                self._after_stop()
                commit_then_run_hooks(cr)
                return
            self._message_post_on_failure()
            commit_then_run_hooks(cr)
            functions = self.env["queue.job.function"]
            config = functions.job_config(self.channel_method_name)
            if not config.on_fail_method_name:
                return
            values = dict.fromkeys(("exc_message", "exc_info"), message)
            self._call_on_fail(
                self._load(), {"exc_name": "JobFoundDead", **values}, commit=True
            )
        except FailedJobError as error:
            _logger.info("Nobody is told that job %s has failed: %s", self.id, error)
        except Exception:
            _logger.exception("Telling that job %s has failed", self.id)
            self._undo()

    def _release_stranded(self):
        """Release the jobs whose dependencies are all done. Committed here."""
        cr = self.env.cr
        try:
            cr.rollback()
            jobs = self.browse(stranded(cr))
            for job in jobs:
                _logger.warning("Job %s was left waiting by its dependencies", job.uuid)
            jobs.write({"state": PENDING})
            commit_then_run_hooks(cr)
        except TransactionRollbackError:
            self._undo()  # the next rescue looks again
        except Exception:
            _logger.exception("Waiting jobs could not be looked after")
            self._undo()
