"""What a user does: duplicate the runner, edit channels, enqueue the jobs of a plan.

`enqueueing` starts an `odoo shell` that calls `main`; the rest is for in there.
"""

import time
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path

from harness.cache import new_log
from harness.process import odoo_shell

from .plan import Plan

Shell = namedtuple("Shell", "process log")

LIMIT = 5  # seconds, of a job that hangs
DEV = Path(__file__).resolve().parents[2]
CODE = """
import sys
sys.path.append({dev!r})
from harness.demo.enqueue import main
from harness.demo.plan import Batch, Job, Plan
main(env, {runners}, {plan!r})
"""
# In the transaction that enqueues, so that no claim has seen the job yet.
BACKDATE = """
    UPDATE queue_job SET date_created = date_created - %s * INTERVAL '1 s'
     WHERE name = %s
"""


@contextmanager
def enqueueing(database, runners, plan):
    """The Shell that has so many runners and enqueues the plan, gone at the end.

    It is in a session of its own: Ctrl-C is for the command alone.
    """
    log = new_log(f"{database}-enqueue")
    code = CODE.format(dev=str(DEV), runners=runners, plan=plan)
    with odoo_shell(database, code, log, start_new_session=True) as process:
        yield Shell(process, log)


def main(env, runners, plan):
    """Have that many runners, then enqueue the plan, one commit per batch."""
    add_runners(env, runners)
    # not in its XML, which OCA's addon loads too, in the tests of a change to this one
    env.ref("queue_job_cron_jobrunner_demo.job_function_hang").time_limit = LIMIT
    env.cr.commit()
    for batch in plan.batches:
        time.sleep(batch.pause)
        _wait_until_done(env, batch.after)
        enqueue(env, batch)
        env.cr.commit()


def add_runners(env, count):
    """Have so many runners."""
    first = env.ref("queue_job_cron_jobrunner.queue_job_cron")
    for number in range(2, count + 1):
        first.copy({"name": f"{first.name} {number}"})


def enqueue(env, batch):
    """Edit the channels of the batch, then enqueue its jobs."""
    from odoo.addons.queue_job.delay import chain, group

    for name, limits in batch.limits.items():
        channel(env, name).write(limits)
    for stages in batch.graphs:
        chain(
            *(group(*(_delayable(env, job) for job in jobs)) for jobs in stages)
        ).delay()
    env.flush_all()
    for job in Plan([batch]).jobs:
        if job.age:
            env.cr.execute(BACKDATE, [job.age, job.token])


def channel(env, name):
    """Return the channel of that full name, and create it if need be."""
    channels = env["queue.job.channel"]
    found = channels.search([("complete_name", "=", name)])
    if found:
        return found
    parent, _, last = name.rpartition(".")
    return channels.create({"name": last, "parent_id": channel(env, parent).id})


def _delayable(env, job):
    ledger = env["queue.job.demo.ledger"].delayable(
        description=job.token,
        priority=job.priority,
        eta=job.eta,
        max_retries=job.max_retries,
        channel=job.channel,
    )
    return getattr(ledger, job.method)(job.token, *job.args)


def _wait_until_done(env, count):
    """Return when at least that many jobs are done."""
    while env["queue.job"].search_count([("state", "=", "done")]) < count:
        time.sleep(0.1)
        env.cr.rollback()  # what comes next needs a new snapshot
