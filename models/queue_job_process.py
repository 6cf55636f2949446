# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Performing one job, as ``queue_job/controllers/main.py`` does."""

import logging
import threading
import time
from contextlib import nullcontext
from functools import partial

from psycopg2 import OperationalError

from odoo import SUPERUSER_ID, api, models

from odoo.addons.queue_job.controllers.main import _prevent_commit
from odoo.addons.queue_job.exception import FailedJobError
from odoo.addons.queue_job.job import DONE, Job

from ..runner.claim import channels_in_force, start_job
from ..runner.interrupt import Watched
from ..runner.transaction import (
    commit_then_run_hooks,
    end_performing,
    lock_job,
    storable,
    undone,
)
from .queue_job_stop import end_job

_logger = logging.getLogger(__name__)

# What a job is loaded from, in one query: also what is not prefetched.
LOADED = (
    *("uuid", "name", "state", "channel", "priority", "eta", "identity_key"),
    *("model_name", "method_name", "channel_method_name", "records", "args", "kwargs"),
    *("date_created", "date_enqueued", "date_started", "date_done", "date_cancelled"),
    *("retry", "max_retries", "result", "exc_info", "exc_message"),
    *("company_id", "worker_pid"),
    *("graph_uuid", "dependencies"),
)


class NotLoadableError(FailedJobError):
    """The job's model, method or arguments can't be had in this process."""


class QueueJob(models.Model):
    _inherit = "queue.job"

    def _process(self, commit=False, start=None, guard=None):
        """Perform this job and store what came of it.

        The job ends done, failed or postponed; what it raises ends here. When it is
        done, the jobs that waited for it are released.

        :param commit: the job is claimed. Its effects and its end are committed
            together, its failure apart and alone. Without it everything stays in the
            caller's transaction.
        :param start: the ``date_started`` of the claim, None: whatever it is
        :param guard: the :class:`~..runner.guard.Guard` of the run, if the job may be
            interrupted
        :raises ~..runner.interrupt.Lost: the guard has ended it
        """
        self.ensure_one()
        pid = None
        if not commit:
            self.env.flush_all()
            channels = channels_in_force(self.env.cr)
            throttled = channels.throttled(self.channel)
            runner = self.env.context.get("cron_id")
            start_job(self.env.cr, self.id, runner, throttled)
            self.invalidate_recordset()
        elif not (pid := lock_job(self.env.cr, self.id, start)):
            _logger.warning("Job %s is not ours any more", self.id)
            return
        # Superuser and an empty context, as in the regular runner: what Odoo
        # puts into a cron's context would change what the job does.
        record = self.with_env(api.Environment(self.env.cr, SUPERUSER_ID, {}))
        record.fetch(LOADED)
        label = f"{record.uuid} {record.channel_method_name} in {record.channel}"
        has_dependents = bool((record.dependencies or {}).get("reverse_depends_on"))
        begin = time.monotonic()
        state, retry = record._perform(commit, guard, pid)
        seconds = time.monotonic() - begin
        _logger.info(
            "Job %s: %s, try %s, %.3f s", storable(label), state, retry, seconds
        )
        if state == DONE and has_dependents:
            record._release_dependents(commit)

    def _perform(self, commit, guard=None, pid=None):
        """Perform the job, locked if ``commit``, and store its outcome.

        :return: its state, and which try it was.
        """
        cr, job, start, watched = self.env.cr, None, self.date_started, None
        begin = time.monotonic()
        try:
            with _prevent_commit(cr), undone(cr) if commit else cr.savepoint():
                job = self._load()
                if guard:
                    end = partial(end_job, self.env.registry, self.id, start)
                    watched = Watched(guard, job, self, start, pid, end)
                with watched or nullcontext():
                    job.perform()
                    # before the end is noted: the stored computed fields are part
                    # of the job's execution time
                    cr.flush()
                if commit:
                    end_performing(cr)
                self._store_done(job, time.monotonic() - begin)
            if commit:
                commit_then_run_hooks(cr)
        except BaseException as error:
            interruption = watched and watched.leave()
            if cr._cnx.closed:
                self._undo()
                message = "the connection to the database is lost"
                raise OperationalError(message) from error
            end = self._store_undone(error, job, start, commit, interruption)
            in_main_thread = threading.current_thread() is threading.main_thread()
            if isinstance(error, KeyboardInterrupt) and in_main_thread:
                raise  # the user's, in a shell
            return end
        if commit:
            try:
                self.env.registry.signal_changes()
            except Exception:
                _logger.exception("What job %s has changed in caches", job.uuid)
        return DONE, job.retry

    def _undo(self):
        """Leave nothing of a failed job: no hook, no cache, no lock."""
        if not self.env.cr.closed:
            self.env.cr.rollback()
        self.env.registry.reset_changes()

    def _load(self):
        """Return the :class:`Job` of this record.

        :raises NotLoadableError: the job's model or method is gone, or its
            records or arguments can't be decoded.
        """
        model = self.env.get(self.model_name)
        if model is None:
            raise NotLoadableError(
                self.env._("The job's model does not exist: %s", self.model_name)
            )
        if not callable(getattr(model, self.method_name or "", None)):
            raise NotLoadableError(
                self.env._(
                    "The job's method does not exist: %(method)s of model %(model)s",
                    method=self.method_name,
                    model=self.model_name,
                )
            )
        try:
            env = self.records.env
            if not env.context.get("allowed_company_ids"):
                env.user.fetch(["company_id"])  # all that Job asks of a user
            return Job._load_from_db_record(self)
        except Exception as error:
            raise NotLoadableError(
                self.env._("The job can't be loaded: %r", error)
            ) from error
