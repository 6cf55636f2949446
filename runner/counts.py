# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How many jobs are in each channel, and how long the oldest of them waits."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from .decision import path
from .look import CHANNEL, IS_RUNNING, NOW

# Since when a pending job waits: it did not want to run before its eta.
WAITS_SINCE = "GREATEST(date_created, eta)"

IS_PENDING = "state = 'pending'"

INDEXES = {
    # with the channel as a column too: PostgreSQL reads no table to count expressions
    "_pending_idx": f"({CHANNEL}, {WAITS_SINCE}) INCLUDE (channel) WHERE {IS_PENDING}",
    # the list of jobs, in its order
    "_not_done_idx": "(date_created DESC, date_done DESC) WHERE state IN"
    " ('wait_dependencies', 'pending', 'enqueued', 'started', 'failed')",
    "_runner_idx": "(runner_id, date_created DESC, date_done DESC)"
    " WHERE runner_id IS NOT NULL",
    "_runner_done_idx": "(runner_id, date_done) WHERE state = 'done'",
    "_runner_failed_idx": "(runner_id, date_failed) WHERE state = 'failed'",
    # for the last hours, among years of jobs
    "_date_done_idx": "(date_done) WHERE date_done IS NOT NULL",
}
# now() and not clock_timestamp(), which no index can be asked for.
AN_HOUR_AGO = "now() AT TIME ZONE 'UTC' - INTERVAL '1 h'"
FIRST = f"ORDER BY {CHANNEL} LIMIT 1"

# The pending ones by an index alone, from one channel to the next: of 420,000 of them
# in 60 ms, where GROUP BY takes 90 ms. Those that run are few, and so are failed ones.
COUNTS = f"""
    WITH RECURSIVE pending AS (
        (SELECT {CHANNEL} AS channel FROM queue_job WHERE {IS_PENDING} {FIRST})
        UNION ALL
        SELECT following.*
          FROM pending
         CROSS JOIN LATERAL (
             SELECT {CHANNEL} AS channel FROM queue_job
              WHERE {IS_PENDING} AND {CHANNEL} > pending.channel {FIRST}
         ) AS following
    )
    SELECT pending.channel, 'pending',
           (SELECT count(*) FROM queue_job
             WHERE {IS_PENDING} AND {CHANNEL} = pending.channel),
           EXTRACT(epoch FROM {NOW} - (
               SELECT {WAITS_SINCE} FROM queue_job
                WHERE {IS_PENDING} AND {CHANNEL} = pending.channel
                ORDER BY {WAITS_SINCE} LIMIT 1
           ))::float8
      FROM pending
     UNION ALL SELECT {CHANNEL}, 'running', count(*), NULL
                 FROM queue_job WHERE {IS_RUNNING} GROUP BY {CHANNEL}
     UNION ALL SELECT {CHANNEL}, 'failed', count(*), NULL
                 FROM queue_job WHERE state = 'failed' GROUP BY {CHANNEL}
"""


@dataclass
class Counts:
    """Numbers of jobs, and for how many seconds the oldest pending one has waited.

    From the later of its creation and its eta on; None if no job waits, or only for
    its time.
    """

    pending: int = 0
    running: int = 0
    failed: int = 0
    oldest_age: Any = None


def counts(cr):
    """Return the :class:`Counts` per channel as the jobs name them."""
    cr.execute(COUNTS)
    found = defaultdict(Counts)
    for channel, kind, jobs, age in cr.fetchall():
        setattr(found[channel], kind, jobs)
        if age is not None and age >= 0:
            found[channel].oldest_age = age
    return found


def totals(found):
    """Return the same per full name, each channel's with those of its sub-channels."""
    result = defaultdict(Counts)
    for channel, each in found.items():
        for name in path(channel):
            total = result[name]
            total.pending += each.pending
            total.running += each.running
            total.failed += each.failed
            ages = [a for a in (total.oldest_age, each.oldest_age) if a is not None]
            total.oldest_age = max(ages, default=None)
    return result
