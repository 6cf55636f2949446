# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Performing one job and storing what came of it, as the regular runner does
(``queue_job/controllers/main.py``)."""

import logging
import time
import traceback

from psycopg2 import OperationalError

from odoo import SUPERUSER_ID, api, models
from odoo.service.model import PG_CONCURRENCY_ERRORS_TO_RETRY, retrying

from odoo.addons.queue_job.controllers.main import (
    PG_RETRY,
    RunJobController,
    _prevent_commit,
)
from odoo.addons.queue_job.exception import FailedJobError, RetryableJobError
from odoo.addons.queue_job.job import DONE, FAILED, Job

_logger = logging.getLogger(__name__)

# The last resort when a failure can't be stored by the ORM (a text with a NUL
# character, a broken hook): without it the job would be tried for ever.
STORE_FAILURE = """
    UPDATE queue_job
       SET state = 'failed',
           exc_name = %(exc_name)s,
           exc_message = %(exc_message)s,
           exc_info = %(exc_info)s
     WHERE id = %(id)s
"""


class QueueJob(models.Model):
    _inherit = "queue.job"

    def _process(self, commit=False):
        """Perform this job and store what came of it.

        The job ends done, failed or postponed; what it raises ends here. When
        it is done, the jobs that waited for it are released.

        :param commit: commit the job with its effects, then its dependents.
            Without it everything stays in the caller's transaction.
        """
        self.ensure_one()
        # Superuser and an empty context, as in the regular runner: what Odoo
        # puts into a cron's context would change what the job does.
        record = self.with_env(api.Environment(self.env.cr, SUPERUSER_ID, {}))
        label = f"{record.uuid} {record.channel_method_name} in {record.channel}"
        retry = record.retry
        start = time.monotonic()
        with _prevent_commit(self.env.cr):
            job = record._perform()
        _logger.info(
            "Job %s: %s, try %s, %.3f s",
            label,
            job.state if job else FAILED,
            job.retry if job else retry,
            time.monotonic() - start,
        )
        if commit:
            self.env["ir.cron"]._commit_progress(1, remaining=0)
        if job and job.state == DONE:
            record._release_dependents(job, commit)

    def _perform(self):
        """Perform the job within a savepoint and store its outcome.

        :return: the :class:`Job`, or None if it could not be loaded.
        """
        job = None
        try:
            try:
                with self.env.cr.savepoint():
                    job = self._load()
                    job.set_started()
                    job.store()
                    job.perform()
                    # before the end is noted: the stored computed fields are
                    # part of the job's execution time
                    self.env.cr.flush()
                    job.set_done()
                    job.store()
            except RetryableJobError as error:
                self._postpone(job, str(error), error.seconds)
            except OperationalError as error:
                if error.pgcode not in PG_CONCURRENCY_ERRORS_TO_RETRY:
                    raise
                self._postpone(job, error.pgerror, PG_RETRY)
        except Exception as error:
            self._fail(error, job)
        return job

    def _load(self):
        """Return the :class:`Job` of this record.

        :raises FailedJobError: the job's model or method is gone, or its
            records or arguments can't be decoded.
        """
        model = self.env.get(self.model_name)
        if model is None:
            raise FailedJobError(
                self.env._("The job's model does not exist: %s", self.model_name)
            )
        if not callable(getattr(model, self.method_name or "", None)):
            raise FailedJobError(
                self.env._(
                    "The job's method does not exist: %(method)s of model %(model)s",
                    method=self.method_name,
                    model=self.model_name,
                )
            )
        try:
            return Job._load_from_db_record(self)
        except Exception as error:
            raise FailedJobError(
                self.env._("The job can't be loaded: %r", error)
            ) from error

    def _postpone(self, job, message, seconds):
        """Set the job back to pending, to be tried again in ``seconds``.

        Without seconds the job function's retry pattern decides.
        """
        with self.env.cr.savepoint():
            job.postpone(result=message, seconds=seconds)
            job.set_pending(reset_retry=False)
            job.store()

    def _fail(self, error, job):
        """Log and store the failure, then call the job function's *on fail* method.

        The failure is stored in any case; what else goes wrong is logged.
        """
        trace = "".join(traceback.format_exception(error))
        _logger.error("Job %s failed\n%s", self.uuid, trace)
        values = RunJobController._get_failure_values(job, trace, error)
        try:
            with self.env.cr.savepoint():
                if job:
                    job.set_failed(**values)
                    job.store()
                else:
                    self.write({"state": FAILED, **values})
        except Exception:
            _logger.exception("Failure of job %s stored without the ORM", self.uuid)
            texts = {key: str(val).replace("\0", "") for key, val in values.items()}
            self.env.cr.execute(STORE_FAILURE, {"id": self.id, **texts})
            self.invalidate_recordset()
        if not job:
            return
        try:
            with self.env.cr.savepoint():
                job.on_fail(values)
        except Exception:
            _logger.exception("The on fail method of job %s failed", self.uuid)

    def _release_dependents(self, job, commit):
        """Set the jobs that waited for nothing but this one to pending.

        In a transaction after the job's own, so that of two parents that finish
        together the later one sees both done.
        """
        if not commit:
            RunJobController._enqueue_dependent_jobs(self.env, job)
        elif job.should_check_dependents():
            try:
                retrying(job.enqueue_waiting, self.env)
            except Exception:
                self.env.cr.rollback()
                _logger.exception("Dependents of job %s not released", self.uuid)
