"""What claims cost. `./dev/bench claims` feeds this file to `odoo shell`, behind
backlog.py and with a call of `main` behind it."""

import json
import statistics
import time
from contextlib import closing

CLAIMS = 200
FINISH = "UPDATE queue_job SET state = 'done' WHERE id = %s"
# Entries of jobs that are done stay in the indexes as long as an old snapshot lives.
LEAVE_DEAD_ENTRIES = (
    "UPDATE queue_job SET state = 'started' WHERE priority = 5",
    "UPDATE queue_job SET state = 'done' WHERE priority = 5",
)
DEAD = 20_000


def main(env, size):
    """Make a backlog and print the medians, in seconds, as JSON.

    :param size: which one: a method of Backlog
    """
    with closing(env.registry.cursor()) as cursor:
        cursor._cnx.autocommit = True
        backlog = Backlog(cursor)  # noqa: F821
        getattr(backlog, size)()
        measured = {
            "in one run": measure(env),
            "first of a run": measure(env, remember=False),
        }
        with closing(env.registry.cursor()) as old:
            old.execute("SELECT count(*) FROM ir_cron")
            backlog.add(DEAD, "pending", priority=5)
            for statement in LEAVE_DEAD_ENTRIES:
                cursor.execute(statement)
            measured |= {
                "in one run, old snapshot": measure(env),
                "first of a run, old snapshot": measure(env, remember=False),
            }
    print("BENCH", json.dumps(measured), flush=True)


def measure(env, remember=True):
    """Return the median of the seconds that a claim takes.

    :param remember: go by the claim before, as in one run
    """
    jobs, known, seconds = env["queue.job"], None, []
    for _number in range(CLAIMS):
        env.cr.rollback()
        start = time.perf_counter()
        claim = jobs._claim_one_job(first=False, known=known)
        seconds.append(time.perf_counter() - start)
        known = claim.situation if remember else None
        env.cr.execute(FINISH, [claim.head.id])
        env.cr.commit()
    return statistics.median(seconds)
