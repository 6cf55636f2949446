# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a claim would decide now, for the screens: nothing is written, nothing locked.

A job that somebody has locked is not known to be: claims pass it over meanwhile.
"""

from typing import Any, NamedTuple

from .claim import ETA_BATCH, channels_in_force
from .decision import FULL, Head, path
from .look import (
    CHANNEL,
    IS_LATER,
    IS_READY,
    PLACE,
    heads,
    holds,
    look,
    time_of_decision,
)
from .server_channels import InvalidChannels

# Why a job waits, beside the reasons for which a channel is closed.
NEXT = "next"  # it starts as soon as a runner is free
BEHIND = "behind"  # detail is the number of jobs that come first

# Jobs whose eta has passed since the last claim: the next one will note them.
IS_RIPE = f"{IS_LATER} AND eta <= %(now)s"
RIPE = f"""
    SELECT DISTINCT ON ({CHANNEL}) {CHANNEL}, {PLACE}
      FROM (SELECT * FROM queue_job
             WHERE {IS_RIPE}
             ORDER BY eta
             LIMIT {ETA_BATCH}) AS ripe
     ORDER BY {CHANNEL}, {PLACE}
"""

MOST_AHEAD = 10_000  # counting more takes too long, and means no more to anybody
_IS_AHEAD = f"{CHANNEL} = open.channel AND ({PLACE}) < %(place)s"
AHEAD = f"""
    SELECT count(*)
      FROM (SELECT
              FROM unnest(%(open)s::varchar[]) AS open (channel)
             CROSS JOIN LATERAL (
                 SELECT FROM queue_job WHERE {IS_READY} AND {_IS_AHEAD}
                  UNION ALL
                 SELECT FROM queue_job WHERE {IS_RIPE} AND {_IS_AHEAD}
             ) AS ahead
             LIMIT {MOST_AHEAD}) AS ahead
"""


class Wait(NamedTuple):
    """Why a job does not run. ``detail`` is that of the reason, as in
    :class:`~.decision.Closed`, and ``jobs`` are the ids of those it waits for."""

    reason: str
    channel: str | None = None
    detail: Any = None
    jobs: tuple[int, ...] = ()


def may_any_start(cr):
    """Return whether a claim would find a job to start now."""
    now = time_of_decision(cr)
    try:
        return bool(Outlook(cr, channels_in_force(cr), now).next)
    except InvalidChannels:
        return False


class Outlook:
    """The decision that a claim would make at that time.

    In a flood of etas a claim notes the earliest, see ``NOTE_ETAS``.

    :param asked: a dictionary from :class:`Head` to channel, of jobs whose time has
        come, whether the next claim notes that or not
    """

    def __init__(self, cr, channels, now, asked=None):
        self.cr = cr
        self.now = now
        self.look = look(cr, now)
        jobs, _read = heads(cr)
        first = {channel: head for head, channel in jobs}
        for head, channel in [*self._ripe(), *(asked or {}).items()]:
            first[channel] = min(first.get(channel, head), head)
        self.heads = first
        jobs = sorted((head, channel) for channel, head in first.items())
        self.decision = self.look.decision(channels)
        found = holds(cr, channels, jobs, after=now)
        self.decision.failed, self.decision.earliest = found
        self.next = self.decision.first_open(jobs)

    def is_open(self, channel):
        return not self.decision.closed(channel, self.heads.get(channel))

    def wait(self, channel, place, count=True):
        """Return why the job at that place of the channel, whose time has come, waits.

        :param place: a :class:`Head`
        :param count: whether to count the jobs that come first
        """
        if closed := self.decision.closed(channel, place):
            return self._wait_for(closed)
        if self.next and place == self.next[0]:
            return Wait(NEXT)
        if not count:
            return Wait(BEHIND)
        open_channels = list(filter(self.is_open, self.heads))
        values = {"now": self.now, "open": open_channels, "place": place}
        self.cr.execute(AHEAD, values)
        return Wait(BEHIND, detail=self.cr.fetchone()[0])

    def _wait_for(self, closed):
        jobs = ()
        if closed.reason == FULL:
            running = self.decision.running.items()
            jobs = tuple(sorted(i for i, c in running if closed.channel in path(c)))
        return Wait(closed.reason, closed.channel, closed.detail, jobs)

    def _ripe(self):
        first_eta = self.look.first_eta
        if not first_eta or first_eta > self.now:
            return []
        self.cr.execute(RIPE, {"now": self.now})
        return [(Head(*place), channel) for channel, *place in self.cr.fetchall()]
