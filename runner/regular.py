# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Whether the regular runner of queue_job is in charge of the database.

Two runners on one queue run jobs twice: its ``set_job_enqueued`` looks at no
state. It holds an advisory lock for as long as it lives.
"""

import logging

from odoo.addons.queue_job.jobrunner.runner import PG_ADVISORY_LOCK_ID

_logger = logging.getLogger(__name__)

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

_warned = set()  # names of databases


class RegularRunnerActive(Exception):
    """The regular runner of queue_job is in charge of the database."""


def warn_of_regular_runner(dbname):
    """Say in the log that the runs do nothing: once per process and database."""
    if dbname not in _warned:
        _warned.add(dbname)
        _logger.warning(
            "The regular runner of queue_job is active on database %s: the runners in "
            "cron workers stand aside. To let them work, take queue_job out of "
            "server_wide_modules, or give it the channels root:0.",
            dbname,
        )
