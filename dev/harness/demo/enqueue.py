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
        for stages in batch["graphs"]:
            chain(
                *(group(*(delayable(env, job) for job in jobs)) for jobs in stages)
            ).delay()
        env.cr.commit()


def delayable(env, job):
    ledger = env["queue.job.demo.ledger"].delayable(
        description=job["token"],
        priority=job["priority"],
        eta=job["eta"],
        max_retries=job["max_retries"],
    )
    return getattr(ledger, job["method"])(job["token"], *job["args"])
