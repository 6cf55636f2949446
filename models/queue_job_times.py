# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How long jobs wait, and the indexes of the screens."""

from odoo import fields, models
from odoo.tools.sql import column_exists

from ..runner.counts import CHANNEL, IS_PENDING, WAITS_SINCE

# PostgreSQL keeps it right whoever starts the job: a claim by SQL, or the regular
# runner by the ORM.
ADD_WAIT_TIME = f"""
    ALTER TABLE queue_job
      ADD wait_time double precision
          GENERATED ALWAYS AS (
              EXTRACT(epoch FROM date_started - {WAITS_SINCE})::float8
          ) STORED
"""


class QueueJob(models.Model):
    _inherit = "queue.job"

    wait_time = fields.Float(
        string="Waiting Time (avg)",
        readonly=True,
        copy=False,
        aggregator="avg",
        help="Seconds from the creation of the job, or from its eta if that is later, "
        "to its start. Average when grouped.",
    )

    # with the channel as a column too: PostgreSQL reads no table to count expressions
    _pending_idx = models.Index(
        f"({CHANNEL}, {WAITS_SINCE}) INCLUDE (channel) WHERE {IS_PENDING}"
    )
    # the list of jobs, in its order
    _not_done_idx = models.Index(
        "(date_created DESC, date_done DESC) WHERE state IN"
        " ('wait_dependencies', 'pending', 'enqueued', 'started', 'failed')"
    )
    # for the last hours, among years of jobs
    _date_done_idx = models.Index("(date_done) WHERE date_done IS NOT NULL")

    def _auto_init(self):
        if not column_exists(self.env.cr, self._table, "wait_time"):
            self.env.cr.execute(ADD_WAIT_TIME)
        return super()._auto_init()
