# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a claim sees of the queue, and what it remembers of that for the next one.

It remembers only a look that took ``SLOW`` seconds or longer, and goes by that for
``MEMORY`` seconds: what was changed past ``changed_xid`` (see ``look.py``) is seen
then.
"""

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from .channels import short_names
from .decision import Head, Queue
from .look import HOLDS
from .look_functions import CALL_LOOK, CALL_LOOK_AGAIN

MOST_CHANGES = 1000  # above, it is cheaper to look anew
SLOW = 0.003  # longer than a look at what has changed
MEMORY = 1


class Snapshot(NamedTuple):
    """What a transaction does not see: transactions from ``xmax`` on, and these."""

    xmax: int
    in_progress: list[int]

    @classmethod
    def parse(cls, text):
        """Read a ``pg_snapshot``.

        >>> Snapshot.parse("10:20:10,14"), Snapshot.parse("10:10:")
        (Snapshot(xmax=20, in_progress=[10, 14]), Snapshot(xmax=10, in_progress=[]))
        """
        _xmin, xmax, in_progress = text.split(":")
        return cls(int(xmax), [int(xid) for xid in in_progress.split(",") if xid])


@dataclass
class Situation:
    """The queue as one snapshot shows it; nothing in it is changed afterwards."""

    heads: dict[str, Head] = field(default_factory=dict)  # per channel of the jobs
    running: dict[int, str] = field(default_factory=dict)  # id: channel
    since: set = field(default_factory=set)  # when those have started
    busy: set[int] = field(default_factory=set)  # runners with a started job
    runners: set[int] = field(default_factory=set)  # the active ones
    starts: dict = field(default_factory=dict)  # per throttled channel
    first_eta: object = None  # of those that no claim has found passed
    snapshot: Snapshot | None = None
    seen: float = field(default_factory=time.monotonic)
    slow: bool = False  # to look

    def queue(self):
        """Return a :class:`Queue` that may be changed."""
        return Queue(dict(self.heads), dict(self.running), dict(self.starts))

    def is_worth_remembering(self):
        return self.slow and time.monotonic() - self.seen < MEMORY


def look(cr, known=None):
    """Return the :class:`Situation` in the transaction of the cursor.

    :param known: an earlier one on the same database, to look only at what has
        changed since.
    """
    if known and known.is_worth_remembering():
        cr.execute(CALL_LOOK_AGAIN, _memory(known), log_exceptions=False)
        situation, changes = _read(cr.fetchall())
        if changes < MOST_CHANGES:
            situation.seen, situation.slow = known.seen, True
            return situation
    start = time.monotonic()
    cr.execute(CALL_LOOK, log_exceptions=False)
    situation, _changes = _read(cr.fetchall())
    situation.slow = time.monotonic() - start >= SLOW
    return situation


def _memory(known):
    heads = known.heads
    return {
        "xmax": known.snapshot.xmax,
        "in_progress": known.snapshot.in_progress,
        "most_changes": MOST_CHANGES,
        "channels": list(heads),
        "priorities": [head.priority for head in heads.values()],
        "dates": [head.date_created for head in heads.values()],
        "ids": [head.id for head in heads.values()],
        "running": list(known.running),
        "first_eta": known.first_eta,
    }


def _read(rows):
    situation, changes = Situation(), 0
    for kind, channel, priority, moment, job_id, runner in rows:
        if kind == "ready":
            head = Head(priority, moment, job_id)
            before = situation.heads.get(channel)
            if not before or head < before:
                situation.heads[channel] = head
        elif kind == "running":
            situation.running[job_id] = channel
            situation.since |= {moment} if moment else set()
            situation.busy.add(runner)
        elif kind == "eta":
            situation.first_eta = min(situation.first_eta or moment, moment)
        elif kind == "start":
            situation.starts[channel] = moment
        elif kind == "runner":
            situation.runners.add(job_id)
        elif kind == "snapshot":
            situation.snapshot = Snapshot.parse(channel)
        else:
            changes = priority
    return situation, changes


def look_at_holds(cr, channels, queue, after="-infinity"):
    """Note what holds the sequential channels that the queue's jobs are in.

    :param after: jobs with an eta up to then hold nothing; a naive datetime in UTC
    """
    names = channels.sequential(queue.heads)
    pairs = [(name, short) for name in names for short in short_names(name)]
    if not pairs:
        return
    long, short = map(list, zip(*pairs, strict=True))
    values = {"long": long, "short": short, "after": after}
    cr.execute(HOLDS, values, log_exceptions=False)
    etas = {}
    for name, failed, eta, *head in cr.fetchall():
        if failed:
            queue.failed[name] = failed
        place = Head(*head)
        if eta and (name not in etas or (eta, place) < etas[name]):
            etas[name] = eta, place
            queue.earliest[name] = place
