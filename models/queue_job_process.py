# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Performing one job and storing what came of it, as the regular runner does
(``queue_job/controllers/main.py``)."""

import logging
import threading
import time
from functools import partial

from psycopg2 import OperationalError
from psycopg2.errors import NoActiveSqlTransaction, SerializationFailure
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from odoo import SUPERUSER_ID, api, models
from odoo.exceptions import MissingError

from odoo.addons.queue_job.controllers.main import _prevent_commit
from odoo.addons.queue_job.exception import FailedJobError
from odoo.addons.queue_job.job import DONE, FAILED, Job

from ..runner.claim import LOCK_JOB
from ..runner.transaction import commit_then_run_hooks, store_apart

_logger = logging.getLogger(__name__)


class QueueJob(models.Model):
    _inherit = "queue.job"

    def _process(self, commit=False):
        """Perform this job and store what came of it.

        The job ends done, failed or postponed; what it raises ends here. When
        it is done, the jobs that waited for it are released.

        :param commit: the job is claimed (``_claim_one_job``). Its effects and its
            end are committed together, its failure apart and alone. Without it
            everything stays in the caller's transaction.
        """
        self.ensure_one()
        if not commit:
            channels = self.env["queue.job.channel"]._channels_in_force()
            self._start(self.id)
            self._note_start(channels.throttled(self.channel))
        elif not self._lock_claimed():
            _logger.warning("Job %s is not ours any more", self.id)
            return
        # Superuser and an empty context, as in the regular runner: what Odoo
        # puts into a cron's context would change what the job does.
        record = self.with_env(api.Environment(self.env.cr, SUPERUSER_ID, {}))
        # in one query, also what is not prefetched
        fields = self._fields.values()
        record.fetch(
            [field.name for field in fields if field.store and field.column_type]
        )
        label = f"{record.uuid} {record.channel_method_name} in {record.channel}"
        retry = record.retry
        start = time.monotonic()
        job = record._perform(commit)
        _logger.info(
            "Job %s: %s, try %s, %.3f s",
            label,
            job.state if job else FAILED,
            job.retry if job else retry,
            time.monotonic() - start,
        )
        if job and job.state == DONE:
            record._release_dependents(job, commit)

    def _lock_claimed(self):
        """Lock the claimed job for this transaction.

        :return: whether it is ours: not if it was found dead and has changed
            hands between the claim and now.
        """
        try:
            self.env.cr.execute(LOCK_JOB, [self.id], log_exceptions=False)
            return bool(self.env.cr.fetchone())
        except SerializationFailure:
            return False

    def _perform(self, commit):
        """Perform the job within a savepoint and store its outcome.

        :return: the :class:`Job`, or None if it could not be loaded.
        """
        cr, job, claimed = self.env.cr, None, self.date_started
        try:
            with _prevent_commit(cr), cr.savepoint():
                job = self._load()
                job.perform()
                # before the end is noted: the stored computed fields are part
                # of the job's execution time
                cr.flush()
                if cr._cnx.get_transaction_status() == TRANSACTION_STATUS_IDLE:
                    raise NoActiveSqlTransaction
                job.set_done()
                self._store(job)
            if commit:
                commit_then_run_hooks(cr)
                self.env.registry.signal_changes()
        except BaseException as error:
            if cr._cnx.closed:
                self._roll_back()
                message = "the connection to the database is lost"
                raise OperationalError(message) from error
            store = partial(type(self)._store_error, error=error, job=job)
            if commit:
                store_apart(self, job, claimed, store)
                self._roll_back()
            else:
                store(self)
            in_main_thread = threading.current_thread() is threading.main_thread()
            if isinstance(error, KeyboardInterrupt) and in_main_thread:
                raise  # the user's, in a shell
        return job

    def _store(self, job):
        """Store the :class:`Job`, as its ``store()`` does after a search by uuid."""
        sentinel = {"_job_edit_sentinel": self.EDIT_SENTINEL}
        try:
            self.with_context(**sentinel).write(job._store_values())
        except MissingError:
            job.store()  # it has deleted itself

    def _roll_back(self):
        """Leave nothing of a failed job: no hook, no cache, no lock."""
        if not self.env.cr.closed:
            self.env.cr.rollback()
        self.env.registry.reset_changes()

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
