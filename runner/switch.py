# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Switching a runner off while it is busy.

Odoo's cron cursor holds the runner's row for a whole run, so what somebody wishes
meanwhile stands in a table of its own (``models/queue_job_runner_wish.py``). It is in
force from the next claim on; the row follows at the end of the run.
"""

# Of an unaliased ir_cron: it will look for jobs when it is triggered.
IS_RUNNER = """
    queue_job_runner
    AND active
    AND NOT EXISTS (
        SELECT
          FROM queue_job_runner_wish
         WHERE runner_id = ir_cron.id AND switch IN ('off', 'remove')
    )
"""

IS_SWITCHED_OFF = """
    EXISTS (
        SELECT
          FROM queue_job_runner_wish
         WHERE runner_id = %(runner)s AND switch IN ('off', 'remove')
    )
"""


class SwitchedOff(Exception):
    """The run's runner is to be off: no further job."""
