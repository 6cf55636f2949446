"""Enqueueing the site's jobs, and waiting for what the runners do with them."""

import time
from itertools import count

LIMIT = 120  # seconds

# In the transaction that enqueues, so that no claim has seen the job yet.
BACKDATE = """
    UPDATE queue_job
       SET date_created = date_created - %(age)s * INTERVAL '1 s'
     WHERE uuid = %(uuid)s
"""

_numbers = count(117)


def delayable(env, kind, method, *args):
    """Return a new job of that kind; `method` and `args` are those of the ledger."""
    return _named(env, "delayable", kind, method, args)


def enqueue(env, kind, method, *args, age=0, **options):
    """Enqueue such a job, created so many seconds ago, and return its uuid."""
    job = _named(env, "with_delay", kind, method, args, **options)
    env.flush_all()
    env.cr.execute(BACKDATE, {"age": age, "uuid": job.uuid})
    return job.uuid


def _named(env, how, kind, method, args, **options):
    token = kind.description.format(next(_numbers))
    ledger = getattr(env["queue.job.demo.ledger"], how)(
        description=token, channel=kind.channel, **options
    )
    return getattr(ledger, method)(token, *args)


def wait_for(env, condition, what):
    """Return the first true value of condition(), asked in new transactions.

    :raises TimeoutError: it did not come true.
    """
    deadline = time.monotonic() + LIMIT
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not within {LIMIT} s: {what}")
        time.sleep(0.2)
        env.cr.rollback()
        env.invalidate_all()
    return value
