# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a claim sees of the queue, at a cost that does not depend on the backlog.

A job is *ready* if it is pending and has no eta, or one that a claim has found
passed: no index can know the time, so claims note it in ``eta_reached``. While the
two are equal, the job is ready; whoever gives it another eta needs not know this.
One probe of an index finds the first ready job of a channel, and the next channel.

An old snapshot, such as that of a job that runs for an hour, keeps the index
entries of all the jobs that were done since, and each claim would walk over them.
So a run remembers the first ready job of each channel and which jobs run, and asks
what has changed since: ``changed_xid`` is the transaction that has put the job where
it is in the queue. Claims set it by SQL, PostgreSQL for a new job, the ORM on write.
What was changed past them is seen when the memory is older than ``MEMORY`` seconds.
"""

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from .channels import Head, Queue, short_names

MEMORY = 1  # seconds
MOST_CHANGES = 1000  # above, it is cheaper to look anew

# An empty value comes last. As it is, it would compare with nothing.
PRIORITY = "COALESCE(priority, 2147483647)"
CREATED = "COALESCE(date_created, '9999-12-31')"
PLACE = f"{PRIORITY}, {CREATED}, id"

IS_READY = "state = 'pending' AND (eta IS NULL OR eta = eta_reached)"
IS_LATER = "state = 'pending' AND eta IS NOT NULL AND eta IS DISTINCT FROM eta_reached"
IS_RUNNING = "state IN ('started', 'enqueued')"
IS_ALIVE = "state IN ('pending', 'started', 'enqueued')"
THIS_XID = "pg_current_xact_id()::text::float8"

_HEAD = f"COALESCE(channel, '') AS channel, {PLACE}, NULL::int"
_FIRST = f"ORDER BY COALESCE(channel, ''), {PLACE} LIMIT 1"
_FIRST_ETA = f"SELECT eta FROM queue_job WHERE {IS_LATER}"

# The rest of what is seen; the throttled starts and the runners are a few rows.
_ALWAYS = """
    UNION ALL SELECT 'start', name, NULL, date_started, NULL, NULL
                FROM queue_job_channel_start
    UNION ALL SELECT 'runner', NULL, NULL, NULL, id, NULL
                FROM ir_cron WHERE queue_job_runner AND active
    UNION ALL SELECT 'snapshot', pg_current_snapshot()::text, NULL, NULL, NULL, NULL
"""

# A loose scan: from the first ready job of a channel to that of the next one.
LOOK = f"""
    WITH RECURSIVE head AS (
        (SELECT {_HEAD} FROM queue_job WHERE {IS_READY} {_FIRST})
        UNION ALL
        SELECT following.*
          FROM head
         CROSS JOIN LATERAL (
             SELECT {_HEAD} FROM queue_job
              WHERE {IS_READY} AND COALESCE(channel, '') > head.channel {_FIRST}
         ) AS following
    )
    SELECT 'ready', head.* FROM head
    UNION ALL SELECT 'running', COALESCE(channel, ''), NULL, NULL, id, runner_id
                FROM queue_job WHERE {IS_RUNNING}
    UNION ALL (SELECT 'eta', NULL, NULL, eta, NULL, NULL
                 FROM ({_FIRST_ETA} ORDER BY eta LIMIT 1) AS first)
    {_ALWAYS}
