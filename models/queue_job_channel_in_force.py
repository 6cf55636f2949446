# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Which limits hold for a channel: its record's, unless the server has its own."""

from odoo import api, fields, models

from ..runner.channels import ROOT, Channels, Limits, full_name, path
from ..runner.claim import LIMITS
from ..runner.server_channels import InvalidChannels, server_channels, source_and_text


class QueueJobChannel(models.Model):
    _inherit = "queue.job.channel"

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
            _source, of_server = server_channels()
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
            _source, channels = server_channels()
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
