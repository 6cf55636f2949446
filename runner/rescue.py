# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The SQL of the rescue: jobs whose worker died, and dependents left waiting."""

from .look import IS_RUNNING, SINCE, THIS_XID

# For the moment between the claim's commit and the lock.
GRACE = 10  # seconds

# A job is alive as long as somebody holds its lock's row. Under REPEATABLE READ a job
# that ended since the snapshot raises a serialization failure here.
DEAD_JOBS = f"""
    SELECT id
      FROM queue_job
     WHERE {IS_RUNNING}
       AND COALESCE({SINCE}, '-infinity')
           < clock_timestamp() AT TIME ZONE 'UTC' - INTERVAL '{GRACE} s'
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
     ORDER BY id
     LIMIT 100
       FOR NO KEY UPDATE SKIP LOCKED
"""

# Without its lock's row a process that comes back late can't lock the job.
FORGET_LOCKS = "DELETE FROM queue_job_lock WHERE queue_job_id IN %s"

# By SQL: through the ORM each of them would be loaded. They may run at once.
REQUEUE = f"""
    UPDATE queue_job
       SET state = 'pending',
           retry = COALESCE(retry, 0) + CASE state WHEN 'started' THEN 1 ELSE 0 END,
           date_started = NULL,
           date_enqueued = NULL,
           worker_pid = NULL,
           runner_id = NULL,
           date_rescued = now() AT TIME ZONE 'UTC',
           rescue_message = dead.message,
           changed_xid = {THIS_XID}
      FROM unnest(%(ids)s, %(messages)s) AS dead (id, message)
     WHERE queue_job.id = dead.id
"""

# Once a minute per database, whoever comes first: the time of the last sweep
# (seconds of the epoch) and the id up to which it looked.
LAST_SWEEP = """
    SELECT split_part(value, ' ', 2)::bigint
      FROM ir_config_parameter
     WHERE key = 'queue_job_cron_jobrunner.last_sweep'
       AND split_part(value, ' ', 1)::bigint
           < EXTRACT(epoch FROM clock_timestamp()) - 60
       FOR NO KEY UPDATE SKIP LOCKED
"""
STORE_SWEEP = """
    UPDATE ir_config_parameter
       SET value = EXTRACT(epoch FROM clock_timestamp())::bigint || ' ' || %s
     WHERE key = 'queue_job_cron_jobrunner.last_sweep'
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
                     OR parent.date_done
                        > clock_timestamp() AT TIME ZONE 'UTC' - INTERVAL '10 s'
             ) AS stranded
        FROM queue_job
       WHERE state = 'wait_dependencies'
         AND id > %s
    ORDER BY id
       LIMIT {SWEEP_BATCH}
"""
