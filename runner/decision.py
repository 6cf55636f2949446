# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Channels, their limits, and whether a job may start: pure logic, no database.

Names and meaning are those of ``ChannelManager`` (``queue_job/jobrunner/channels.py``),
which moves jobs from queue to queue down to the root in the memory of one process. Here
the jobs are gone through in the order of the queue, and the first one whose way to the
root is open is the one that starts. That is the same one: from the leaves to the root
each channel hands on the first of what its open sub-channels hand on.

>>> channels = Channels({"root": Limits(capacity=3), "b": Limits(capacity=1)})
>>> decision = Decision(channels, running={7: "root.b.sub"}, now=None)
>>> decision.first_open([(Head(5, 1, 1), "b"), (Head(10, 2, 2), "a")])
(Head(priority=10, date_created=2, id=2), 'a')
>>> decision.closed("b")
Closed(channel='root.b', reason='full', detail=1)
>>> decision.start(2, "a")
>>> decision.closed("a")
>>> decision.start(3, "a")
>>> decision.closed("a")
Closed(channel='root', reason='full', detail=3)
"""

from collections import Counter
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

ROOT = "root"
MOST_WAYS = 20_000  # to remember: some use a channel's name for each key


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


@lru_cache(maxsize=MOST_WAYS)
def path(name):
    """Return the full names of the channel and its ancestors, the root last.

    >>> path("a.b")
    ('root.a.b', 'root.a', 'root')
    """
    parts = full_name(name).split(".")
    return tuple(".".join(parts[:length]) for length in range(len(parts), 0, -1))


class Channels:
    """The limits in force, and what follows from them alone: computed once.

    >>> channels = Channels({"a": Limits(capacity=4, capacity_default=2)})
    >>> channels.limits("root.a").capacity, channels.limits("root.a.b").capacity
    (4, 2)
    >>> channels.limits("root.a.b.c").capacity, channels.limits("root").capacity
    (0, 0)
    """

    def __init__(self, limits):
        self._limits = {full_name(name): value for name, value in limits.items()}
        self._ways = {}

    def limits(self, name):
        """Return the limits of the channel of that full name.

        One without a configuration has the defaults that its parent gives.
        """
        limits = self._limits.get(name)
        if limits is None:
            parent = self._limits.get(name.rpartition(".")[0], NO_LIMITS)
            limits = Limits(parent.capacity_default, parent.sequential_default)
        return limits._replace(capacity=1) if limits.sequential else limits

    def way(self, channel):
        """Return the (full name, limits) of the channels that may hold up a job of
        that channel, its own first, the root last."""
        way = self._ways.get(channel)
        if way is None:
            if len(self._ways) >= MOST_WAYS:
                self._ways.clear()
            every = ((name, self.limits(name)) for name in path(channel))
            way = tuple(each for each in every if any(each[1][:4]))
            self._ways[channel] = way
        return way

    def sequential(self, channels):
        """Return the full names of the sequential channels on the ways of these."""
        ways = map(self.way, channels)
        return {name for way in ways for name, limits in way if limits.sequential}

    def throttled(self, channel):
        """Return the throttled channels that a start in that channel counts for."""
        return [name for name, limits in self.way(channel) if limits.throttle]


PAUSED = "paused"
FAILED_JOB = "failed_job"  # sequential: detail is the id of the failed job
FULL = "full"  # detail is the capacity
THROTTLED = "throttled"  # detail is the time of the next start
EARLIER_JOB = "earlier_job"  # sequential: detail is the id of the job with an eta
HELD_JOB = "held_job"  # sequential: detail is the id of the job somebody has locked


class Head(NamedTuple):
    """The place of a pending job in the queue: what jobs are ordered by."""

    priority: int
    date_created: Any
    id: int


class Closed(NamedTuple):
    """Why no job of a channel, and of those below it, may start now."""

    channel: str
    reason: str
    detail: Any = None


class Decision:
    """Which channels are closed at one moment.

    :param running: the channel of each running job, by its id
    :param starts: when the last job of a throttled channel started, by full name
    :param now: a datetime, as those of ``starts``

    What holds a sequential channel, by its full name: ``failed``, the id of a failed
    job; ``earliest``, the :class:`Head` of the job with the smallest eta ahead;
    ``held``, the id of a job that somebody has locked.
    """

    def __init__(self, channels, running, now, starts=None):
        self.channels = channels
        self.running = dict(running)
        self.now = now
        self.starts = dict(starts or {})
        self.failed, self.earliest, self.held = {}, {}, {}
        self._counts = Counter(n for each in running.values() for n in path(each))

    def first_open(self, jobs):
        """Return the first of these (:class:`Head`, channel) that may start, or None.

        :param jobs: in the order of the queue
        """
        return next((each for each in jobs if not self.closed(each[1], each[0])), None)

    def closed(self, channel, head=None):
        """Return the :class:`Closed` nearest to the job, None if its way is open.

        :param head: the job's :class:`Head`: without it a job with an eta ahead
            holds nothing
        """
        for name, limits in self.channels.way(channel):
            if reason := self._reason(name, limits, head):
                return Closed(name, *reason)
        return None

    def start(self, job_id, channel):
        """Count a job of that channel as running, started now."""
        self.running[job_id] = channel
        self._counts.update(path(channel))
        self.starts |= dict.fromkeys(self.channels.throttled(channel), self.now)

    def hold(self, job_id, channel):
        """Somebody has locked the job: those behind it in sequential channels wait."""
        self.held |= dict.fromkeys(self.channels.sequential([channel]), job_id)

    def _reason(self, name, limits, head):
        if limits.paused:
            return PAUSED, None
        if limits.sequential and name in self.failed:
            return FAILED_JOB, self.failed[name]
        if limits.capacity and self._counts[name] >= limits.capacity:
            return FULL, limits.capacity
        if limits.throttle and name in self.starts:
            end = self.starts[name] + timedelta(seconds=limits.throttle)
            if self.now < end:
                return THROTTLED, end
        if limits.sequential and name in self.held:
            return HELD_JOB, self.held[name]
        earlier = self.earliest.get(name)
        if limits.sequential and head and earlier and earlier < head:
            return EARLIER_JOB, earlier.id
        return None
