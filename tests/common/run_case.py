# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.tools import config

from ...runner import run
from ...runner.claim import Claims
from ...runner.look import look
from ...runner.rescue import rescue
from ...runner.transaction import lock_job
from ...runner.wake import LEAVE
from .server import wait_until
from .server_case import PATIENCE, ServerCase

ADDON = "odoo.addons.queue_job_cron_jobrunner"
RUNNER = "queue_job_cron_jobrunner.queue_job_cron"
# The first claims that start a job.
CONFLICTS = """
    CREATE SEQUENCE conflicts;
    CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('conflicts') <= {count} THEN
                RAISE 'conflict' USING ERRCODE = '{sqlstate}';
            END IF;
            RETURN NEW;
        END
    $$;
    CREATE TRIGGER conflict BEFORE UPDATE ON queue_job FOR EACH ROW
        WHEN (OLD.state = 'pending' AND NEW.state = 'started')
        EXECUTE FUNCTION conflict();
"""
NO_CONFLICTS = "DROP SEQUENCE conflicts; DROP FUNCTION conflict CASCADE"


class RunCase(ServerCase):
    """Real runs, with commits, in the process of the test instead of a server's."""

    linger = 0  # seconds: a run that finds nothing comes to an end

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        from . import misbehaviour  # noqa: F401  # the demo addon is there now

    def setUp(self):
        super().setUp()
        # a registry that is loaded again would look for tests otherwise
        self.enterContext(patch.dict(config.options, test_enable=False))
        self.enterContext(patch.object(run, "LINGER", self.linger))
        self.threads = self.enterContext(ThreadPoolExecutor())

    def enqueue(self, method, *args, **options):
        """Enqueue a method of the ledger, commit, and return the job's id."""
        with self.transaction() as env:
            delayable = env["queue.job.demo.ledger"].with_delay(**options)
            return getattr(delayable, method)(*args).db_record().id

    def run_jobs(self, seconds=None):
        """Do what a runner's cron does.

        :param seconds: how long the slice is; without it the run is nobody's cron.
        """
        with self.transaction() as env:
            context = {}
            if seconds is not None:
                context["cron_id"] = env.ref(RUNNER).id
                context["cron_end_time"] = time.monotonic() + seconds
            env["queue.job"].with_context(**context)._job_runner()

    def start(self, function, *args):
        """Call the function in a thread; return its future."""
        return self.threads.submit(function, *args)

    def run_in_thread(self, seconds=None):
        self.start(self.run_jobs, seconds).result(PATIENCE)

    def cursor(self):
        """Return a cursor that is closed at the end of the test."""
        return self.enterContext(closing(self.registry.cursor()))

    def claims(self, cr=None, runner=None):
        """Return the claims of a run of that runner, by default the first one."""
        cr = cr or self.cursor()
        # presence is the session's: it would go on in the pool
        self.addCleanup(self.end_presence, cr)
        return Claims(cr, self.registry, runner or self.runner_id())

    def end_presence(self, cr):
        if not cr.closed:
            cr.rollback()
            cr.execute(LEAVE)

    def runner_id(self):
        """Return the id of the first runner's cron."""
        with self.transaction() as env:
            return env.ref(RUNNER).id

    def claim(self, cr=None):
        """Claim the next job as a run does; return its record on that cursor."""
        cr = cr or self.cursor()
        cr.rollback()
        choice = self.claims(cr).claim()
        cr.execute(LEAVE)
        cr.commit()  # pylint: disable=invalid-commit
        env = api.Environment(cr, SUPERUSER_ID, {})
        return env["queue.job"].browse(choice.job and choice.job.id)

    def lock(self, record):
        """Lock the claimed job as a run does; return whether it could be had."""
        return bool(lock_job(record.env.cr, record.id))

    def rescue(self, cr=None):
        """Look for dead jobs and stranded dependents as a run does."""
        cr = cr or self.cursor()
        jobs = api.Environment(cr, SUPERUSER_ID, {})["queue.job"]
        now = jobs._time_of_decision()
        seen = look(cr, now)
        cr.rollback()
        for job_id, message in rescue(cr, seen.running, now, jobs._dead_message):
            jobs.browse(job_id)._after_death(message)
        jobs._release_stranded()

    def wait_until(self, condition, what):
        """Return the first true value of ``condition()``."""
        return wait_until(condition, PATIENCE, what)

    def job(self, job_id):
        """Return the job's row as a dictionary."""
        with self.registry.cursor() as cr:
            cr.execute("SELECT * FROM queue_job WHERE id = %s", [job_id])
            return cr.dictfetchone()

    def state(self, job_id):
        return self.job(job_id)["state"]

    def execute(self, statement, *parameters):
        with self.registry.cursor() as cr:
            cr.execute(statement, parameters)

    def age(self, job_id, seconds=60):
        """Let the start of a job be longer ago than the rescue's grace."""
        self.execute(
            "UPDATE queue_job SET date_enqueued = date_enqueued - %s * INTERVAL '1 s',"
            " date_started = date_started - %s * INTERVAL '1 s' WHERE id = %s",
            seconds,
            seconds,
            job_id,
        )

    def switch_off(self, runner):
        """Switch a runner off as while it is busy: after its run."""
        self.execute(
            "INSERT INTO queue_job_runner_switch (runner_id, off) VALUES (%s, TRUE)",
            runner,
        )

    def tokens(self):
        """What jobs recorded, in order."""
        return [token for token, _pid in self.ledger()]

    def triggers(self):
        """Return how often runners are triggered, and forget the triggers."""
        return len(self.query("DELETE FROM ir_cron_trigger RETURNING id"))
