# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import threading
from contextlib import closing

from odoo.sql_db import db_connect
from odoo.tests.common import get_db_name

from .server import wait_until

PATIENCE = 30  # seconds until what is about to end is a leak
# The timers of the registry that pytest itself has loaded.
OTHERS = f".{get_db_name()}"

# PostgreSQL ends the session of a killed process a moment later.
LEFT_SESSIONS = """
    SELECT DISTINCT activity.pid, activity.state, locks.locktype, activity.query
      FROM pg_stat_activity AS activity
 LEFT JOIN pg_locks AS locks ON locks.pid = activity.pid
                            AND locks.locktype = 'advisory'
     WHERE activity.datname = %s
       AND (activity.state LIKE 'idle in transaction%%' OR locks.pid IS NOT NULL)
"""


def assert_nothing_left(database, threads, patience=PATIENCE):
    """No session holds a transaction or an advisory lock, and no thread is new.

    :param database: the name of the database whose sessions are looked at
    :param threads: the threads that were there before
    :raises AssertionError: something is left after ``patience`` seconds.
    """
    left = []

    def nothing_left():
        left[:] = [
            thread
            for thread in threading.enumerate()
            if thread not in threads and not thread.name.endswith(OTHERS)
        ]
        with closing(db_connect("postgres").cursor()) as cr:
            cr.execute(LEFT_SESSIONS, [database])
            left.extend(cr.fetchall())
        return not left

    try:
        wait_until(nothing_left, patience, "nothing is left by the test")
    except AssertionError as error:
        raise AssertionError(f"{error}: {left}") from None
