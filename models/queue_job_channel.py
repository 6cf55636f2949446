# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The limits of a channel, under the names that queue_job 18.0.4.1 gives them: when
19.0 brings the fields itself, these are the same ones."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..runner.channels import Limits

MATTERS = {*Limits._fields, "name", "parent_id"}


class QueueJobChannel(models.Model):
    _inherit = "queue.job.channel"

    capacity = fields.Integer(
        help="How many jobs of this channel and its sub-channels may run at the same "
        "time. 0: as many as the parent channel allows.",
    )
    sequential = fields.Boolean(
        help="The jobs run one after the other, in order; a failed one holds those "
        "behind it. It needs a capacity of 1.",
    )
    throttle = fields.Integer(
        help="The least time between the starts of two jobs, in seconds.",
    )
    paused = fields.Boolean(
        help="Nothing starts in this channel and its sub-channels. What runs goes on.",
    )
    capacity_default = fields.Integer(
        string="Sub-Channels' Default Capacity",
        help="The capacity of sub-channels that are not in this list. 0: as many as "
        "this channel allows.",
    )
    sequential_default = fields.Boolean(
        string="Sub-Channels Sequential by Default",
        help="Sub-channels that are not in this list are sequential.",
    )

    @api.constrains(
        "capacity", "sequential", "throttle", "capacity_default", "sequential_default"
    )
    def _check_jobrunner_configuration(self):
        for channel in self:
            if channel.capacity < 0 or channel.capacity_default < 0:
                raise ValidationError(
                    self.env._("A channel's capacity can't be negative. 0 is no limit.")
                )
            if channel.throttle < 0:
                raise ValidationError(
                    self.env._("A channel's throttle can't be negative.")
                )
            if channel.sequential and channel.capacity != 1:
                raise ValidationError(
                    self.env._("A sequential channel must have a capacity of 1.")
                )
            if channel.sequential_default and channel.capacity_default != 1:
                raise ValidationError(
                    self.env._(
                        "Sub-channels that are sequential by default must have a "
                        "default capacity of 1."
                    )
                )

    @api.onchange("capacity")
    def _onchange_capacity(self):
        self.capacity_default = self.capacity

    @api.onchange("sequential")
    def _onchange_sequential(self):
        self.sequential_default = self.sequential

    @api.model_create_multi
    def create(self, vals_list):
        channels = super().create(vals_list)
        self._wake_runner()
        return channels

    def write(self, vals):
        result = super().write(vals)
        if MATTERS & vals.keys():
            self._wake_runner()
        return result

    def unlink(self):
        result = super().unlink()
        self._wake_runner()
        return result

    def action_pause(self):
        """Start nothing more in these channels."""
        self.paused = True

    def action_resume(self):
        """Let the jobs of these channels start again."""
        self.paused = False

    def _wake_runner(self):
        """Jobs that have waited for these limits may start now."""
        self.env["ir.cron"]._wake(fields.Datetime.now())
