"""What a manager of jobs does meanwhile, in an `odoo shell`."""

import time

import psycopg2

from .plans import ENDLESS, HELD


def edit(env):
    """Edit jobs that run, whether that is refused or not: but those that hold others,
    which an edit of a dead one would let go first."""
    from odoo import fields
    from odoo.exceptions import UserError

    running = [("state", "=", "started"), ("name", "not like", HELD)]
    for job in _jobs(env).search(running):
        for values in ({"priority": 5}, {"eta": fields.Datetime.now()}):
            try:
                job.write(values)
                env.cr.commit()
            except (UserError, psycopg2.Error):
                env.cr.rollback()


def stop(env):
    """Stop a job without end once it runs, whatever else befalls it meanwhile."""
    from odoo.exceptions import UserError

    endless = [("name", "=like", f"{ENDLESS}%"), ("state", "=", "started")]
    while not (job := _jobs(env).search(endless, limit=1)):
        time.sleep(1)
        env.cr.rollback()
    while job.state != "cancelled":
        try:
            job.button_stop()
            env.cr.commit()
        except UserError:
            env.cr.rollback()
        time.sleep(1)
        env.cr.rollback()
        env.invalidate_all()


def cancel(env):
    """Cancel a failed job that holds another one."""
    failed = [("state", "=", "failed"), ("name", "=like", f"{HELD}%")]
    _jobs(env).search(failed, limit=1).button_cancelled()
    env.cr.commit()


def _jobs(env):
    return env["queue.job"].with_user(env.ref("base.user_admin"))
