# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The limits of a channel, under the names that queue_job 18.0.4.1 gives them: when
19.0 brings the fields itself, these are the same ones."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..runner.channels import Channels, Limits, full_name, path
from ..runner.claim import LIMITS
from ..runner.server_channels import InvalidChannels, server_channels, source_and_text

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
        help="Nothing starts in this channel and its sub-channels. Jobs that run go on.",
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
    effective_capacity = fields.Integer(
        compute="_compute_effective_limits",
        recursive=True,
        help="The smallest capacity in force on the way to the root. 0: no limit but "
        "the number of runners.",
    )
    effective_paused = fields.Boolean(
        compute="_compute_effective_limits",
        recursive=True,
        help="Whether this channel or one above it is paused.",
    )
    limits_source = fields.Char(
        compute="_compute_limits_in_force",
        help="The server's own configuration of channels, where there is one: it "
        "holds alone, and what stands here is not in force.",
    )
    limits_in_force = fields.Char(
        compute="_compute_limits_in_force",
        help="What the server's own configuration says about this channel.",
    )
    limits_error = fields.Char(
        compute="_compute_limits_in_force",
        help="Why the server's own configuration of channels can't be understood. No "
        "job starts until it is corrected.",
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

    @api.depends("capacity", "sequential", "paused", "complete_name")
    @api.depends("parent_id.effective_capacity", "parent_id.effective_paused")
    def _compute_effective_limits(self):
        channels = self._shown_channels()
        for channel in self:
            names = path(channel.complete_name)
            limits = [channels.limits(name) for name in names]
            capacities = [each.capacity for each in limits if each.capacity]
            channel.effective_capacity = min(capacities, default=0)
            channel.effective_paused = any(each.paused for each in limits)

    @api.depends("complete_name")
    def _compute_limits_in_force(self):
        error = False
        try:
            source, channels = server_channels()
        except InvalidChannels as invalid:
            error, channels = str(invalid), Channels({})
            source, _text = source_and_text()
        for channel in self:
            channel.limits_source = source
            channel.limits_error = error
            limits = source and channels.limits(full_name(channel.complete_name))
            channel.limits_in_force = limits and self._describe(limits)

    def _describe(self, limits):
        """Return the limits as the configuration has them, such as ``2:throttle=5``."""
        options = [
            name if value is True else f"{name}={value}"
            for name, value in limits._asdict().items()
            if value and name != "capacity"
        ]
        return ":".join([str(limits.capacity), *options])

    def _shown_channels(self):
        try:
            return self._channels_in_force()
        except InvalidChannels:
            return Channels({})

    @api.model
    def _channels_in_force(self, limits=None):
        """Return the :class:`Channels` that this process goes by.

        :param limits: the stored ones, if they have been read
        :raises InvalidChannels: the server's configuration means nothing.
        """
        _source, channels = server_channels()
        if channels is None:
            if limits is None:
                self.flush_model()
                self.env.cr.execute(LIMITS)
                [limits] = self.env.cr.fetchone()
            channels = Channels({name: Limits(*values) for name, *values in limits})
        return channels

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
