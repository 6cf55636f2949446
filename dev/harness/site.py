"""A database like that of a site which has worked for half a day, for people to look
at: filled by the runners of the server that serves it.

Only the dates are made up: the jobs of the demo's plan become a past. Then come others
that run or wait, one kind for each reason to wait. `site` starts an `odoo shell` that
calls `fill`; all the rest is for in there.
"""

import os
import random
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from .cache import new_log
from .fleet import Fleet
from .jobs import Batch, Job, alone, channel, enqueue, prepare, wait_for
from .process import free_port, run_shell
from .report import step

MANAGER = "manager"  # login and password
CHANNELS = {
    "root.accounting": {"capacity": 3},
    "root.accounting.closing": {"capacity": 1, "sequential": True},
    "root.accounting.invoices": {"capacity": 2},
    "root.mail": {},
    "root.shop": {},
    "root.shop.newsletter": {"paused": True},
    "root.shop.stock": {"throttle": 20},
    "root.warehouse": {},
}
HOURS = 9  # of the past
CANCELLED = 40  # one in so many
MINUTES = 60  # seconds
LONG = 15 * MINUTES
FILL = """
from harness.jobs import Batch, Job, Plan
from harness.site import fill
fill(env, {plan!r}, {runners})
"""
# Nothing of it is looked at by a claim: these jobs have ended.
SET_DATES = """
    UPDATE queue_job
       SET date_created = ended - (wait + seconds) * INTERVAL '1 s',
           date_enqueued = ended - seconds * INTERVAL '1 s',
           date_started = ended - seconds * INTERVAL '1 s',
           exec_time = CASE WHEN state = 'done' THEN seconds END,
           date_done = CASE WHEN state = 'done' THEN ended END,
           date_cancelled = CASE WHEN state = 'cancelled' THEN ended END,
           date_failed = CASE WHEN state = 'failed' THEN ended END,
           eta = NULL
      FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')
                   - %(age)s * INTERVAL '1 s' AS ended,
                   %(wait)s AS wait,
                   %(seconds)s AS seconds) AS dates
     WHERE name = %(token)s
"""
numbers = count(117)


@dataclass
class Kind:
    """channel: its full name; description: with a place for a number; seconds: the
    mean duration; wait: the mean of how long they waited, in seconds."""

    channel: str
    description: str
    seconds: float
    wait: float

    def token(self):
        return self.description.format(next(numbers))

    def job(self, method, *args, **options):
        return Job(self.token(), method, [*args], channel=self.channel, **options)


CLOSING = Kind("root.accounting.closing", "Close the day of shop {}", 20, 200)
INVOICE = Kind("root.accounting.invoices", "Make the PDF of INV/2026/{:05}", 25, 90)
SUMMARY = Kind("root.mail", "Send the summary of the invoices of day {}", 2, 2)
CONFIRMATION = Kind("root.mail", "Send the confirmation of S{:05}", 2, 3)
REMINDER = Kind("root.mail", "Send the reminder of INV/2026/{:05}", 2, 3)
NEWSLETTER = Kind("root.shop.newsletter", "Export contact {} to the newsletter", 3, 30)
STOCK = Kind("root.shop.stock", "Push the stock of product {} to the shop", 1, 60)
REORDER = Kind("root.warehouse", "Compute the reordering rule {}", 30, 15)

PAST = (INVOICE, INVOICE, CONFIRMATION, CONFIRMATION, STOCK, REORDER, CLOSING)


@contextmanager
def site(env, database, past, runners):
    """Fill and serve a database; yield the URL, and the Fleet.

    past: a plan, of the jobs that have ended. One cron worker is left beside the
    runners. Some jobs take longer than a worker may take by default.
    """
    port = free_port(8069)
    ports = [f"--http-port={port}", f"--gevent-port={free_port(8072)}"]
    options = *ports, "--workers=2", "--limit-time-real-cron=0"
    with Fleet(env, database, 1, runners + 1, *options) as fleet:
        with step(f"Starting Odoo, cron workers: {fleet.runners}"):
            fleet.wait_until_listening()
        with step(f"Letting its runners do {len(past.jobs)} jobs, and start others"):
            code = FILL.format(plan=past, runners=runners)
            log, error = new_log(f"{database}-fill"), "The jobs could not be enqueued."
            run_shell(env, database, code, log, error)
        yield f"http://127.0.0.1:{port}", fleet


