"""The jobs of a plan, each with the end that it is meant to have, and what a user does:
duplicate the runner, edit channels, enqueue them.

`enqueueing` starts an `odoo shell` that calls `main`; what follows is for in there.
"""

import math
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

from .cache import new_log
from .process import odoo_shell, wait_until
from .report import Failure

LIMIT = 5  # seconds, of a job that hangs
CODE = """
from harness.jobs import Batch, Job, Plan, main
main(env, {runners}, {plan!r})
"""
# In the transaction that enqueues, so that no claim has seen the job yet.
BACKDATE = """
    UPDATE queue_job SET date_created = date_created - %s * INTERVAL '1 s'
     WHERE name = %s
"""


@dataclass
class Job:
    """A job to enqueue: method and arguments of the demo addon's ledger.

    `eta` is in seconds from its creation, which was `age` seconds ago; `max_retries`
    and `channel` (None: that of the job function) are as in `with_delay`. It ends in
    `state` after `tries`.
    """

    token: str
    method: str
    args: list = field(default_factory=list)
    priority: int = 10
    eta: int | None = None
    max_retries: int | None = None
    channel: str | None = None
    age: int = 0
    state: str = "done"
    tries: int = 1


@dataclass
class Batch:
    """Jobs of one transaction, and the seconds to wait before it.

    A graph is a list of stages, a stage a list of jobs that may run side by side
    once those of the stage before it are done. Before the jobs are enqueued, channels
    are edited, or created: `limits` has the values to write, per full name. It all
    waits until at least `after` jobs are done.
    """

    graphs: list[list[list[Job]]]
    pause: float = 0
    after: int = 0
    limits: dict[str, dict] = field(default_factory=dict)


@dataclass
class Plan:
    batches: list[Batch]

    @property
    def before(self):
        """For each job, whatever batch it is in, the tokens of those it comes after."""
        found = []
        for graph in (graph for batch in self.batches for graph in batch.graphs):
            above = []
            for stage in graph:
                found += [(job, above) for job in stage]
                above = above + [job.token for job in stage]
        return found

    @property
    def jobs(self):
        return [job for job, _above in self.before]

    def __str__(self):
        kinds = Counter(job.token.split()[0] for job in self.jobs)
        return ", ".join(f"{count} {kind.lower()}" for kind, count in kinds.items())


def alone(*jobs):
    """Return a graph for each of the jobs."""
    return [[[job]] for job in jobs]


def batches(graphs, size):
    starts = range(0, len(graphs), size)
    return [Batch(graphs[start : start + size]) for start in starts]


def flaky(number, rng, **options):
    """Some name the delay of a retry themselves, the others leave it to the pattern."""
    failures, seconds = rng.choice((1, 2)), rng.choice((1, 2, None))
    args = [failures, seconds]
    return Job(f"Flaky {number}", "flaky", args, tries=failures + 1, **options)


class Shell(NamedTuple):
    process: Popen
    log: Path

    def check(self):
        """:raises Failure: enqueueing has failed."""
        if self.process.poll():
            raise Failure(f"Enqueueing has failed. Log: {self.log}")


@contextmanager
def enqueueing(env, database, runners, plan):
    """The Shell that has so many runners and enqueues the plan, gone at the end.

    It is in a session of its own: Ctrl-C is for the command alone.
    """
    log = new_log(f"{database}-enqueue")
    code = CODE.format(runners=runners, plan=plan)
    with odoo_shell(env, database, code, log, start_new_session=True) as process:
        yield Shell(process, log)


def main(env, runners, plan):
    """Have that many runners, then enqueue the plan, one commit per batch."""
    prepare(env, runners)
    env.cr.commit()
    for batch in plan.batches:
        time.sleep(batch.pause)
        wait_for(env, partial(_are_done, env, batch.after), "jobs are done", math.inf)
        enqueue(env, batch)
        env.cr.commit()


def prepare(env, runners):
    """Have so many runners, and a limit for jobs that hang."""
    first = env.ref("queue_job_cron_jobrunner.queue_job_cron")
    for number in range(2, runners + 1):
        first.copy({"name": f"{first.name} {number}"})
    # not in its XML, which OCA's addon loads too, in the tests of a change to this one
    env.ref("queue_job_cron_jobrunner_demo.job_function_hang").time_limit = LIMIT


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


def _are_done(env, count):
    return env["queue.job"].search_count([("state", "=", "done")]) >= count


def wait_for(env, condition, what, patience=120):
    """Return when condition() is true, asked in new transactions.

    :raises Failure: it did not come true within so many seconds.
    """

    def is_true():
        env.cr.rollback()
        env.invalidate_all()
        return condition()

    wait_until(is_true, patience, f"Not within {patience} s: {what}")
