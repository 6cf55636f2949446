# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Changing the table of jobs while jobs run and people enqueue.

Odoo would ask for the table once for each column and index, at any time of an update,
and wait for the running jobs while all others wait behind it. So all that it needs is
made here, before anything else: the table is asked for once, for two seconds.
"""

from psycopg2.errors import LockNotAvailable

from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.sql import column_exists, index_exists

from . import counts, look

INDEXES = {f"queue_job{k}": v for k, v in (look.INDEXES | counts.INDEXES).items()}
INDEXES["queue_job__date_rescued_index"] = (
    "(date_rescued) WHERE date_rescued IS NOT NULL"
)
# Nothing whose adding writes the table anew.
COLUMNS = {
    "runner_id": "integer CONSTRAINT queue_job_runner_id_fkey"
    " REFERENCES ir_cron ON DELETE SET NULL",
    "date_failed": "timestamp",
    "eta_reached": "timestamp",
    "date_rescued": "timestamp",
    "rescue_message": "varchar",
    "wait_time": "double precision",
}
# Of versions before 19.0.2.2.0.
OLD_INDEXES = "queue_job_changed_idx, queue_job_rescue_idx, queue_job_stranded_idx"
OLD = f"""
    DROP INDEX IF EXISTS {OLD_INDEXES};
    ALTER TABLE queue_job DROP COLUMN changed_xid;
    ALTER TABLE queue_job ALTER wait_time DROP EXPRESSION IF EXISTS;
    DROP TABLE IF EXISTS queue_job_runner_wish;
"""

LOCK = """
    SET LOCAL lock_timeout = '2s';
    LOCK TABLE queue_job IN ACCESS EXCLUSIVE MODE;
    SET LOCAL lock_timeout = 0
"""
REFUSED = (
    "The table of jobs has to be changed, and is in use. Pause the channel root, or "
    "stop the runner of jobs, wait until these have ended, and try again: %s"
)
RUNNING = """
    SELECT string_agg(COALESCE(name, uuid), ', ')
      FROM (SELECT name, uuid FROM queue_job
             WHERE state IN ('started', 'enqueued') ORDER BY date_started LIMIT 5
           ) AS running
"""


def prepare_table(cr):
    """Make the columns and indexes that are missing, and commit that.

    :raises UserError: a job that runs, or another transaction, has the table for longer
        than two seconds.
    """
    is_old = column_exists(cr, "queue_job", "changed_xid")
    columns = [name for name in COLUMNS if not column_exists(cr, "queue_job", name)]
    indexes = [name for name in INDEXES if not index_exists(cr, name)]
    if not (is_old or columns or indexes):
        return
    cr.commit()  # pylint: disable=invalid-commit
    try:
        cr.execute(LOCK, log_exceptions=False)
    except LockNotAvailable:
        cr.rollback()
        cr.execute(RUNNING)
        [names] = cr.fetchone()
        # nobody's language is known here
        reason = REFUSED % (names or "no job, but another transaction is open")
        raise UserError(reason) from None
    if is_old:
        cr.execute(OLD)
    for name in columns:
        column = SQL.identifier(name), SQL(COLUMNS[name])
        cr.execute(SQL("ALTER TABLE queue_job ADD %s %s", *column))
    for name in indexes:
        index = SQL.identifier(name), SQL(INDEXES[name].replace("%", "%%"))
        cr.execute(SQL("CREATE INDEX %s ON queue_job %s", *index))
        if not name.startswith("queue_job__"):
            # by the comment Odoo knows whether a later version has changed the index
            comment = f"INDEX {INDEXES[name]}"
            cr.execute(SQL("COMMENT ON INDEX %s IS %s", index[0], comment))
    cr.commit()  # pylint: disable=invalid-commit
