"""What a user does, in `odoo shell`: duplicate the runner, enqueue jobs.

The demo feeds this file to the shell, with a call of `main` behind it.
"""

import time

from odoo.addons.queue_job.delay import chain, group


def main(env, runners, plan):
    """Have that many runners, then enqueue the plan, one commit per batch."""
    first = env.ref("queue_job_cron_jobrunner.queue_job_cron")
    for number in range(2, runners + 1):
        first.copy({"name": f"{first.name} {number}"})
    env.cr.commit()
    for batch in plan["batches"]:
        time.sleep(batch["pause"])
        wait_until_done(env, batch["after"])
        for name, limits in batch["limits"].items():
            channel(env, name).write(limits)
        for stages in batch["graphs"]:
            chain(
                *(group(*(delayable(env, job) for job in jobs)) for jobs in stages)
            ).delay()
        env.cr.commit()


def wait_until_done(env, count):
    """Return when at least that many jobs are done."""
    while count_done(env) < count:
        time.sleep(0.1)


def count_done(env):
    count = env["queue.job"].search_count([("state", "=", "done")])
    # what comes next needs a new snapshot
    env.cr.rollback()
    return count


def channel(env, name):
    """Return the channel of that full name, and create it if need be."""
    channels = env["queue.job.channel"]
    found = channels.search([("complete_name", "=", name)])
    if found:
        return found
    parent, _, last = name.rpartition(".")
    return channels.create({"name": last, "parent_id": channel(env, parent).id})


def delayable(env, job):
    ledger = env["queue.job.demo.ledger"].delayable(
        description=job["token"],
        priority=job["priority"],
        eta=job["eta"],
        max_retries=job["max_retries"],
        channel=job["channel"],
    )
    return getattr(ledger, job["method"])(job["token"], *job["args"])
