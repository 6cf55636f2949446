# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What becomes of a job that was performed, as with the regular runner
(``queue_job/controllers/main.py``): retries, failures, dependents."""

import logging
import random
import time
import traceback
from datetime import timedelta

from psycopg2 import OperationalError
from psycopg2.errors import (
    InvalidSavepointSpecification,
    LockNotAvailable,
    NoActiveSqlTransaction,
)

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import ConcurrencyError, LockError, MissingError
from odoo.service.model import (
    PG_CONCURRENCY_ERRORS_TO_RETRY,
    PG_CONCURRENCY_EXCEPTIONS_TO_RETRY,
)

from odoo.addons.queue_job.controllers.main import PG_RETRY, RunJobController
from odoo.addons.queue_job.exception import FailedJobError, RetryableJobError
from odoo.addons.queue_job.job import (
    CANCELLED,
    DEFAULT_MAX_RETRIES,
    DONE,
    FAILED,
    PENDING,
)

from ..runner.interrupt import SERVER, STOP, Interrupted
from ..runner.look import NOW
from ..runner.transaction import (
    LIMIT_WAIT,
    commit_then_run_hooks,
    storable,
    store_outcome,
)
from .queue_job_process import NotLoadableError

_logger = logging.getLogger(__name__)

# During a deploy another process may have the code that this one lacks.
LOAD_RETRY = 8, 12  # seconds

ENDED_ITS_TRANSACTION = InvalidSavepointSpecification, NoActiveSqlTransaction

# The last resort when the ORM can't store a failure, for a broken override of write:
# without it the job would be tried for ever.
STORE_FAILURE = f"""
    UPDATE queue_job
       SET state = 'failed',
           date_failed = {NOW},
           retry = %(retry)s,
           exc_name = %(exc_name)s,
           exc_message = %(exc_message)s,
           exc_info = %(exc_info)s
     WHERE id = %(id)s
"""

# The dependents of a job that is done which wait for nothing any more, locked. Most of
# a group's wait for the same others: what the first few of these hold up need not be
# looked at one by one. Of parents that finish together the one that commits last sees
# both done.
RELEASABLE = f"""
    {LIMIT_WAIT}
    WITH dependent AS MATERIALIZED (
        SELECT json_array_elements_text(dependencies::json -> 'reverse_depends_on')
               AS uuid
          FROM queue_job
         WHERE id = %(id)s
        EXCEPT
        SELECT json_array_elements_text(dependencies::json -> 'reverse_depends_on')
          FROM (SELECT dependencies
                  FROM queue_job
                 WHERE graph_uuid = %(graph)s
                   AND state NOT IN ('done', 'wait_dependencies')
                 LIMIT 3) AS others
    )
    SELECT id
      FROM queue_job
     WHERE uuid IN (SELECT uuid FROM dependent)
       AND state = 'wait_dependencies'
       AND NOT EXISTS (
               SELECT
                 FROM json_array_elements_text(dependencies::json -> 'depends_on')
                      AS dependency (uuid)
                 JOIN queue_job AS parent ON parent.uuid = dependency.uuid
                WHERE parent.state <> 'done'
           )
     ORDER BY id
       FOR NO KEY UPDATE
