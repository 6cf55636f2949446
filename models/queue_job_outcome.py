# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What becomes of a job that was performed, as with the regular runner
(``queue_job/controllers/main.py``): retries, failures, dependents."""

import logging
import random
import time
import traceback

from psycopg2 import OperationalError
from psycopg2.errors import InvalidSavepointSpecification, NoActiveSqlTransaction

from odoo import models
from odoo.service.model import (
    PG_CONCURRENCY_ERRORS_TO_RETRY,
    PG_CONCURRENCY_EXCEPTIONS_TO_RETRY,
)

from odoo.addons.queue_job.controllers.main import PG_RETRY, RunJobController
from odoo.addons.queue_job.exception import FailedJobError, RetryableJobError
from odoo.addons.queue_job.job import FAILED

from ..runner.transaction import forbid_rollback

_logger = logging.getLogger(__name__)

# The last resort when a failure can't be stored by the ORM (a text with a NUL
# character, a broken hook): without it the job would be tried for ever.
STORE_FAILURE = """
    UPDATE queue_job
       SET state = 'failed',
           date_failed = now() AT TIME ZONE 'UTC',
           exc_name = %(exc_name)s,
           exc_message = %(exc_message)s,
           exc_info = %(exc_info)s
     WHERE id = %(id)s
"""

# Parents that finish together release the same jobs: the second one waits here,
# and looks again when the first one has committed.
LOCK_DEPENDENTS = """
    SELECT id
      FROM queue_job
     WHERE uuid IN %s
       AND state = 'wait_dependencies'
     ORDER BY id
       FOR NO KEY UPDATE
"""
RELEASE_TRIES = 8


class QueueJob(models.Model):
    _inherit = "queue.job"

    def _store_error(self, error, job):
        """Postpone or fail the job for what it has raised.

        :param job: the :class:`Job`, or None if it could not be loaded.
        :raises psycopg2.Error: a conflict; roll back and try again.
        """
        if isinstance(error, InvalidSavepointSpecification | NoActiveSqlTransaction):
            ended = FailedJobError(
                self.env._(
                    "The job has ended its transaction by a commit or a rollback. "
                    'Jobs that need to do so have "Allow Commit" set on their '
                    "job function."
                )
            )
            ended.__cause__ = error
            error = ended
        try:
            if isinstance(error, RetryableJobError):
                self._postpone(job, str(error), error.seconds)
                return
            conflict = getattr(error, "pgcode", None) in PG_CONCURRENCY_ERRORS_TO_RETRY
            if isinstance(error, OperationalError) and conflict:
                self._postpone(job, error.pgerror, PG_RETRY)
                return
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as not_postponed:
            error = not_postponed
        self._fail(error, job)

    def _postpone(self, job, message, seconds):
        """Set the job back to pending, to be tried again in ``seconds``.

        Without seconds the job function's retry pattern decides.
        """
        with self.env.cr.savepoint():
            job.date_done = None
            job.postpone(result=message, seconds=seconds)
            job.set_pending(reset_retry=False)
            job.store()

    def _fail(self, error, job):
        """Log the error and end the job as failed."""
        trace = "".join(traceback.format_exception(error))
        _logger.error("Job %s failed\n%s", self.uuid, trace)
        self._end_failed(RunJobController._get_failure_values(job, trace, error), job)

    def _end_failed(self, values, job):
        """Store the failure, then call the job function's *on fail* method.

        The failure is stored in any case; what else goes wrong is logged.

        :param values: ``exc_name``, ``exc_message`` and ``exc_info``
        :raises psycopg2.Error: a conflict; roll back and try again.
        """
        self._store_failure(values, job)
        if not job:
            return
        try:
            with forbid_rollback(self.env.cr), self.env.cr.savepoint():
                job.on_fail(values)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:
            _logger.exception("The on fail method of job %s failed", self.uuid)

    def _store_failure(self, values, job):
        try:
            with self.env.cr.savepoint():
                if job:
                    job.date_done = None
                    job.set_failed(**values)
                    job.store()
                else:
                    self.write({"state": FAILED, **values})
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:
            _logger.exception("Failure of job %s stored without the ORM", self.uuid)
            texts = {key: str(val).replace("\0", "") for key, val in values.items()}
            self.env.cr.execute(STORE_FAILURE, {"id": self.id, **texts})
            self.invalidate_recordset()

    def _release_dependents(self, job, commit):
        """Set the jobs that waited for nothing but this one to pending.

        In a transaction after the job's own, so that of two parents that finish
        together the later one sees both done.
        """
        if not commit:
            RunJobController._enqueue_dependent_jobs(self.env, job)
            return
        if not job.should_check_dependents():
            return
        cr = self.env.cr
        for attempt in range(1, RELEASE_TRIES + 1):
            try:
                cr.rollback()
                uuids = tuple(self.dependencies["reverse_depends_on"])
                cr.execute(LOCK_DEPENDENTS, [uuids], log_exceptions=False)
                job.enqueue_waiting()
                cr.commit()  # pylint: disable=invalid-commit
                return
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                time.sleep(random.uniform(0, 0.01 * 2**attempt))
            except Exception:
                _logger.exception("Dependents of %s could not be released", job)
                break
        _logger.warning("Dependents of %s are left to the rescue", job)
