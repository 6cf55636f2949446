"""What users do, in an `odoo shell`."""

import random
import statistics
import time
from datetime import timedelta
from multiprocessing.connection import Connection

from odoo.addons.queue_job.delay import chain

RUNNER = "queue_job_cron_jobrunner.queue_job_cron"
CLEAR = """
    TRUNCATE queue_job, ir_cron_trigger CASCADE;
    DELETE FROM queue_job_channel WHERE complete_name LIKE 'root.g%'
"""
FINISH = "UPDATE queue_job SET state = 'done' WHERE id = %s"


def serve(env, descriptor):
    """Call what is asked for, by name and arguments, until we are killed."""
    with Connection(descriptor) as asked:
        while True:
            name, arguments = asked.recv()
            asked.send(globals()[name](env, **arguments))
            env.cr.rollback()


def prepare(env, runners):
    """Have no jobs, and that many runners."""
    env.cr.execute(CLEAR)
    have_runners(env, runners)


def have_runners(env, count):
    """Have that many runners, and no other scheduled action in their way."""
    crons = env["ir.cron"].with_context(active_test=False).search([], order="id")
    found = crons.filtered("queue_job_runner") if count else crons.browse()
    for _number in range(len(found), count):
        found |= env.ref(RUNNER).copy()
    active = found[:count]
    # not those that are as they should be: a busy one can't be written on
    (crons - active).filtered("active").write({"active": False})
    active.filtered(lambda cron: not cron.active).write({"active": True})
    env.cr.commit()


def enqueue(env, count, name, priority=10, duration=0):
    """Enqueue jobs in one transaction; return the seconds until all is done for it."""
    start = time.perf_counter()
    for _number in range(count):
        delayable = env["queue.job"].with_delay(description=name, priority=priority)
        delayable._test_job(job_duration=duration)
    env.cr.commit()
    return time.perf_counter() - start


def enqueue_singly(env, count, name, pause=(0, 0)):
    """Enqueue jobs in a transaction each, one after each of these pauses (seconds).

    Return for each its uuid, when it was committed, and the seconds that it took: with
    what comes after the commit.
    """
    found, due = [], time.monotonic()
    for _number in range(count):
        due += random.uniform(*pause)
        time.sleep(max(due - time.monotonic(), 0))
        start, committed = time.perf_counter(), []
        env.cr.postcommit.add(lambda moments=committed: moments.append(time.time()))
        uuid = env["queue.job"].with_delay(description=name)._test_job().uuid
        env.cr.commit()
        found.append((uuid, *committed, time.perf_counter() - start))
    return found


def enqueue_ahead(env, seconds):
    """For each of these times from now enqueue a job with that eta, and one that fails
    twice, with so much time between."""
    jobs = env["queue.job"]
    for ahead in seconds:
        jobs.with_delay(description="eta", eta=timedelta(seconds=ahead))._test_job()
        failing = jobs.with_delay(description="retry", max_retries=2)
        failing._test_job(failure_rate=1, failure_retry_seconds=ahead)
    env.cr.commit()


def enqueue_chain(env, count, name):
    jobs = env["queue.job"]
    links = [jobs.delayable(description=name)._test_job() for _number in range(count)]
    chain(*links).delay()
    env.cr.commit()


def time_claims(env, count, remember):
    """Return the median of the seconds that a claim takes; remember: each goes by the
    one before, as in one run."""
    claim, seconds = claims(env), []
    for _number in range(count):
        env.cr.rollback()
        start = time.perf_counter()
        job_id = claim(remember)
        seconds.append(time.perf_counter() - start)
        env.cr.execute(FINISH, [job_id])
        env.cr.commit()
    return statistics.median(seconds)


def claims(env):
    """Return a function that claims a job, as a run does, and returns its id.

    This is all that knows the engines: ours, and the peer's, whose runs tell nobody.
    """
    runner, jobs = env.ref(RUNNER).id, env["queue.job"]
    if not hasattr(jobs, "_release_dependents"):
        return lambda remember: jobs._acquire_one_job().id

    from odoo.addons.queue_job_cron_jobrunner.runner.claim import Claims

    claims = Claims(env.cr, env.registry, runner)

    def claim(remember):
        if not remember:
            claims._known = None
        return claims.claim().job.id

    return claim
