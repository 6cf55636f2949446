# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Which channels are closed now and why, and what starts next.

Pure logic, without database and ORM. The meaning is that of ``ChannelManager`` in
``queue_job/jobrunner/channels.py``, which moves jobs from queue to queue down to
the root in the memory of one process. Here it is one decision at a time, from what
the rows of the jobs say at that moment:

>>> from odoo.addons.queue_job_cron_jobrunner.runner.channels import Channels, Limits
>>> queue = Queue(
...     heads={"root.a": Head(10, 1, 1), "b": Head(5, 2, 2)},
...     running={7: "root.b", 8: "b.sub"},
... )
>>> channels = Channels({"root.b": Limits(capacity=3)})
>>> decide(channels, queue, now=None).head
Head(priority=5, date_created=2, id=2)
>>> channels = Channels({"b": Limits(capacity=2)})
>>> decision = decide(channels, queue, now=None)
>>> decision.head
Head(priority=10, date_created=1, id=1)
>>> decision.closed
{'root.b': Closed(channel='root.b', reason='full', detail=2)}
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from .channels import ROOT, full_name, path

PAUSED = "paused"
FAILED_JOB = "failed_job"  # sequential: detail is the id of the failed job
FULL = "full"  # detail is the capacity
THROTTLED = "throttled"  # detail is the time of the next start
EARLIER_JOB = "earlier_job"  # sequential: detail is the id of the job with an eta
HELD_JOB = "held_job"  # sequential: detail is the id of the job somebody has locked


class Head(NamedTuple):
    """The place of a pending job in its channel's queue: what jobs are ordered by."""

    priority: int
    date_created: Any
    id: int


class Closed(NamedTuple):
    """Why no job of a channel, and of those below it, may start now."""

    channel: str
    reason: str
    detail: Any = None


class Decision(NamedTuple):
    """``head`` is what starts next, None if nothing may, ``channel`` its channel as the
    job has it; ``closed`` has the channels with jobs that nothing may start in."""

    head: Head | None
    channel: str | None
    closed: dict[str, Closed]


@dataclass
class Queue:
    """What a decision is made from. Channels have the names that jobs give them."""

    heads: dict[str, Head]  # per channel, its first job whose time has come
    running: dict[int, str] = field(default_factory=dict)  # id: channel
    starts: dict[str, Any] = field(default_factory=dict)  # the last one, if throttled
    failed: dict[str, int] = field(
        default_factory=dict
    )  # sequential: id of a failed one
    earliest: dict[str, Head] = field(default_factory=dict)  # sequential: smallest eta
    held: dict[str, int] = field(default_factory=dict)  # sequential: id of a held head


def decide(channels, queue, now):
    """Return the :class:`Decision`: the first job that may start.

    From the leaves to the root each channel hands on its first job, unless it is
    closed. ``queue.starts`` and ``now`` are datetimes.
    """
    running = queue.running.values()
    counts = Counter(name for channel in running for name in path(channel))
    first = defaultdict(list)
    for channel, head in queue.heads.items():
        for name in path(channel):
            first.setdefault(name, [])
        first[full_name(channel)].append((head, channel))
    closed = {}
    for name in sorted(first, key=_depth, reverse=True):
        best = min(first[name], default=None)
        limits = channels.limits(name)
        if reason := _closed(limits, name, queue, counts[name], now, best):
            closed[name] = Closed(name, *reason)
        elif best and name == ROOT:
            return Decision(*best, closed)
        elif best:
            first[name.rpartition(".")[0]].append(best)
    return Decision(None, None, closed)


def _depth(name):
    return name.count(".")


def _closed(limits, name, queue, running, now, best):
    """Return the reason and its detail, or None if the channel is open."""
    if limits.paused:
        return PAUSED, None
    if limits.sequential and name in queue.failed:
        return FAILED_JOB, queue.failed[name]
    if limits.capacity and running >= limits.capacity:
        return FULL, limits.capacity
    if limits.throttle and name in queue.starts:
        end = queue.starts[name] + timedelta(seconds=limits.throttle)
        if now < end:
            return THROTTLED, end
    if limits.sequential and name in queue.held:
        return HELD_JOB, queue.held[name]
    earlier = queue.earliest.get(name)
    if limits.sequential and best and earlier and earlier < best[0]:
        return EARLIER_JOB, earlier.id
    return None
