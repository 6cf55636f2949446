# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Whether the regular runner of queue_job is in charge of the database.

Two runners on one queue run jobs twice: its ``set_job_enqueued`` looks at no
state. It holds an advisory lock for as long as it lives.
"""

from odoo.addons.queue_job.jobrunner.runner import PG_ADVISORY_LOCK_ID


class RegularRunnerActive(Exception):
    """The regular runner of queue_job is in charge of the database."""


# True if it is away, and it can't begin before this transaction ends.
IS_AWAY = f"SELECT pg_try_advisory_xact_lock_shared({PG_ADVISORY_LOCK_ID})"

# Looks without touching the lock: an open page must not keep the runner off.
IS_ACTIVE = f"""
    SELECT EXISTS (
        SELECT
          FROM pg_locks
          JOIN pg_database ON pg_database.oid = pg_locks.database
         WHERE pg_database.datname = current_database()
           AND locktype = 'advisory'
           AND mode = 'ExclusiveLock'
           AND granted
           AND classid = {PG_ADVISORY_LOCK_ID >> 32}
           AND objid = {PG_ADVISORY_LOCK_ID & 0xFFFFFFFF}
           AND objsubid = 1
    )
"""
