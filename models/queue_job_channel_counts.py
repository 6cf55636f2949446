# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What goes on in a channel and its sub-channels, on the screens."""

from odoo import api, fields, models

from ..runner.channels import full_name
from ..runner.counts import counts, totals


class QueueJobChannel(models.Model):
    _inherit = "queue.job.channel"

    pending_count = fields.Integer(
        string="Pending",
        compute="_compute_counts",
        help="Pending jobs in this channel and its sub-channels, those that wait for "
        "their time included.",
    )
    running_count = fields.Integer(
        string="Running",
        compute="_compute_counts",
        help="Jobs that run in this channel and its sub-channels.",
    )
    failed_count = fields.Integer(
        string="Failed",
        compute="_compute_counts",
        help="Failed jobs in this channel and its sub-channels.",
    )
    oldest_age = fields.Float(
        string="Oldest Waiting (h)",
        compute="_compute_counts",
        help="For how long the oldest pending job has waited, since its creation, or "
        "its eta if that is later, in hours and minutes.",
    )
    occupancy = fields.Char(
        string="Running / Capacity",
        compute="_compute_occupancy",
        help="Running jobs, and the effective capacity where there is one.",
    )

    @api.depends("complete_name")
    def _compute_counts(self):
        self.env["queue.job"].flush_model()
        found = totals(counts(self.env.cr))
        for channel in self:
            count = found[full_name(channel.complete_name)]
            channel.pending_count = count.pending
            channel.running_count = count.running
            channel.failed_count = count.failed
            channel.oldest_age = (count.oldest or 0) / 3600

    @api.depends("running_count", "effective_capacity")
    def _compute_occupancy(self):
        for channel in self:
            channel.occupancy = str(channel.running_count)
            if channel.effective_capacity:
                channel.occupancy += f" / {channel.effective_capacity}"
