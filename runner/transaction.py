# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
import random
import time
from contextlib import ExitStack, contextmanager

from odoo import SUPERUSER_ID, api
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools.misc import Callbacks

from .claim import STILL_CLAIMED

_logger = logging.getLogger(__name__)

STORE_TRIES = 5


def commit_then_run_hooks(cr):
    """Commit, then run the post-commit hooks; what they raise is only logged.

    ``cr.commit()`` does both, and its caller can't tell whether an exception
    comes from a transaction that is committed.

    :raises Exception: nothing has been committed.
    """
    hooks, cr.postcommit = cr.postcommit, Callbacks()
    try:
        cr.commit()  # pylint: disable=invalid-commit
    finally:
        cr.postcommit = hooks
    while hooks:
        try:
            hooks.run()
        except Exception:
            _logger.exception("A post-commit hook of a job that is done failed")


@contextmanager
def forbid_rollback(cr):
    """Keep an *on fail* method from undoing the failure that calls it."""

    def forbidden():
        raise RuntimeError(
            "Rollback is forbidden in the on fail method of a job: it would undo "
            "the failure itself."
        )

    original, cr.rollback = cr.rollback, forbidden
    try:
        yield
    finally:
        cr.rollback = original


def store_apart(record, job, claimed, store):
    """Call ``store(record)`` on a cursor of its own and commit that.

    The transaction of a job that failed is not to be committed, and it still
    holds the job's lock, so that nobody takes the job for a dead one.

    :param job: the :class:`Job` of the record, moved to that cursor; or None.
    :param claimed: the job's start as this claim knows it. If the job has
        changed hands since, nothing is stored.
    :raises psycopg2.Error: conflicts were in the way every time.
    """
    for attempt in range(1, STORE_TRIES + 1):
        try:
            with ExitStack() as stack:
                if job:
                    stack.enter_context(job.in_temporary_env())
                    cr = job.env.cr
                else:
                    cr = stack.enter_context(record.env.registry.cursor())
                cr.execute(STILL_CLAIMED, [record.id, claimed], log_exceptions=False)
                if cr.fetchone():
                    store(record.with_env(api.Environment(cr, SUPERUSER_ID, {})))
                else:
                    _logger.warning("Job %s has changed hands meanwhile", record.id)
            return
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            if attempt == STORE_TRIES:
                raise
            time.sleep(random.uniform(0, 0.1 * 2**attempt))
