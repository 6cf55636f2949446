"""The jobs that run or wait, one kind for each reason to wait."""

import os
import signal
from datetime import timedelta

from odoo.fields import Datetime

from odoo.addons.queue_job.delay import chain, group

from .jobs import delayable, enqueue, wait_for
from .work import (
    CLOSING,
    CONFIRMATION,
    INVOICE,
    NEWSLETTER,
    REMINDER,
    REORDER,
    STOCK,
    Kind,
)

MINUTES = 60  # seconds
LONG = 15 * MINUTES
SUMMARY = Kind("root.mail", "Send the summary of the invoices of day {}", 2, 2)


def fill_present(env):
    """Enqueue jobs, and kill the worker of one of them for the rescue to find."""
    jobs = env["queue.job"]
    killed = enqueue(env, INVOICE, "sleep", LONG, priority=1, age=8 * MINUTES)
    env.cr.commit()
    _kill_worker(env, jobs.search([("uuid", "=", killed)]))
    _wait_for_others(env)
    _wait_for_limits(env)
    _wait_for_time(env)
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


def _wait_for_others(env):
    """A full channel, a sequential one that is held, and a job that depends on two."""
    for number in range(3):
        enqueue(env, INVOICE, "sleep", LONG, priority=5, age=(6 - number) * MINUTES)
    invoices = [delayable(env, INVOICE, "sleep", MINUTES) for _number in range(2)]
    chain(group(*invoices), delayable(env, SUMMARY, "record")).delay()
    holds = enqueue(env, CLOSING, "fail", age=90 * MINUTES)
    env.cr.commit()
    job = env["queue.job"].search([("uuid", "=", holds)])
    wait_for(env, lambda: job.state == "failed", "a job has failed that holds others")
    for number in range(4):
        enqueue(env, CLOSING, "sleep", 20, age=(80 - number) * MINUTES)


def _wait_for_limits(env):
    """A paused channel, a throttled one, and what one runner is at for an hour."""
    for number in range(40):
        enqueue(env, NEWSLETTER, "record", age=(120 - number) * MINUTES)
        enqueue(env, STOCK, "sleep", 1, priority=8, age=5 * MINUTES)
        enqueue(env, REORDER, "sleep", 30 + number, age=(45 - number) * MINUTES)


def _wait_for_time(env):
    now = Datetime.now()
    for number in range(1, 9):
        enqueue(env, REMINDER, "record", eta=now + timedelta(hours=2 * number))
    for number in range(1, 4):
        enqueue(env, CONFIRMATION, "record", eta=now + timedelta(minutes=20 * number))