"""
# Somebody has one of them locked for long: that one is left to the rescue.
RELEASABLE_NOW = f"{RELEASABLE} SKIP LOCKED"
RELEASE_TRIES = 8


class QueueJob(models.Model):
    _inherit = "queue.job"

    def _store_done(self, job, seconds):
        """Write what has changed with the end of the :class:`Job`, and flush it.

        :param seconds: since its start. The host's clock may not be PostgreSQL's.
        """
        job.set_done()
        job.date_done = job.date_started + timedelta(seconds=seconds)
        if job.result:
            job.result = storable(job.result)
        values = {
            **job._store_values_from_model(),
            "state": DONE,
            "retry": job.retry,
            "date_done": job.date_done,
            "exec_time": job.exec_time,
            "result": job.result or False,
            "exc_name": False,
            "exc_message": False,
            "exc_info": False,
        }
        try:
            self._write_outcome(values)
        except MissingError:
            job.store()  # it has deleted itself

    def _write_outcome(self, values):
        sentinel = {"_job_edit_sentinel": self.EDIT_SENTINEL}
        self.with_context(**sentinel).write(values)
        self.env.cr.flush()

    def _store_undone(self, error, job, start, commit, interruption=None):
        """Store what becomes of a job that has raised, and undo the rest.

        :param job: the :class:`Job`, or None if it could not be loaded
        :param interruption: the :class:`~..runner.interrupt.Interruption`, if it was
            asked to end
        :return: the state, and which try it was
        """
        if commit and isinstance(error, ENDED_ITS_TRANSACTION):
            self._undo()
        if interruption:
            trace = "".join(traceback.format_exception(error))
            values = self._interrupted(interruption, trace)
        else:
            values = self._outcome(error, job)

        def store(cr, now):
            record = self.with_env(api.Environment(cr, SUPERUSER_ID, {}))
            record._write_undone(values, now)

        if commit:
            apart = not isinstance(error, ENDED_ITS_TRANSACTION)
            is_ours = store_outcome(self.env.cr, self.id, start, store, apart)
            self._undo()
        else:
            is_ours = True
            store(self.env.cr, fields.Datetime.now())
        if is_ours and values["state"] == FAILED:
            self._call_on_fail(job, values, commit)
        return values["state"], values["retry"]

    def _outcome(self, error, job):
        """Decide for every kind of error whether the job is tried again, or has failed.

        :return: the values to write; ``seconds``, if it is tried again
        """
        try:
            again = self._again(error, job)
        except Exception as not_again:
            again, error = None, not_again
        retry = job.retry if job else self.retry + 1
        if again:
            seconds, reason = again
            return {
                "state": PENDING,
                "seconds": seconds,
                "retry": retry,
                "result": storable(reason),
            }
        if isinstance(error, ENDED_ITS_TRANSACTION):
            ended = FailedJobError(
                self.env._(
                    "The job has ended its transaction by a commit or a rollback. "
                    'Jobs that need to do so have "Allow Commit" set on their '
                    "job function."
                )
            )
            ended.__cause__ = error
            error = ended
        trace = storable("".join(traceback.format_exception(error)))
        _logger.error("Job %s failed\n%s", job.uuid if job else self.uuid, trace)
        failure = RunJobController._get_failure_values(job, trace, error)
        failure = {name: storable(value) for name, value in failure.items()}
        return {"state": FAILED, "retry": retry, **failure}

    def _interrupted(self, interruption, trace):
        """Decide what becomes of a job that was interrupted. A limit uses up a try, as
        a kill does.

        :param trace: where
        :return: the values to write
        """
        message = storable(self._interruption_message(interruption))
        trace = storable(trace)
        _logger.warning("Job %s %s\n%s", self.uuid, message, trace)
        if interruption.kind == SERVER:
            return {"state": PENDING, "retry": self.retry, "result": message}
        retry = self.retry + 1
        values = {
            "retry": retry,
            "exc_name": Interrupted.__name__,
            "exc_message": message,
            "exc_info": f"{trace}\n{message}",
        }
        if interruption.kind == STOP:
            return {**values, "state": CANCELLED, "result": message}
        is_last = 0 < self.max_retries <= retry
        return {**values, "state": FAILED if is_last else PENDING}

    def _again(self, error, job):
        """Return in how many seconds the job is tried again and why, None if it failed.

        :raises FailedJobError: that was the last try
        """
        if isinstance(error, RetryableJobError):  # perform() counts
            return self._retry_seconds(error, job), error
        if isinstance(error, NotLoadableError):
            if self.retry + 1 >= (self.max_retries or DEFAULT_MAX_RETRIES):
                return None
            return random.uniform(*LOAD_RETRY), error
        is_conflict = isinstance(error, ConcurrencyError | LockError) or (
            isinstance(error, OperationalError)
            and error.pgcode in PG_CONCURRENCY_ERRORS_TO_RETRY
        )
        if not is_conflict:
            return None
        retry = job.retry if job else self.retry + 1
        if 0 < self.max_retries <= retry:
            raise FailedJobError(
                f"Max. retries ({self.max_retries}) reached: {error}"
            ) from error
        return PG_RETRY, error

    def _retry_seconds(self, error, job):
        try:
            seconds = job._get_retry_seconds(error.seconds)
            fields.Datetime.now() + timedelta(seconds=seconds)
        except (OverflowError, TypeError, ValueError) as no_time:
            raise FailedJobError(
                f"It can't be tried again in {error.seconds!r} seconds: {no_time}"
            ) from error
        return seconds

    def _write_undone(self, values, now):
        values = dict(values)
        if values["state"] == PENDING and (stop := self._asked_to_stop()):
            values = self._interrupted(stop, values.get("result"))
        if seconds := values.pop("seconds", None):
            values["eta"] = now + timedelta(seconds=seconds)
            values |= dict.fromkeys(("exc_name", "exc_info"), False)
        if values["state"] == PENDING:
            names = ("date_started", "date_enqueued", "worker_pid")
            values |= dict.fromkeys(names, False)
        elif values["state"] == CANCELLED:
            values["date_cancelled"] = now
        try:
            with self.env.cr.savepoint():
                self._write_outcome({"date_done": False, **values})
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:
            if values["state"] != FAILED:
                raise
            _logger.exception("Failure of job %s stored without the ORM", self.uuid)
            self.env.cr.execute(STORE_FAILURE, {"id": self.id, **values})
            self.invalidate_recordset()
        if values["state"] == CANCELLED:
            self._after_stop()

    def _call_on_fail(self, job, values, commit):
        """Call the job function's *on fail* method, once: what goes wrong is logged.

        The failure is committed by now, so that it costs its own time only.

        :param job: the :class:`Job`, None if it can't be loaded
        """
        if not job or not job.on_fail_method_name:
            return
        names = ("exc_name", "exc_message", "exc_info")
        values = {name: values[name] for name in names}
        try:
            if commit:
                job.on_fail(values)
                commit_then_run_hooks(self.env.cr)
            else:
                with self.env.cr.savepoint():
                    job.on_fail(values)
        except Exception:
            _logger.exception("The on fail method of job %s failed", self.uuid)
            if commit:
                self._undo()

    def _release_dependents(self, commit=True):
        """Set the jobs that waited for nothing but these done ones to pending.

        In a transaction after the jobs' own, committed here if ``commit``.
        """
        cr = self.env.cr
        for record in self:
            if not (record.dependencies or {}).get("reverse_depends_on"):
                continue
            values = {"id": record.id, "graph": record.graph_uuid}
            releasable = RELEASABLE
            if not commit:
                record._release(releasable, values)
                continue
            for attempt in range(1, RELEASE_TRIES + 1):
                try:
                    cr.rollback()
                    record._release(releasable, values)
                    cr.commit()  # pylint: disable=invalid-commit
                    break
                except LockNotAvailable:
                    releasable = RELEASABLE_NOW
                except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                    time.sleep(random.uniform(0, 0.01 * 2**attempt))
                except Exception:
                    _logger.exception("Dependents of %s not released", values)
                    break
            else:
                _logger.warning("Dependents of %s are left to the rescue", values)

    def _release(self, releasable, values):
        self.flush_model()
        self.env.cr.execute(releasable, values, log_exceptions=False)
        self.browse(row[0] for row in self.env.cr.fetchall()).write({"state": PENDING})
