# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The SQL of what a claim sees of the queue; its cost does not depend on the backlog.

A job is *ready* if it is pending and has no eta, or one that a claim has found
passed: no index can know the time, so claims note it in ``eta_reached``. While the
two are equal, the job is ready; whoever gives it another eta needs not know this.
One probe of an index finds the first ready job of a channel, and the next channel.

An old snapshot, such as that of a job that runs for an hour, keeps the index
entries of all the jobs that were done since, and each claim would walk over them:
``LOOK_AGAIN`` begins at what was seen a moment ago and asks what has changed since.
Both are bodies of functions (``look_functions.py``).
``changed_xid`` is the transaction that has put the job where it is in the queue.
Claims set it by SQL, PostgreSQL for a new job, the ORM on write.
"""

from .switch import IS_RUNNER

# An empty value comes last. As it is, it would compare with nothing.
PRIORITY = "COALESCE(priority, 2147483647)"
CREATED = "COALESCE(date_created, '9999-12-31')"
PLACE = f"{PRIORITY}, {CREATED}, id"

IS_READY = "state = 'pending' AND (eta IS NULL OR eta = eta_reached)"
IS_LATER = "state = 'pending' AND eta IS NOT NULL AND eta IS DISTINCT FROM eta_reached"
IS_RUNNING = "state IN ('started', 'enqueued')"
IS_ALIVE = "state IN ('pending', 'started', 'enqueued')"
# Since when somebody works on it, or the regular runner means to.
SINCE = "COALESCE(CASE state WHEN 'started' THEN date_started END, date_enqueued)"
THIS_XID = "pg_current_xact_id()::text::float8"
GET_XID = f"SELECT {THIS_XID}"

_HEAD = f"COALESCE(channel, '') AS channel, {PLACE}, NULL::int"
_FIRST = f"ORDER BY COALESCE(channel, ''), {PLACE} LIMIT 1"
_RUNNING = f"""
    'running', COALESCE(channel, ''), NULL::int, {SINCE}, queue_job.id, runner_id
"""
_FIRST_ETA = f"SELECT eta FROM queue_job WHERE {IS_LATER}"

# The rest of what is seen; the throttled starts and the runners are a few rows.
_ALWAYS = f"""
    UNION ALL SELECT 'start', name, NULL, date_started, NULL, NULL
                FROM queue_job_channel_start
    UNION ALL SELECT 'runner', NULL, NULL, NULL, id, NULL
                FROM ir_cron WHERE {IS_RUNNER}
    UNION ALL SELECT 'snapshot', pg_current_snapshot()::text, NULL, NULL, NULL, NULL
"""

# A loose scan: from the first ready job of a channel to that of the next one.
LOOK = f"""
    WITH RECURSIVE head AS (
        (SELECT {_HEAD} FROM queue_job WHERE {IS_READY} {_FIRST})
        UNION ALL
        SELECT following.*
          FROM head
         CROSS JOIN LATERAL (
             SELECT {_HEAD} FROM queue_job
              WHERE {IS_READY} AND COALESCE(channel, '') > head.channel {_FIRST}
         ) AS following
    )
    SELECT 'ready', head.* FROM head
    UNION ALL SELECT {_RUNNING} FROM queue_job WHERE {IS_RUNNING}
    UNION ALL (SELECT 'eta', NULL, NULL, eta, NULL, NULL
                 FROM ({_FIRST_ETA} ORDER BY eta LIMIT 1) AS first)
    {_ALWAYS}
"""

# From what was seen a moment ago, each index is entered behind the dead entries. An OR
# would read a whole index, and so would the running jobs without OFFSET 0.
LOOK_AGAIN = f"""
    WITH changed AS MATERIALIZED (
        SELECT CASE WHEN {IS_READY} THEN 'ready'
                    WHEN {IS_LATER} THEN 'eta'
                    ELSE 'running' END AS kind,
               COALESCE(channel, ''), {PRIORITY},
               CASE WHEN {IS_READY} THEN {CREATED}
                    WHEN {IS_LATER} THEN eta
                    ELSE {SINCE} END, id, runner_id
          FROM (SELECT * FROM queue_job WHERE changed_xid >= xmax_seen
                UNION ALL
                SELECT * FROM queue_job WHERE changed_xid = ANY(in_progress_seen)
               ) AS changed
         WHERE {IS_ALIVE}
         LIMIT most_changes
    )
    SELECT * FROM changed
    UNION ALL SELECT 'ready', found.*
                FROM unnest(channels_seen, priorities_seen, dates_seen, ids_seen)
                     AS known (channel, priority, date_created, id)
               CROSS JOIN LATERAL (
                   SELECT {_HEAD} FROM queue_job
                    WHERE {IS_READY} AND COALESCE(channel, '') = known.channel
                      AND ({PLACE})
                          >= (known.priority, known.date_created, known.id) {_FIRST}
               ) AS found
    UNION ALL SELECT found.*
                FROM unnest(running_seen) AS known (id)
               CROSS JOIN LATERAL (
                   SELECT {_RUNNING} FROM queue_job
                    WHERE queue_job.id = known.id AND {IS_RUNNING} OFFSET 0
               ) AS found
    UNION ALL (SELECT 'eta', NULL, NULL, eta, NULL, NULL
                 FROM ({_FIRST_ETA} AND eta >= first_eta_seen ORDER BY eta LIMIT 1)
                      AS first)
    UNION ALL SELECT 'changes', NULL, count(*)::int, NULL, NULL, NULL FROM changed
    {_ALWAYS}
"""

# For sequential channels: what holds them.
HOLDS = f"""
    SELECT name.long, failed.id, later.*
      FROM unnest(%(long)s::varchar[], %(short)s::varchar[]) AS name (long, short)
      LEFT JOIN LATERAL (
          SELECT id FROM queue_job
           WHERE state = 'failed' AND COALESCE(channel, '') = name.short
           ORDER BY id LIMIT 1
      ) AS failed ON TRUE
      LEFT JOIN LATERAL (
          SELECT eta, {PLACE} FROM queue_job
           WHERE {IS_LATER} AND COALESCE(channel, '') = name.short
             AND eta > %(after)s
           ORDER BY eta, {PLACE} LIMIT 1
      ) AS later ON TRUE
"""
