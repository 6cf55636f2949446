# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The limits of a channel, under the names that queue_job 18.0.4.1 gives them: when
19.0 brings the fields itself, these are the same ones. Which of them are in force, and
what goes on in a channel and its sub-channels."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..runner import wake
from ..runner.counts import counts, totals
from ..runner.decision import ROOT, Channels, Limits, full_name, path
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
        help="The minimum time between the starts of two jobs, in seconds.",
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
        wake.tell(self.env.cr)
        return channels

    def write(self, vals):
        result = super().write(vals)
        if MATTERS & vals.keys():
            wake.tell(self.env.cr)
        return result

    def unlink(self):
        result = super().unlink()
        wake.tell(self.env.cr)
        return result

    def action_pause(self):
        """Start nothing more in these channels."""
        self.paused = True

    def action_resume(self):
        """Let the jobs of these channels start again."""
        self.paused = False

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
        exportable=False,
        help="The server's own configuration of channels, where there is one: it "
        "holds alone, and what stands here is not in force.",
    )
    limits_in_force = fields.Char(
        compute="_compute_limits_in_force",
        help="What the server's own configuration says about this channel.",
    )
    limits_error = fields.Char(
        compute="_compute_limits_in_force",
        exportable=False,
        help="Why the server's own configuration of channels can't be understood. No "
        "job starts until it is corrected.",
    )

    @api.depends(
        "capacity",
        "sequential",
        "paused",
        "complete_name",
        "parent_id.effective_capacity",
        "parent_id.effective_paused",
    )
    def _compute_effective_limits(self):
        try:
            of_server = server_channels()
        except InvalidChannels:
            of_server = Channels({})
        for channel in self:
            channels = of_server or channel._channels_of_records()
            limits = [channels.limits(name) for name in path(channel.complete_name)]
            capacities = [each.capacity for each in limits if each.capacity]
            channel.effective_capacity = min(capacities, default=0)
            channel.effective_paused = any(each.paused for each in limits)

    @api.depends("complete_name")
    def _compute_limits_in_force(self):
        source, _text = source_and_text()
        error = False
        try:
            channels = server_channels()
        except InvalidChannels as invalid:
            error = str(invalid)
        for channel in self:
            channel.limits_source = source
            channel.limits_error = error
            if error:
                channel.limits_in_force = self.env._("Not understood: no job starts")
            elif source and channel.complete_name:
                limits = channels.limits(full_name(channel.complete_name))
                channel.limits_in_force = self._describe(limits)
            else:
                channel.limits_in_force = False

    def _describe(self, limits):
        """Return the limits as the configuration has them, such as ``2:throttle=5``."""
        if limits == Limits():
            return self.env._("No limit of its own")
        options = [
            name if value is True else f"{name}={value}"
            for name, value in limits._asdict().items()
            if value and name != "capacity"
        ]
        return ":".join([str(limits.capacity), *options])

    def _channels_of_records(self):
        """Return the :class:`Channels` of the records from this one to the root.

        As they are being edited; without a query for each channel of a page.
        """
        way = self
        while (parent := way[-1].parent_id) and parent not in way:
            way += parent
        if self.name != ROOT and len(way) == 1:
            way += self.search([("complete_name", "=", ROOT)])
        # one that has no name yet would be taken for the root
        return Channels(
            {each.complete_name: each._own_limits() for each in way if each.name}
        )

    def _own_limits(self):
        return Limits(*(self[name] for name in Limits._fields))

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
        exportable=False,
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
            channel.oldest_age = (count.oldest_age or 0) / 3600

    @api.depends("running_count", "effective_capacity")
    def _compute_occupancy(self):
        for channel in self:
            channel.occupancy = str(channel.running_count)
            if channel.effective_capacity:
                channel.occupancy += f" / {channel.effective_capacity}"


class QueueJobChannelStart(models.Model):
    """The last start in each throttled channel, written by claims alone."""

    _name = "queue.job.channel.start"
    _description = "Last Start in a Throttled Job Channel"
    _log_access = False

    name = fields.Char(required=True, readonly=True, help="Full name of the channel.")
    date_started = fields.Datetime(required=True, readonly=True)

    _name_uniq = models.Constraint("UNIQUE (name)", "One row per channel.")
