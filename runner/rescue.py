# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The rescue: jobs whose worker died, and dependents left waiting.

A job is alive as long as somebody holds its row of ``queue_job_lock``. Each dead one is
taken in a transaction of its own, without its arguments and without code of others.
"""

import logging
from datetime import timedelta
from typing import NamedTuple

from psycopg2 import OperationalError

from .look import IS_RUNNING, NOW, SINCE
from .regular import IS_AWAY
from .wake import PRESENCE

_logger = logging.getLogger(__name__)

# For the moment between the claim's commit and the lock.
GRACE = timedelta(seconds=10)
# For a dead process whose connection PostgreSQL has not let go of.
AGAIN = timedelta(seconds=10)
STRANDED = timedelta(seconds=60)

# Locked unless somebody works on it. Under REPEATABLE READ a job that ended since the
# snapshot raises a serialization failure here.
LOCK_DEAD = f"""
    SET LOCAL lock_timeout = '1s';
    {IS_AWAY}, dead.*
      FROM (
          SELECT state = 'started',
                 COALESCE(retry, 0) + (state = 'started')::int,
                 COALESCE(max_retries, 0),
                 COALESCE(worker_pid, 0),
                 COALESCE(EXTRACT(epoch FROM {NOW} - date_started), 0)::int,
                 runner_id, date_started, uuid, channel_method_name,
                 EXISTS (
                     SELECT FROM queue_job_stop
                      WHERE job_number = queue_job.id
                        AND date_started = queue_job.date_started
                 )
            FROM queue_job
           WHERE id = %(id)s
             AND {IS_RUNNING}
             AND COALESCE({SINCE}, '-infinity') < {NOW} - %(grace)s
             AND (
                     id IN (
                         SELECT queue_job_id
                           FROM queue_job_lock
                          WHERE queue_job_id = queue_job.id
                            FOR NO KEY UPDATE SKIP LOCKED
                     )
                     OR NOT EXISTS (
                         SELECT FROM queue_job_lock WHERE queue_job_id = queue_job.id
                     )
                 )
             FOR NO KEY UPDATE SKIP LOCKED
      ) AS dead
"""

# Without its lock's row a process that comes back late can't lock the job.
END = f"""
    DELETE FROM queue_job_lock WHERE queue_job_id = %(id)s;
    UPDATE queue_job
       SET state = %(state)s,
           retry = %(retry)s,
           date_rescued = {NOW},
           rescue_message = %(message)s,
           {{}}
     WHERE id = %(id)s
"""
ENDS = {
    "pending": """
           date_started = NULL, date_enqueued = NULL, worker_pid = NULL,
           runner_id = NULL""",
    "failed": f"""
           date_failed = {NOW}, exc_name = 'JobFoundDead', exc_message = %(message)s,
           exc_info = %(message)s""",
    "cancelled": f"date_cancelled = {NOW}",
}

# A process that is frozen, or whose host is lost, would be taken for one that will
# look. Its session has done nothing since that claim: a later run of the runner has,
# also one that has taken a job in those seconds, and does it still.
END_PRESENCE = f"""
    SELECT pg_terminate_backend(activity.pid)
      FROM pg_locks
      JOIN pg_stat_activity AS activity USING (pid)
     WHERE locktype = 'advisory'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND classid = {PRESENCE}
       AND objid = %(runner)s
       AND pg_locks.pid <> pg_backend_pid()
       AND state_change AT TIME ZONE 'UTC' < LEAST(
               %(start)s + INTERVAL '5 s',
               (SELECT min(date_started)
                  FROM queue_job
                 WHERE {IS_RUNNING}
                   AND runner_id = %(runner)s
                   AND date_started > %(start)s)
           )
