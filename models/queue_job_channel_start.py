# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models


class QueueJobChannelStart(models.Model):
    """The last start in each throttled channel, written by claims alone."""

    _name = "queue.job.channel.start"
    _description = "Last Start in a Throttled Job Channel"
    _log_access = False

    name = fields.Char(required=True, readonly=True, help="Full name of the channel.")
    date_started = fields.Datetime(required=True, readonly=True)

    _name_uniq = models.Constraint("UNIQUE (name)", "One row per channel.")