def fill(env, past, runners):
    """Have a manager, channels, so many runners, the jobs of a plan that have ended,
    and others that run or wait. All of it is committed."""
    _add_manager(env)
    _add_channels(env)
    prepare(env, runners)
    _fill_past(env, past)
    _fill_present(env)


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


def _fill_past(env, plan):
    """Let the runners do the plan, as jobs of a site, spread over hours."""
    rng, kinds = random.Random(len(plan.jobs)), {}
    for job in plan.jobs:
        # one that has failed would hold the channel of closings
        kind = rng.choice(PAST if job.state == "done" else PAST[:-1])
        job.token, job.channel = kind.token(), kind.channel
        kinds[job.token] = kind
    for batch in plan.batches:
        enqueue(env, batch)
    pending = env["queue.job"].search([("state", "=", "pending")])
    pending[::CANCELLED].button_cancelled()
    env.cr.commit()
    alive = [("state", "not in", ("done", "failed", "cancelled"))]
    wait_for(env, lambda: not env["queue.job"].search_count(alive), "the past is over")
    for token, kind in kinds.items():
        dates = {
            "token": token,
            # more of them in the last hours
            "age": rng.random() ** 1.3 * HOURS * 3600,
            "wait": rng.expovariate(1 / kind.wait),
            "seconds": rng.uniform(0.5, 1.5) * kind.seconds,
        }
        env.cr.execute(SET_DATES, dates)


def _fill_present(env):
    """Enqueue jobs, and kill the worker of one of them for the rescue to find."""
    killed = INVOICE.job("sleep", LONG, priority=1, age=8 * MINUTES)
    enqueue(env, Batch(alone(killed), limits=CHANNELS))
    env.cr.commit()
    _kill_worker(env, env["queue.job"].search([("name", "=", killed.token)]))
    holds = CLOSING.job("fail", age=90 * MINUTES)
    enqueue(env, Batch(alone(holds)))
    env.cr.commit()
    failed = env["queue.job"].search([("name", "=", holds.token)])
    wait_for(
        env, lambda: failed.state == "failed", "a job that holds others has failed"
    )
    enqueue(env, Batch([*_waiting()]))
    env.cr.commit()


def _kill_worker(env, job):
    """Kill the process that runs the job, and wait until another one has it."""
    wait_for(env, lambda: job.state == "started", "a job to be killed runs")
    os.kill(job.worker_pid, signal.SIGKILL)

    def again():
        env["queue.job.runner"].search([("active", "=", True)]).action_run_now()
        env.cr.commit()
        return job.date_rescued and job.state == "started"

    wait_for(env, again, "the job of the killed worker runs again")


def _waiting():
    """Yield the graphs of the jobs that wait: for others, for limits, for a time."""
    for number in range(3):
        age = (6 - number) * MINUTES
        yield [[INVOICE.job("sleep", LONG, priority=5, age=age)]]
    invoices = [INVOICE.job("sleep", MINUTES) for _number in range(2)]
    yield [invoices, [SUMMARY.job("record")]]
    for number in range(4):
        yield [[CLOSING.job("sleep", 20, age=(80 - number) * MINUTES)]]
    for number in range(40):
        yield [[NEWSLETTER.job("record", age=(120 - number) * MINUTES)]]
        yield [[STOCK.job("sleep", 1, priority=8, age=5 * MINUTES)]]
        # what one runner is at for an hour
        yield [[REORDER.job("sleep", 30 + number, age=(45 - number) * MINUTES)]]
    for number in range(1, 9):
        yield [[REMINDER.job("record", eta=2 * number * 60 * MINUTES)]]
    for number in range(1, 4):
        yield [[CONFIRMATION.job("record", eta=20 * number * MINUTES)]]
