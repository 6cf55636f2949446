# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a claim would decide now, for the screens: nothing is written, nothing locked.

A job that somebody has locked is not known to be: claims pass it over meanwhile.
"""

from dataclasses import replace
from typing import Any, NamedTuple

from .acquisition import Acquisition
from .channels import path
from .claim import ETA_BATCH
from .decision import FULL, Head
from .look import IS_LATER, IS_READY, PLACE
from .situation import look_at_holds

# Why a job waits, beside the reasons for which a channel is closed.
NEXT = "next"  # it starts as soon as a runner is free
BEHIND = "behind"  # detail is the number of jobs that come first

# Jobs whose eta has passed since the last claim: the next one will note them.
IS_RIPE = f"{IS_LATER} AND eta <= %(now)s"
RIPE = f"""
    SELECT DISTINCT ON (COALESCE(channel, '')) COALESCE(channel, ''), {PLACE}
      FROM (SELECT * FROM queue_job
             WHERE {IS_RIPE}
             ORDER BY eta
             LIMIT {ETA_BATCH}) AS ripe
     ORDER BY COALESCE(channel, ''), {PLACE}
"""

MOST_AHEAD = 10_000  # counting more takes too long, and means no more to anybody
_IS_AHEAD = f"COALESCE(channel, '') = open.channel AND ({PLACE}) < %(place)s"
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


class Outlook(Acquisition):
    """The decision that a claim would make at that time.

    In a flood of etas a claim notes the earliest, see ``NOTE_ETAS``.

    :param asked: a dictionary from :class:`Head` to channel, of jobs whose time has
        come, whether the next claim notes that or not
    """

    def __init__(self, env, now, asked=None):
        self.asked = asked or {}
        super().__init__(env, lambda job_id: True, now)

    def is_open(self, channel):
        return not any(name in self.closed for name in path(channel))

    def wait(self, channel, place):
        """Return why the job at that place of the channel, whose time has come, waits.

        :param place: a :class:`Head`
        """
        for name in path(channel):
            if name in self.closed:
                return self._wait_for(self.closed[name])
        if place == self.head:
            return Wait(NEXT)
        open_channels = list(filter(self.is_open, self.queue.heads))
        values = {"now": self.now, "open": open_channels, "place": place}
        self.cr.execute(AHEAD, values)
        return Wait(BEHIND, detail=self.cr.fetchone()[0])

    def _wait_for(self, closed):
        jobs = ()
        if closed.reason == FULL:
            running = self.queue.running.items()
            jobs = tuple(sorted(i for i, c in running if closed.channel in path(c)))
        return Wait(closed.reason, closed.channel, closed.detail, jobs)

    def _note_etas(self):
        first_eta = self.situation.first_eta
        if not first_eta or first_eta > self.now:
            return False
        self.cr.execute(RIPE, {"now": self.now})
        ripe = {Head(*place): channel for channel, *place in self.cr.fetchall()}
        heads = dict(self.situation.heads)
        for head, channel in {**ripe, **self.asked}.items():
            heads[channel] = min(heads.get(channel, head), head)
        self.situation = replace(self.situation, heads=heads, first_eta=None)
        return True

    def _look_at_holds(self, queue):
        look_at_holds(self.cr, self.channels, queue, after=self.now)
