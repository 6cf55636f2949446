"""What users do: enqueue jobs. The job is one that queue_job itself has for tests."""

import random
import time
from datetime import timedelta

RUNNER = "queue_job_cron_jobrunner.queue_job_cron"
CLEAR = "TRUNCATE queue_job, ir_cron_trigger CASCADE"
IS_DONE = "SELECT 1 FROM queue_job WHERE uuid = %s AND state = 'done'"
REST = 0.2, 0.4  # seconds between two jobs on an idle server
PATIENCE = 20  # seconds: then it is time for the next one


def prepare(env, runners):
    """Have no jobs, that many runners, and no other scheduled action in their way."""
    env.cr.execute(CLEAR)
    crons = env["ir.cron"].with_context(active_test=False).search([])
    active = crons.browse()
    if runners:
        first = env.ref(RUNNER)
        found = crons.filtered("queue_job_runner")
        for _number in range(len(found), runners):
            found |= first.copy()
        active = found[:runners]
    (crons - active).write({"active": False})
    active.write({"active": True})
    env.cr.commit()


def enqueue(env, count, name="", priority=10, duration=0):
    """Enqueue jobs in one transaction.

    Return the seconds that creating them took, and those of the commit and its hooks.
    """
    start = time.perf_counter()
    for _number in range(count):
        delayable(env, name, priority=priority)._test_job(job_duration=duration)
    created = time.perf_counter()
    env.cr.commit()
    return created - start, time.perf_counter() - created


def enqueue_singly(env, count):
    """Enqueue jobs in a transaction each, without a pause; return the seconds each."""
    return [sum(enqueue(env, 1)) for _number in range(count)]


def enqueue_at_pace(env, count, name, interval):
    """Enqueue jobs in a transaction each, one every `interval` seconds."""
    start = time.monotonic()
    for number in range(count):
        time.sleep(max(start + number * interval - time.monotonic(), 0))
        enqueue(env, 1, name)


def enqueue_one_by_one(env, count, name):
    """Enqueue each job when the one before it is done, and a rest is over.

    Return when each was committed, by its uuid. The commit's hooks come after that.
    """
    committed = {}
    for _number in range(count):
        times = []
        env.cr.postcommit.add(lambda times=times: times.append(time.time()))
        uuid = delayable(env, name)._test_job().uuid
        env.cr.commit()
        [committed[uuid]] = times
        deadline = time.monotonic() + PATIENCE
        while not is_done(env, uuid) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(random.uniform(*REST))
    return committed


def enqueue_for_later(env, name, seconds):
    """Enqueue a job for each of these etas, in seconds from now."""
    for each in seconds:
        delayable(env, name, eta=timedelta(seconds=each))._test_job()
    env.cr.commit()


def enqueue_failing(env, name, seconds):
    """Enqueue jobs that fail twice, with these delays between the two tries."""
    for each in seconds:
        delayable(env, name, max_retries=2)._test_job(
            failure_rate=1, failure_retry_seconds=each
        )
    env.cr.commit()


def delayable(env, name, **options):
    return env["queue.job"].with_delay(description=name, **options)


def is_done(env, uuid):
    env.cr.execute(IS_DONE, [uuid])
    found = env.cr.fetchone()
    env.cr.rollback()
    return bool(found)
