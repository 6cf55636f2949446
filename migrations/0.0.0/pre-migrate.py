# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""From any version before: the table of jobs, and what OCA's addon of the same name has
set."""

import logging

from odoo.tools.sql import column_exists

from odoo.addons.queue_job_cron_jobrunner.runner.table import prepare_table

_logger = logging.getLogger(__name__)

# In whole seconds, as Odoo's own: a fraction would make a cron run twice.
NOW = "date_trunc('second', now() AT TIME ZONE 'UTC')"

# What OCA's addon and Odoo give to every runner: nobody has changed it. The next call
# is up to a day ahead by then, and would stay there.
TAKE_OUR_INTERVAL = f"""
    UPDATE ir_cron
       SET interval_number = 5,
           interval_type = 'minutes',
           nextcall = {NOW}
     WHERE queue_job_runner AND interval_number = 1 AND interval_type = 'days'
"""
TAKE_OUR_PRIORITY = """
    UPDATE ir_cron SET priority = 10 WHERE queue_job_runner AND priority = 5
"""

# A run that failed there has lost its triggers, and its jobs wait for the interval.
WAKE_RUNNERS = f"""
    INSERT INTO ir_cron_trigger (cron_id, call_at)
         SELECT id, {NOW}
           FROM ir_cron
          WHERE queue_job_runner AND active
"""


def migrate(cr, version):
    is_ours = column_exists(cr, "queue_job", "eta_reached")
    prepare_table(cr)
    if is_ours:
        return
    _logger.info("Replacing OCA's addon: its runners get our interval and priority")
    for statement in (TAKE_OUR_INTERVAL, TAKE_OUR_PRIORITY, WAKE_RUNNERS):
        cr.execute(statement)