"""


class Dead(NamedTuple):
    """A job that was found dead. ``retry`` is the number of tries it has used up."""

    was_started: bool
    retry: int
    max_retries: int
    pid: int
    seconds: int
    runner: int | None
    start: object
    uuid: str
    method: str
    is_stopped: bool

    @property
    def end(self):
        """The state that it gets."""
        if self.is_stopped:
            return "cancelled"
        is_last_try = self.was_started and 0 < self.max_retries <= self.retry
        return "failed" if is_last_try else "pending"


def rescue(cr, running, now, message):
    """Set the jobs nobody works on to pending, or failed if that was the last try, or
    cancelled if that is what somebody has asked for.

    A job that was started has used up one try; one that the regular runner had only
    enqueued has not. Nothing is done while the regular runner is in charge: it has a
    rescue of its own. Each is committed here, alone.

    :param running: the jobs that a look has found, ids and :class:`Running`
    :param now: PostgreSQL's time of that look
    :param message: returns the text that tells of a :class:`Dead`
    :return: the ids of those that have failed or are cancelled, each with its message
    """
    ended = []
    for job_id, job in running.items():
        if job.since and job.since > now - GRACE:
            continue
        try:
            dead = _lock(cr, job_id)
            if dead:
                text = message(dead)
                _end(cr, job_id, dead, text)
                if dead.end != "pending":
                    ended.append((job_id, text))
            cr.commit()  # pylint: disable=invalid-commit
        except OperationalError as error:
            if cr.closed:
                raise
            cr.rollback()
            _logger.debug("Job %s is not dead, or rescued later: %s", job_id, error)
    return ended


def next_rescue(running, now, runner):
    """Return when a rescue can tell of one more running job whether it is dead.

    None if it can tell of all. A job that this runner itself seems to have is one of a
    process that was killed: it is looked for until PostgreSQL has let go of it.
    """
    second = timedelta(seconds=1)
    moments = [
        job.since + GRACE + second
        for job in running.values()
        if job.since and job.since > now - GRACE
    ]
    if runner in {job.runner for job in running.values()}:
        moments.append(now + AGAIN)
    return min(moments, default=None)


def _lock(cr, job_id):
    values = {"id": job_id, "grace": GRACE}
    cr.execute(LOCK_DEAD, values, log_exceptions=False)
    row = cr.fetchone()
    return Dead(*row[1:]) if row and row[0] else None


def _end(cr, job_id, dead, message):
    values = {
        "id": job_id,
        "state": dead.end,
        "retry": dead.retry,
        "message": message,
    }
    cr.execute(END.format(ENDS[dead.end]), values, log_exceptions=False)
    if dead.runner and dead.start:
        values = {"runner": dead.runner, "start": dead.start}
        cr.execute(END_PRESENCE, values, log_exceptions=False)
    _logger.warning(
        "Job %s %s found dead (%s, process %s): it is %s now",
        dead.uuid,
        dead.method,
        "started" if dead.was_started else "enqueued",
        dead.pid or "unknown",
        dead.end,
    )


# Once a minute per database, whoever comes first: the time of the last sweep (seconds
# of the epoch) and the id up to which it looked.
SWEEP_KEY = "queue_job_cron_jobrunner.last_sweep"
LAST_SWEEP = f"""
    INSERT INTO ir_config_parameter (key, value) VALUES ('{SWEEP_KEY}', '0 0')
    ON CONFLICT (key) DO NOTHING;
    SELECT split_part(value, ' ', 2)::bigint
      FROM ir_config_parameter
     WHERE key = '{SWEEP_KEY}'
       AND split_part(value, ' ', 1)::bigint
           <= EXTRACT(epoch FROM clock_timestamp()) - {STRANDED.seconds}
       FOR NO KEY UPDATE SKIP LOCKED
"""
STORE_SWEEP = f"""
    UPDATE ir_config_parameter
       SET value = EXTRACT(epoch FROM clock_timestamp())::bigint || ' ' || %s
     WHERE key = '{SWEEP_KEY}'
"""

# Measured on 1,000,000 done jobs: 9 ms for a batch of 1,000; a chain of 5,000 in
# one go took 50 ms, which would grow with the number of waiting jobs.
SWEEP_BATCH = 1000

# A dependency that was deleted holds nobody, as in Job.enqueue_waiting(). One that
# is done since a moment ago may still be about to release its dependents.
WAITING_JOBS = f"""
      SELECT id,
             NOT EXISTS (
                 SELECT
                   FROM json_array_elements_text(
                            CASE json_typeof(dependencies::json -> 'depends_on')
                            WHEN 'array' THEN dependencies::json -> 'depends_on'
                            END
                        ) AS dependency (uuid)
                   JOIN queue_job AS parent ON parent.uuid = dependency.uuid
                  WHERE parent.state <> 'done'
                     OR parent.date_done > {NOW} - INTERVAL '10 s'
             ) AS stranded
        FROM queue_job
       WHERE state = 'wait_dependencies'
         AND id > %s
    ORDER BY id
       LIMIT {SWEEP_BATCH}
"""
# One that somebody has locked is found when its turn comes again: a run is present
# here, and others rely on it.
LOCK_STRANDED = """
    SELECT id FROM queue_job WHERE id = ANY(%s) FOR NO KEY UPDATE SKIP LOCKED
"""


def stranded(cr):
    """Return the ids of waiting jobs whose dependencies are all done, locked.

    Their last parent's process died before it could release them. A batch of the
    waiting jobs is looked at each minute, in turn; the position is stored in this
    transaction.

    :raises psycopg2.errors.SerializationFailure: one of them has been changed meanwhile
    """
    cr.execute(LAST_SWEEP, log_exceptions=False)
    if not (position := cr.fetchone()):
        return []
    cr.execute(WAITING_JOBS, position)
    waiting = cr.fetchall()
    cr.execute(STORE_SWEEP, [waiting[-1][0] if len(waiting) == SWEEP_BATCH else 0])
    found = [job_id for job_id, is_stranded in waiting if is_stranded]
    cr.execute(LOCK_STRANDED, [found], log_exceptions=False)
    return [job_id for (job_id,) in cr.fetchall()]
