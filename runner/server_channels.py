# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The server's own configuration of channels: that of the regular runner.

Where there is one it holds alone, as in queue_job 18.0.4.1, so that a site can
change its runner and nothing else. Each process has its own, from its start on.
"""

import logging
import os
from functools import lru_cache

from odoo.addons.queue_job.jobrunner import queue_job_config
from odoo.addons.queue_job.jobrunner.channels import Channel, ChannelManager

from .decision import Channels, Limits, full_name

_logger = logging.getLogger(__name__)

VARIABLE, OPTION = "ODOO_QUEUE_JOB_CHANNELS", "[queue_job] channels"
REGULAR_RUNNER_OFF = "root:0"
MOST = 2**31 - 1  # as for the fields; a much longer throttle is no time any more


class InvalidChannels(ValueError):
    """The server's configuration of channels means nothing: no job may start."""


def server_channels():
    """Return the :class:`Channels` of the server's configuration, None without one.

    Not ``queue_job.jobrunner.runner._channels()``: it has a default.

    :raises InvalidChannels: it means nothing.
    """
    source, text = source_and_text()
    if not text:
        return None
    channels, error = _parse(source, text)
    if error:
        raise InvalidChannels(error)
    return channels


def source_and_text():
    """Return where the server's configuration stands, and the configuration."""
    found = {
        VARIABLE: os.environ.get(VARIABLE),
        OPTION: queue_job_config.get("channels"),
    }
    for source, text in found.items():
        if text := (text or "").strip():
            return (source, text) if text != REGULAR_RUNNER_OFF else (None, None)
    return None, None


@lru_cache
def _parse(source, text):
    """Return the :class:`Channels` or what is wrong; the log says it once."""
    try:
        configured = ChannelManager.parse_simple_config(text)
        limits = {full_name(config["name"]): _limits(config) for config in configured}
    except (ValueError, TypeError) as reason:
        error = f"{source} = {text}: {reason}"
        _logger.error("No job starts, the channels can't be understood: %s", error)
        return None, error
    known = {"name", *Limits._fields}
    if unknown := sorted({key for config in configured for key in config} - known):
        names = ", ".join(unknown)
        _logger.warning("Unknown options in %s are ignored: %s", source, names)
    return Channels(limits), None


def _limits(config):
    """Return the limits as the regular runner would have them.

    Its ``Channel`` gives the values their meaning and refuses some of them. The
    defaults for sub-channels are of 18.0.4.1.
    """
    channel = Channel(config["name"], parent=None)
    channel.configure(config)
    limits = Limits(
        capacity=channel.capacity or 0,
        sequential=channel.sequential,
        throttle=channel.throttle,
        paused=channel.paused,
        capacity_default=int(config.get("capacity_default") or 0),
        sequential_default=bool(config.get("sequential_default")),
    )
    if min(limits) < 0:
        raise ValueError(f"a limit of {config['name']} is negative")
    if max(limits) > MOST:
        raise ValueError(f"a limit of {config['name']} is too large")
    return limits
