# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The SQL of the claim: how a pending job becomes one run's own.

Cursors are REPEATABLE READ: the first query takes the snapshot that all others
see. Counting or choosing under a lock that is itself taken by a query is wrong
then, since others commit between the snapshot and the lock. LOCK TABLE takes no
snapshot, so after ``BEGIN_CLAIM`` a claim sees all that earlier claims have
committed, and two claims never meet.
"""

from .regular import IS_AWAY

# SHARE UPDATE EXCLUSIVE conflicts with itself (and DDL and VACUUM of this small
# table), never with readers or writers. The timeouts are for a process that is
# frozen in the middle of a claim: it is not dead and would hold everyone's.
# A claim that a power cut takes back leaves the job pending: nothing is lost by
# not waiting for the disk. The answer is false while the regular runner is active.
BEGIN_CLAIM = f"""
    SET LOCAL lock_timeout = '5s';
    SET LOCAL idle_in_transaction_session_timeout = '5s';
    SET LOCAL synchronous_commit = off;
    LOCK TABLE queue_job_channel IN SHARE UPDATE EXCLUSIVE MODE;
    {IS_AWAY}
"""

_RUNNABLE = """
          FROM queue_job
         WHERE state = 'pending'
           AND (eta IS NULL OR eta <= clock_timestamp() AT TIME ZONE 'UTC')
"""

NEXT_JOB = f"""
        SELECT id
        {_RUNNABLE}
      ORDER BY priority, date_created, id
         LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
"""

# A job that may start and was not taken is held by somebody's transaction.
HELD_JOB = f"SELECT EXISTS (SELECT {_RUNNABLE})"

# date_enqueued is what the regular runner's rescue looks at.
START_JOB = """
    WITH lock AS (
        INSERT INTO queue_job_lock (id, queue_job_id)
             VALUES (%(id)s, %(id)s)
        ON CONFLICT (id) DO NOTHING
    )
    UPDATE queue_job
       SET state = 'started',
           date_started = clock_timestamp() AT TIME ZONE 'UTC',
           date_enqueued = clock_timestamp() AT TIME ZONE 'UTC',
           date_done = NULL,
           worker_pid = %(pid)s,
           runner_id = %(runner)s
     WHERE id = %(id)s
"""

# The sign of life, as queue_job's Job.lock(), and the query that takes the
# snapshot of the job's transaction. By id, since a job that can't be loaded has
# to be locked too. The rescue deletes the row it has found unlocked: whoever
# comes late, with the old state in its snapshot, gets a serialization failure.
# The keep-alives tell PostgreSQL within a minute that the host has gone.
LOCK_JOB = """
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL tcp_keepalives_idle = 30;
    SET LOCAL tcp_keepalives_interval = 10;
    SET LOCAL tcp_keepalives_count = 3;
    SELECT 1
      FROM queue_job_lock
      JOIN queue_job ON queue_job.id = queue_job_lock.queue_job_id
     WHERE queue_job.id = %s
       AND queue_job.state = 'started'
    FOR NO KEY UPDATE OF queue_job_lock SKIP LOCKED
"""

# date_started has microseconds and tells one claim of a job from the next.
STILL_CLAIMED = """
    SELECT 1
      FROM queue_job
     WHERE id = %s
       AND state = 'started'
       AND date_started = %s
    FOR NO KEY UPDATE
"""
