"""How much of their capacity the channels have used, from when jobs started and ended.

A channel counts while nothing but its own limit stands in the way of more jobs: it has
enough of them, running or waiting in it and below, as far as the limits below let them;
and those above it have room for all that want to run there. Whether it counts depends
on the jobs that there are, never on what the runners make of it.
"""

from collections import deque
from dataclasses import dataclass, field

# A job that was interrupted starts again.
STARTS = """
    SELECT job.name, job_channel, started, ended,
           lead(started) OVER (PARTITION BY job_id ORDER BY started) IS NOT NULL
      FROM channel_watch
      JOIN queue_job AS job ON job.id = job_id
     WHERE channel_watch.channel = 'root'
"""


@dataclass
class Start:
    token: str
    channel: str
    start: float  # seconds of the epoch, as all times here
    end: float
    interrupted: bool


@dataclass
class Use:
    """Of a channel: `seconds` it counts, `full` of them at its capacity; `used` are
    seconds of jobs. `refills` are the times from a job's end to the start that takes
    its place."""

    capacity: int
    seconds: float = 0
    full: float = 0
    used: float = 0
    refills: list[float] = field(default_factory=list)
    _free: deque = field(default_factory=deque)  # since when each free place is free

    @property
    def share(self):
        """How much of the capacity was used, None if the channel did not count."""
        return self.used / self.seconds / self.capacity if self.seconds else None

    def note(self, begin, end, running, counts):
        """Note how many jobs have run from one time to another."""
        if not counts:
            self._free.clear()
            return
        running = min(running, self.capacity)
        self.seconds += end - begin
        self.full += end - begin if running == self.capacity else 0
        self.used += (end - begin) * running
        while len(self._free) > self.capacity - running:
            self.refills.append(begin - self._free.popleft())
        while len(self._free) < self.capacity - running:
            self._free.append(begin)


class Channel:
    """A channel with those below it, and its own jobs at one time."""

    def __init__(self, name, capacities):
        depth = name.count(".") + 1
        below = [other for other in capacities if other.startswith(f"{name}.")]
        self.name = name
        self.use = Use(capacities[name])
        self.children = [
            Channel(other, capacities) for other in below if other.count(".") == depth
        ]
        self.waiting = self.started = 0

    @property
    def tree(self):
        """This channel and all below it."""
        return [self, *(each for child in self.children for each in child.tree)]

    @property
    def running(self):
        return sum(channel.started for channel in self.tree)

    @property
    def wanted(self):
        """How many would run if this channel and those above it had no limits."""
        below = sum(min(child.wanted, child.use.capacity) for child in self.children)
        return self.waiting + self.started + below

    def note(self, begin, end, room=True):
        """Note what has been the case from one time to another.

        room: there is enough of it in the channels above.
        """
        wanted, capacity = self.wanted, self.use.capacity
        self.use.note(begin, end, self.running, room and wanted >= capacity)
        for child in self.children:
            child.note(begin, end, room and wanted <= capacity)


def read(connection):
    """Return the Start of each job."""
    with connection.cursor() as cursor:
        cursor.execute(STARTS)
        return [
            Start(token, channel, start.timestamp(), end.timestamp(), interrupted)
            for token, channel, start, end, interrupted in cursor.fetchall()
        ]


def measure(starts, capacities, since):
    """Return the Use of each channel from a time on, a dictionary by full name.

    All jobs have been enqueued by then. While one is taken for running that is dead,
    nothing counts.
    """
    root = Channel("root", capacities)
    channels = {channel.name: channel for channel in root.tree}
    for start in starts:
        channels[start.channel].waiting += not start.interrupted
    events = [(start.start, 1, start.channel, start.interrupted) for start in starts]
    events += [(start.end, -1, start.channel, start.interrupted) for start in starts]
    before, dead = since, 0
    for at, step, name, interrupted in sorted(events):
        if at > since:
            root.note(before, at, room=not dead)
            before = at
        channels[name].started += step
        if interrupted:
            dead += step
        if step > 0 or interrupted:
            channels[name].waiting -= step
    return {name: channel.use for name, channel in channels.items()}
