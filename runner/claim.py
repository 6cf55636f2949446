# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The SQL of the claim: how a pending job becomes one run's own.

Cursors are REPEATABLE READ: the first query takes the snapshot that all others
see. Counting or choosing under a lock that is itself taken by a query is wrong
then, since others commit between the snapshot and the lock. LOCK TABLE takes no
snapshot, so after ``BEGIN_CLAIM`` a claim sees all that earlier claims have
committed, and two claims never meet.
"""

from .look import IS_LATER, IS_READY, PLACE, THIS_XID
from .regular import IS_AWAY
from .switch import IS_SWITCHED_OFF

# What is stored, and only that: a few rows.
LIMITS = """
    SELECT COALESCE(json_agg(json_build_array(
               complete_name,
               COALESCE(capacity, 0),
               COALESCE(sequential, FALSE),
               COALESCE(throttle, 0),
               COALESCE(paused, FALSE),
               COALESCE(capacity_default, 0),
               COALESCE(sequential_default, FALSE)
           )), '[]')
      FROM queue_job_channel
"""

NOW = "clock_timestamp() AT TIME ZONE 'UTC'"

# SHARE UPDATE EXCLUSIVE conflicts with itself (and DDL and VACUUM of this small
# table), never with readers or writers. The timeouts are for a process that is
# frozen in the middle of a claim: it is not dead and would hold everyone's.
# A claim that a power cut takes back leaves the job pending: nothing is lost by
# not waiting for the disk. The answer is false while the regular runner is active,
# and it has the time of all decisions, since hosts' clocks differ and now() is as old
# as the wait for the lock, the limits, and whether the runner has been switched off.
BEGIN_CLAIM = f"""
    SET LOCAL lock_timeout = '5s';
    SET LOCAL idle_in_transaction_session_timeout = '5s';
    SET LOCAL synchronous_commit = off;
    LOCK TABLE queue_job_channel IN SHARE UPDATE EXCLUSIVE MODE;
    {IS_AWAY}, {NOW}, ({LIMITS}), {IS_SWITCHED_OFF}
"""

# Etas that have passed since the last claim. In batches: of a flood of them the
# earliest come first, whatever their priority.
ETA_BATCH = 1000
NOTE_ETAS = f"""
    UPDATE queue_job
       SET eta_reached = eta, changed_xid = {THIS_XID}
     WHERE id IN (
               SELECT id
                 FROM queue_job
                WHERE {IS_LATER} AND eta <= %(now)s
                ORDER BY eta
                LIMIT {ETA_BATCH}
                  FOR NO KEY UPDATE SKIP LOCKED
           )
"""

# From the head of a channel on: what is before it in the index is dead.
_READY = f"""
    SELECT {PLACE}
      FROM queue_job
     WHERE {IS_READY}
       AND COALESCE(channel, '') = %(channel)s
       AND ({PLACE}) {{}} %(head)s
     ORDER BY COALESCE(channel, ''), {PLACE}
     LIMIT 1
"""
# The first one that nobody else holds.
LOCK_FIRST = _READY.format(">=") + "FOR NO KEY UPDATE SKIP LOCKED"
NEXT_READY = _READY.format(">")

LOCK = "SELECT 1 FROM queue_job WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED"

# Unless somebody else holds it. date_enqueued is what the regular runner's rescue
# looks at.
START_JOB = f"""
    WITH job AS (
        SELECT id FROM queue_job WHERE id = %(id)s FOR NO KEY UPDATE SKIP LOCKED
    ), lock AS (
        INSERT INTO queue_job_lock (id, queue_job_id) SELECT id, id FROM job
        ON CONFLICT (id) DO NOTHING
    )
    UPDATE queue_job
       SET state = 'started',
           date_started = {NOW},
           date_enqueued = {NOW},
           date_done = NULL,
           worker_pid = %(pid)s,
           runner_id = %(runner)s,
           changed_xid = {THIS_XID}
      FROM job
     WHERE queue_job.id = job.id
"""

# Apart from the job, whose retry clears its start, and from the channel's row, which
# a manager may be editing: only claims write here, one at a time.
NOTE_START = f"""
    INSERT INTO queue_job_channel_start (name, date_started)
         SELECT unnest(%(names)s::varchar[]), {NOW}
    ON CONFLICT (name) DO UPDATE SET date_started = EXCLUDED.date_started
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