"""

# From what was seen a moment ago, each index is entered behind the dead entries.
LOOK_AGAIN = f"""
    WITH changed AS MATERIALIZED (
        SELECT CASE WHEN {IS_READY} THEN 'ready'
                    WHEN {IS_LATER} THEN 'eta'
                    ELSE 'running' END AS kind,
               COALESCE(channel, ''), {PRIORITY},
               CASE WHEN {IS_LATER} THEN eta ELSE {CREATED} END, id, runner_id
          FROM queue_job
         WHERE {IS_ALIVE}
           AND (changed_xid >= %(xmax)s::float8
                OR changed_xid = ANY(%(in_progress)s::float8[]))
         LIMIT {MOST_CHANGES}
    )
    SELECT * FROM changed
    UNION ALL SELECT 'ready', found.*
                FROM unnest(%(channels)s::varchar[], %(priorities)s::int[],
                            %(dates)s::timestamp[], %(ids)s::int[])
                     AS known (channel, priority, date_created, id)
               CROSS JOIN LATERAL (
                   SELECT {_HEAD} FROM queue_job
                    WHERE {IS_READY} AND COALESCE(channel, '') = known.channel
                      AND ({PLACE})
                          >= (known.priority, known.date_created, known.id) {_FIRST}
               ) AS found
    UNION ALL SELECT 'running', COALESCE(channel, ''), NULL, NULL, id, runner_id
                FROM queue_job WHERE {IS_RUNNING} AND id = ANY(%(running)s::int[])
    UNION ALL (SELECT 'eta', NULL, NULL, eta, NULL, NULL
                 FROM ({_FIRST_ETA} AND eta >= %(first_eta)s ORDER BY eta LIMIT 1)
                      AS first)
    UNION ALL SELECT 'changes', NULL, count(*)::int, NULL, NULL, NULL FROM changed
    {_ALWAYS}
"""

# For sequential channels: what holds them.
HOLDS = f"""
    SELECT name.long, failed.id, later.*
      FROM unnest(%(long)s::varchar[], %(short)s::varchar[]) AS name (long, short)
      LEFT JOIN LATERAL (
          SELECT id FROM queue_job
           WHERE state = 'failed' AND COALESCE(channel, '') = name.short
           ORDER BY id LIMIT 1
      ) AS failed ON TRUE
      LEFT JOIN LATERAL (
          SELECT eta, {PLACE} FROM queue_job
           WHERE {IS_LATER} AND COALESCE(channel, '') = name.short
           ORDER BY eta, {PLACE} LIMIT 1
      ) AS later ON TRUE
"""


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
    busy: set[int] = field(default_factory=set)  # runners with a started job
    runners: set[int] = field(default_factory=set)  # the active ones
    starts: dict = field(default_factory=dict)  # per throttled channel
    first_eta: object = None  # of those that no claim has found passed
    snapshot: Snapshot | None = None
    seen: float = field(default_factory=time.monotonic)

    def queue(self):
        """Return a :class:`Queue` that may be changed."""
        return Queue(dict(self.heads), dict(self.running), dict(self.starts))

    def is_fresh(self):
        return bool(self.snapshot) and time.monotonic() - self.seen < MEMORY


def look(cr, known=None):
    """Return the :class:`Situation` in the transaction of the cursor.

    :param known: an earlier one on the same database, to look only at what has
        changed since.
    """
    if known and known.is_fresh():
        cr.execute(LOOK_AGAIN, _memory(known), log_exceptions=False)
        situation, changes = _read(cr.fetchall())
        if changes < MOST_CHANGES:
            situation.seen = known.seen
            return situation
    cr.execute(LOOK, log_exceptions=False)
    return _read(cr.fetchall())[0]


def _memory(known):
    heads = known.heads
    return {
        "xmax": known.snapshot.xmax,
        "in_progress": known.snapshot.in_progress,
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


def look_at_holds(cr, channels, queue):
    """Note what holds the sequential channels that the queue's jobs are in."""
    names = channels.sequential(queue.heads)
    pairs = [(name, short) for name in names for short in short_names(name)]
    if not pairs:
        return
    long, short = map(list, zip(*pairs, strict=True))
    cr.execute(HOLDS, {"long": long, "short": short}, log_exceptions=False)
    etas = {}
    for name, failed, eta, *head in cr.fetchall():
        if failed:
            queue.failed[name] = failed
        place = Head(*head)
        if eta and (name not in etas or (eta, place) < etas[name]):
            etas[name] = eta, place
            queue.earliest[name] = place
