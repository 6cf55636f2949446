# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Names and limits of channels, as ``queue_job/jobrunner/channels.py`` has them."""

from functools import lru_cache
from typing import NamedTuple

ROOT = "root"


class Limits(NamedTuple):
    """What a channel allows, as the fields of ``queue.job.channel``."""

    capacity: int = 0  # jobs at the same time, 0: no limit
    sequential: bool = False
    throttle: int = 0  # seconds between two starts
    paused: bool = False
    capacity_default: int = 0
    sequential_default: bool = False


NO_LIMITS = Limits()


def full_name(name):
    """Return the name from the root on: ``sub`` means ``root.sub``.

    >>> full_name("sub"), full_name("root.sub"), full_name("root"), full_name(None)
    ('root.sub', 'root.sub', 'root', 'root')
    """
    if not name or name == ROOT:
        return ROOT
    return name if name.startswith(f"{ROOT}.") else f"{ROOT}.{name}"


def short_names(name):
    """Return the names that jobs may give to the channel of that full name.

    >>> short_names("root.sub"), short_names("root"), short_names("root.root")
    (['root.sub', 'sub'], ['root', ''], ['root.root'])
    """
    names = [name, "" if name == ROOT else name.removeprefix(f"{ROOT}.")]
    return [short for short in names if full_name(short) == name]


@lru_cache(maxsize=1024)
def path(name):
    """Return the full names of the channel and its ancestors, the root last.

    >>> path("a.b")
    ('root.a.b', 'root.a', 'root')
    """
    parts = full_name(name).split(".")
    return tuple(".".join(parts[:length]) for length in range(len(parts), 0, -1))


class Channels:
    """The limits in force.

    >>> channels = Channels({"a": Limits(capacity=4, capacity_default=2)})
    >>> channels.limits("root.a").capacity, channels.limits("root.a.b").capacity
    (4, 2)
    >>> channels.limits("root.a.b.c").capacity, channels.limits("root").capacity
    (0, 0)
    """

    def __init__(self, limits):
        self._limits = {full_name(name): value for name, value in limits.items()}

    def limits(self, name):
        """Return the limits of the channel of that full name.

        One without a configuration has the defaults that its parent gives.
        """
        limits = self._limits.get(name)
        if limits is None:
            parent = self._limits.get(name.rpartition(".")[0], NO_LIMITS)
            limits = Limits(parent.capacity_default, parent.sequential_default)
        return limits._replace(capacity=1) if limits.sequential else limits

    def sequential(self, names):
        """Return the sequential channels on the paths of these."""
        every = {name for channel in names for name in path(channel)}
        return {name for name in every if self.limits(name).sequential}

    def throttled(self, channel):
        """Return the throttled channels that a start in that channel counts for."""
        return [name for name in path(channel) if self.limits(name).throttle]
