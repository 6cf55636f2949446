"""What claims cost. Needs backlog.py in front."""

import statistics
import time
from contextlib import closing, contextmanager

ENOUGH = 20  # seconds: fewer claims will do if they take that long
FINISH = "UPDATE queue_job SET state = 'done' WHERE id = %s"
RUNNER = "queue_job_cron_jobrunner.queue_job_cron"
# Entries of jobs that are done stay in the indexes as long as an old snapshot lives.
LEAVE_DEAD_ENTRIES = (
    "UPDATE queue_job SET state = 'started' WHERE priority = 5",
    "UPDATE queue_job SET state = 'done' WHERE priority = 5",
)
DEAD = 20_000


def measure_claims(env, size, part, claims):
    """Make a backlog and return the medians of that many claims, in seconds.

    :param size: which backlog: a method of Backlog
    :param part: what part of it to make
    """
    with closing(env.registry.cursor()) as cursor, in_a_run(env) as jobs:
        cursor._cnx.autocommit = True
        limits = "capacity" in env["queue.job.channel"]._fields
        backlog = Backlog(cursor, limits, part)  # noqa: F821
        getattr(backlog, size)()
        measured = {
            "in one run": measure(jobs, claims),
            "first of a run": measure(jobs, claims, remember=False),
        }
        with closing(env.registry.cursor()) as old:
            old.execute("SELECT count(*) FROM ir_cron")
            backlog.add(DEAD, "pending", priority=5)
            for statement in LEAVE_DEAD_ENTRIES:
                cursor.execute(statement)
            measured |= {
                "in one run, old snapshot": measure(jobs, claims),
                "first of a run, old snapshot": measure(jobs, claims, remember=False),
            }
    return measured


@contextmanager
def in_a_run(env):
    """The model of jobs as in a run: of a runner, and one that is known to be at work.

    The peer's runs tell nobody.
    """
    jobs = env["queue.job"].with_context(cron_id=env.ref(RUNNER).id)
    if not hasattr(jobs, "_claim_one_job"):
        yield jobs
        return
    from odoo.addons.queue_job_cron_jobrunner.runner.presence import Presence

    with closing(env.registry.cursor()) as cursor:
        presence = Presence(cursor, jobs.env.context["cron_id"])
        presence.enter()
        yield jobs
        presence.leave()


def measure(jobs, claims, remember=True):
    """Return the median of the seconds that a claim takes.

    :param remember: go by the claim before, as in one run
    """
    known, seconds, cr = None, [], jobs.env.cr
    while len(seconds) < claims and sum(seconds) < ENOUGH:
        cr.rollback()
        start = time.perf_counter()
        job_id, known = claim(jobs, known if remember else None)
        seconds.append(time.perf_counter() - start)
        cr.execute(FINISH, [job_id])
        cr.commit()
    return statistics.median(seconds)


def claim(jobs, known):
    """Claim a job; return its id, and what is to be remembered for the next claim."""
    if hasattr(jobs, "_claim_one_job"):
        claimed = jobs._claim_one_job(first=False, known=known)
        return claimed.head.id, claimed.situation
    return jobs._acquire_one_job().id, None  # of the peer
