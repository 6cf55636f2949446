# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError

WHOLE_SERVER = 4  # capacity


class QueueJobChannel(models.Model):
    """The fields and methods of queue_job 18.0.4.1, by name and meaning."""

    _inherit = "queue.job.channel"

    capacity = fields.Integer(help="Jobs at the same time, 0: as the parent channel.")
    sequential = fields.Boolean(help="One job after the other.")
    throttle = fields.Integer(help="Seconds between two starts.")
    paused = fields.Boolean(help="No job starts.")
    capacity_default = fields.Integer(help="Capacity of sub-channels without any.")
    sequential_default = fields.Boolean(help="Sub-channels are sequential.")
    effective_paused = fields.Boolean(
        compute="_compute_effective_paused", recursive=True
    )
    effective_capacity = fields.Integer(
        compute="_compute_effective_capacity", recursive=True
    )

    @api.depends("paused", "parent_id.effective_paused")
    def _compute_effective_paused(self):
        for channel in self:
            above = channel.parent_id.effective_paused
            channel.effective_paused = channel.paused or above

    @api.depends("capacity", "parent_id.effective_capacity")
    def _compute_effective_capacity(self):
        for channel in self:
            parent = channel.parent_id
            above = parent.effective_capacity if parent else WHOLE_SERVER
            channel.effective_capacity = min(channel.capacity or above, above)

    @api.constrains(
        "capacity", "sequential", "throttle", "capacity_default", "sequential_default"
    )
    def _check_jobrunner_configuration(self):
        for channel in self:
            if min(channel.capacity, channel.throttle, channel.capacity_default) < 0:
                raise ValidationError(self.env._("A limit can't be negative."))
            pairs = {
                (channel.sequential, channel.capacity),
                (channel.sequential_default, channel.capacity_default),
            }
            if any(sequential and capacity != 1 for sequential, capacity in pairs):
                raise ValidationError(self.env._("Sequential means a capacity of 1."))

    @api.onchange("capacity")
    def _onchange_capacity(self):
        self.capacity_default = self.capacity

    @api.onchange("sequential")
    def _onchange_sequential(self):
        self.sequential_default = self.sequential

    def action_pause(self):
        self.write({"paused": True})

    def action_resume(self):
        self.write({"paused": False})
