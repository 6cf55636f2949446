"""Filling the database, in an `odoo shell` beside the server, whose runners do it all.

Only the dates are made up: what the runners have done just now becomes a past.
"""

from harness.demo.enqueue import channel

from .past import fill_past
from .present import fill_present
from .work import CHANNELS, MANAGER


def fill(env, jobs, runners):
    """Have a manager, channels, so many runners, so many jobs that have ended, and
    others that run or wait. All of it is committed."""
    _add_manager(env)
    _add_channels(env)
    for _number in range(1, runners):
        env["queue.job.runner"].action_add()
    env.cr.commit()
    fill_past(env, jobs)
    for name, limits in CHANNELS.items():
        channel(env, name).write(limits)
    fill_present(env)


def _add_manager(env):
    groups = ("base.group_user", "queue_job.group_queue_job_manager")
    env["res.users"].create(
        {
            "name": "Mia Manager",
            "login": MANAGER,
            "password": MANAGER,
            "group_ids": [(6, 0, [env.ref(group).id for group in groups])],
        }
    )


def _add_channels(env):
    """Create the site's channels, without limits; those of the demo addon go."""
    root = env.ref("queue_job.channel_root")
    demo = env.ref("queue_job_cron_jobrunner_demo.channel_demo")
    functions = env["queue.job.function"].search([("channel_id", "child_of", demo.id)])
    functions.channel_id = root
    env["queue.job.channel"].search([("id", "child_of", demo.id)]).unlink()
    for name in CHANNELS:
        channel(env, name)
