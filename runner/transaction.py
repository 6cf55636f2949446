# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The transaction of one job: its settings, its lock, its end, and what is stored of a
failure beside it."""

import logging
import random
import time
from contextlib import contextmanager

from psycopg2 import OperationalError
from psycopg2.errors import DivisionByZero, SerializationFailure
from psycopg2.pool import PoolError

from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.sql_db import db_connect
from odoo.tools.misc import Callbacks

from .look import NOW
from .wake import keep_quiet

_logger = logging.getLogger(__name__)

CHANGED_HANDS = "Job %s has changed hands meanwhile"
STORE_TRIES = 5
MOST_TEXT = 1_000_000  # characters of a traceback or a result

# The keep-alives tell PostgreSQL within a minute that the host has gone. What a site or
# a database sets for idle or long transactions is not meant for jobs. From the version
# of the server on.
KEEP_ALIVE = {
    0: {
        "tcp_keepalives_idle": 30,
        "tcp_keepalives_interval": 10,
        "tcp_keepalives_count": 3,
        "tcp_user_timeout": 60_000,
        "idle_in_transaction_session_timeout": 0,
    },
    140000: {"idle_session_timeout": 0},
    170000: {"transaction_timeout": 0},
}
# A worker that was killed in a long statement is noticed while that goes on.
CHECK_CLIENT = {140000: {"client_connection_check_interval": 10_000}}

# The sign of life, as queue_job's Job.lock(), and the query that takes the snapshot of
# the job's transaction. By id, since a job that can't be loaded has to be locked too.
# The rescue deletes the row it has found unlocked: whoever comes late, with the old
# state in its snapshot, gets a serialization failure; and the start tells this claim
# from a later one. With the share of the job's own row a DELETE waits here, for the
# job's end, and not for the lock's row with the job's in its hands.
LOCK_JOB = """
    SELECT 1 / count(*)
      FROM (SELECT
              FROM queue_job_lock
              JOIN queue_job ON queue_job.id = queue_job_lock.queue_job_id
             WHERE queue_job.id = %(id)s
               AND queue_job.state = 'started'
               AND queue_job.date_started = COALESCE(%(start)s, queue_job.date_started)
               FOR NO KEY UPDATE OF queue_job_lock SKIP LOCKED
               FOR KEY SHARE OF queue_job SKIP LOCKED
           ) AS job;
    SAVEPOINT queue_job;
    SAVEPOINT queue_job_performing;
    SELECT pg_backend_pid()
"""

# Who has a row that others wait for does not wait for another one without a limit:
# PostgreSQL sees no deadlock across two connections of one process.
WAIT = "5s"
LIMIT_WAIT = f"SET LOCAL lock_timeout = '{WAIT}';"

# A job that has ended its transaction has no savepoint any more. That of the whole job
# stays until the commit: what fails before is undone, and the lock is kept.
END_PERFORMING = f"{LIMIT_WAIT} RELEASE SAVEPOINT queue_job_performing"
UNDO_JOB = "ROLLBACK TO SAVEPOINT queue_job"

STILL_CLAIMED = f"""
    SET LOCAL lock_timeout = %(wait)s;
    SELECT {NOW}
      FROM queue_job
     WHERE id = %(id)s
       AND state = 'started'
       AND date_started = %(start)s
    FOR NO KEY UPDATE
"""


def settings(version, *groups, local="LOCAL"):
    """Return the statements that make the settings for a server of that version."""
    return "".join(
        f"SET {local} {name} = {value};"
        for group in groups
        for since, values in group.items()
        if version >= since
        for name, value in values.items()
    )


def protect(cr):
    """Make the settings for a connection that is open for the whole run; return the pid
    of PostgreSQL's process."""
    first = settings(cr._cnx.server_version, KEEP_ALIVE, local="SESSION")
    cr.execute(first + "SELECT pg_backend_pid()")
    return cr.fetchone()[0]


def lock_job(cr, job_id, start=None):
    """Lock the claimed job for this transaction, its first.

    :param start: the ``date_started`` of the claim; None: whatever it is
    :return: the pid of PostgreSQL's process; None if the job is not ours: it was found
        dead and has changed hands between the claim and now
    """
    values = {"id": job_id, "start": start}
    first = settings(cr._cnx.server_version, KEEP_ALIVE, CHECK_CLIENT)
    try:
        cr.execute(first + LOCK_JOB, values, log_exceptions=False)
    except (DivisionByZero, SerializationFailure):
        return None
    return cr.fetchone()[0]


@contextmanager
def undone(cr):
    """Undo what is done in here since :func:`lock_job`, and not that, if it raises."""
    try:
        yield
    except BaseException:
        cr.clear()
        cr.execute(UNDO_JOB)
        raise


def end_performing(cr):
    """What comes now does not wait without a limit.

    :raises psycopg2.errors.InvalidSavepointSpecification: the job has ended its
        transaction
    """
    cr.execute(END_PERFORMING, log_exceptions=False)


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


def store_outcome(work, job_id, start, store, apart=True):
    """Call ``store(cursor, now)`` for the outcome of a job that was undone, and commit.

    On a second connection, while the job's own still holds its lock, so that nobody
    takes the job for a dead one. If there is none to be had, or somebody holds the
    job's row for long, on its own: that is rolled back first.

    :param work: the job's cursor
    :param start: the job's start as this claim knows it. If the job has changed hands
        since, nothing is stored.
    :param apart: False if the job has ended its transaction, and the lock with it
    :return: whether the job was still ours
    :raises psycopg2.Error: it could not be stored; the rescue finds the job.
    """
    for attempt in range(1, STORE_TRIES * apart + 1):
        try:
            return store_apart(work.dbname, job_id, start, store)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            time.sleep(random.uniform(0, 0.1 * 2**attempt))
        except (PoolError, OperationalError) as error:
            _logger.info("Job %s: no connection to store what came of it", job_id)
            _logger.debug("%s", error)
            break
    work.rollback()
    is_ours = lock_job(work, job_id, start)
    if is_ours:
        is_ours = _store(work, job_id, start, store)
    else:
        _logger.warning(CHANGED_HANDS, job_id)
    work.commit()  # pylint: disable=invalid-commit
    return is_ours


def store_apart(dbname, job_id, start, store, wait=WAIT):
    """Do the same once, on a connection of its own.

    :param wait: for how long, if somebody has locked the job's row
    """
    with db_connect(dbname).cursor() as cr:
        keep_quiet(cr)
        return _store(cr, job_id, start, store, wait)


def _store(cr, job_id, start, store, wait=WAIT):
    values = {"id": job_id, "start": start, "wait": wait}
    cr.execute(STILL_CLAIMED, values, log_exceptions=False)
    if row := cr.fetchone():
        store(cr, row[0])
    else:
        _logger.warning(CHANGED_HANDS, job_id)
    return bool(row)


def storable(text, most=MOST_TEXT):
    r"""Return the text as PostgreSQL and the log take it: without NUL and halves of
    surrogate pairs, and not too long.

    >>> storable("a\x00b\udc80") == "a\ufffdb\ufffd", storable("12345", 4)
    (True, '1234…')
    """
    text = str(text)
    if len(text) > most:
        text = f"{text[:most]}…"
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
