# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Whether a copy of this database is at work on the same PostgreSQL server: it does the
same jobs once more.

What another database contains is only known to those who connect to it, but the locks
of all are seen by all. So a run that is present holds one by its ``database.uuid``.
What this can't see: a copy on another server or whose runners have nothing to do now,
and one whose ``database.uuid`` was changed, as Odoo's own ways to copy do.
"""

import logging
import math
import time

_logger = logging.getLogger(__name__)

SITE = 0x716A6373  # the first key of the lock
UUID = "(SELECT value FROM ir_config_parameter WHERE key = 'database.uuid')"
MARK = f"pg_try_advisory_lock_shared({SITE}, hashtext({UUID}))"

COPIES = f"""
    SELECT string_agg(DISTINCT pg_database.datname, ', ')
      FROM pg_locks
      JOIN pg_database ON pg_database.oid = pg_locks.database
     WHERE locktype = 'advisory'
       AND classid = {SITE}
       AND objid = (hashtext({UUID}) & x'ffffffff'::bigint)::oid
       AND pg_database.datname <> current_database()
"""
INTERVAL = 20  # seconds

# From the name of a database to when it is to be asked again, on time.monotonic().
_again = {}


def copies(cr):
    """Return the names, in one text, of the databases that this one shares its
    ``database.uuid`` with and whose runners are at work now, or None."""
    cr.execute(COPIES)
    return cr.fetchone()[0]


def warn_of_copies(cr):
    """Say once per process and database that there is a copy. Asked now and then."""
    dbname, now = cr.dbname, time.monotonic()
    if now < _again.get(dbname, now):
        return
    _again[dbname] = now + INTERVAL
    if names := copies(cr):
        _again[dbname] = math.inf
        _logger.warning(
            "The databases %s and %s are copies of each other, and the runners of both "
            "are at work: jobs are done twice. Neutralize the copy (odoo neutralize).",
            dbname,
            names,
        )
