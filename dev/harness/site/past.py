"""The jobs that have ended."""

import random

from .jobs import enqueue, wait_for
from .work import CLOSING, PAST

HOURS = 9
FAILING, RETRIED, CANCELLED = 30, 25, 40  # one in so many

# Nothing of it is looked at by a claim: these jobs have ended.
SET_DATES = """
    UPDATE queue_job
       SET date_created = ended - (wait + seconds) * INTERVAL '1 s',
           date_enqueued = ended - seconds * INTERVAL '1 s',
           date_started = ended - seconds * INTERVAL '1 s',
           exec_time = CASE WHEN state = 'done' THEN seconds END,
           date_done = CASE WHEN state = 'done' THEN ended END,
           date_cancelled = CASE WHEN state = 'cancelled' THEN ended END,
           date_failed = CASE WHEN state = 'failed' THEN ended END,
           eta = NULL
      FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')
                   - %(age)s * INTERVAL '1 s' AS ended,
                   %(wait)s AS wait,
                   %(seconds)s AS seconds) AS dates
     WHERE uuid = %(uuid)s
"""


def fill_past(env, jobs):
    """Let the runners do so many jobs, then spread them over the last hours."""
    rng = random.Random(jobs)
    kinds = {}
    for number in range(jobs):
        kind = rng.choice(PAST)
        if number % FAILING == 5 and kind is not CLOSING:  # it would hold its channel
            uuid = enqueue(env, kind, "fail")
        elif number % RETRIED == 7:
            uuid = enqueue(env, kind, "flaky", 1, 1)
        else:
            uuid = enqueue(env, kind, "record")
        kinds[uuid] = kind
    cancelled = env["queue.job"].search(
        [("uuid", "in", list(kinds)[::CANCELLED]), ("state", "=", "pending")]
    )
    cancelled.button_cancelled()
    env.cr.commit()
    alive = [("state", "not in", ("done", "failed", "cancelled"))]
    wait_for(env, lambda: not env["queue.job"].search_count(alive), "the past is over")
    for uuid, kind in kinds.items():
        dates = {
            "uuid": uuid,
            # more of them in the last hours
            "age": rng.random() ** 1.3 * HOURS * 3600,
            "wait": rng.expovariate(1 / kind.wait),
            "seconds": rng.uniform(0.5, 1.5) * kind.seconds,
        }
        env.cr.execute(SET_DATES, dates)
    env.cr.commit()
