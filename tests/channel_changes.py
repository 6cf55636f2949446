# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What other transactions do to the queue between two claims."""

from uuid import uuid4

from .channel_cases import HOUR, make_job
from .channel_database import insert

JOBS = "SELECT id, state FROM queue_job WHERE id <> ALL(%s) ORDER BY id"
FAIL = "UPDATE queue_job SET state = 'failed' WHERE id = %s"
FORGET_STARTS = """
    UPDATE queue_job
       SET date_started = NULL, date_enqueued = NULL
     WHERE id <> ALL(%s)
       AND state IN ('started', 'enqueued')
 RETURNING id
"""
NEXT_STATES = {
    "pending": ["cancelled", "done"],
    "started": ["done", "done", "failed", "pending", "pending later"],
    "enqueued": ["done", "pending"],
    "failed": ["pending", "pending later", "cancelled"],
    "wait_dependencies": ["pending", "cancelled"],
    "done": ["pending"],
    "cancelled": ["pending"],
}


class Changes:
    """Changes as users, jobs and the rescue make them, some by the ORM.

    :param channels: names of channels to choose from
    :param now: a function that returns the time
    """

    def __init__(self, rng, channels, now):
        self.rng = rng
        self.channels = channels
        self.now = now

    def make(self, env, held):
        """Make one of them and return the ids of the jobs it has locked.

        :param held: the ids of jobs that other transactions have locked
        """
        change = self.rng.choice(
            [self.insert, self.enqueue, *[self.edit] * 3, *[self.move] * 4, self.rescue]
        )
        touched = change(env, held)
        env.flush_all()
        return touched

    def insert(self, env, _held):
        insert(env.cr, [make_job(self.rng, self.channels)])
        return []

    def enqueue(self, env, _held):
        job = make_job(self.rng, self.channels)._asdict()
        jobs = env["queue.job"]
        jobs = jobs.with_context(_job_edit_sentinel=jobs.EDIT_SENTINEL)
        jobs.create({"uuid": str(uuid4()), **job})
        return []

    def edit(self, env, held):
        job, _state = self.pick(env, held)
        field = self.rng.choice(["priority", "channel", "eta"])
        job.write({field: getattr(make_job(self.rng, self.channels), field)})
        return job.ids

    def move(self, env, held):
        """Set a job to a state that may follow."""
        job, state = self.pick(env, held)
        following = self.rng.choice(NEXT_STATES.get(state, [None]))
        if following == "failed":
            env.cr.execute(FAIL, [job.id])
        elif following == "pending later":
            eta = self.now() + self.rng.choice([-1, 1, 2]) * HOUR
            job.write({"state": "pending", "eta": eta})
        elif following:
            job.write({"state": following})
        return job.ids

    def rescue(self, env, held):
        env.cr.execute(FORGET_STARTS, [held])
        dead = [row[0] for row in env.cr.fetchall()]
        env["queue.job"]._rescue_dead()
        return dead

    def pick(self, env, held):
        env.cr.execute(JOBS, [held])
        job_id, state = self.rng.choice(env.cr.fetchall() or [(None, None)])
        return env["queue.job"].browse(job_id), state
