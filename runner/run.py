# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import itertools
import logging
import math
import random
import time
from contextlib import suppress

from psycopg2 import InterfaceError, OperationalError

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from .budget import Budget
from .presence import Presence
from .regular import RegularRunnerActive, warn_of_regular_runner
from .switch import SwitchedOff

_logger = logging.getLogger(__name__)

CLAIM_TRIES = 5  # each may wait for the lock for 5 s
RESCUE_INTERVAL = 2  # seconds
HELD_JOB_INTERVAL = 0.5  # seconds
SHORT_WAIT = 1  # seconds: a worker waits that long itself for what may start then

_known = {}  # name of the database: the situation of this process' last claim


class RegistryChanged(Exception):
    """Another process has installed, upgraded or removed a module."""


class Run:
    """One execution of a runner's cron: claims and processes jobs.

    Until nothing may start or its time is up; in the latter case the runner is
    triggered again. The jobs have a cursor of their own, so that the cron's has
    no open transaction meanwhile and none that a job could break.

    :param env: the environment of the cron; its transaction is committed.
    """

    def __init__(self, env):
        self.env = env
        self.budget = Budget(env.context.get("cron_end_time", math.inf))
        self.presence = Presence(env.cr, env.context.get("cron_id"))
        self.cr = None
        self.jobs = 0
        self.rescued = -math.inf

    def work(self):
        """Process jobs. Whatever happens to one of them does not end the run."""
        self.env.cr.commit()  # pylint: disable=invalid-commit
        try:
            reason = self._work()
        except RegularRunnerActive:
            warn_of_regular_runner(self.env.cr.dbname)
            return
        finally:
            with suppress(InterfaceError):  # the lock goes with the connection
                self.presence.leave()
            if self.cr:
                self.cr.close()
        if reason:
            _logger.debug("Run ends after %s jobs: %s", self.jobs, reason)
            self.env["ir.cron"]._trigger_running_cron()
        if self.jobs > 1:
            self.env["ir.cron"]._report_progress(self.jobs - 1)

    def _work(self):
        """Process jobs and return why there may be more to do, or None."""
        for turn in itertools.count():
            if reason := self.budget.spent(first=not turn):
                return reason
            self._rescue()
            try:
                job, wait = self._claim()
            except SwitchedOff:
                return None
            except RegistryChanged:
                return "the registry has changed"
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
                return f"others were in the way of every claim: {error}"
            if job:
                self._process(job)
            elif wait is None:
                return None
            elif self.budget.end == math.inf:
                return "what could start is locked, or has to wait"
            else:
                time.sleep(wait)

    def _queue(self):
        """Return the model of jobs on this run's cursor: a new one after each job."""
        if self.cr is None or self.cr.closed:
            self.cr = self.env.registry.cursor()
            # the first environment is the one that flushes: no cron's context
            api.Environment(self.cr, SUPERUSER_ID, {})
        return self.env(cr=self.cr)["queue.job"]

    def _rescue(self):
        if time.monotonic() - self.rescued < RESCUE_INTERVAL:
            return
        self.rescued = time.monotonic()
        queue = self._queue()
        try:
            queue._rescue_jobs()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
            _logger.debug("Rescue put off: %s", error)
        except Exception:
            _logger.exception("Rescue failed")
        self._roll_back()

    def _claim(self):
        """Return a job that is this run's own, or None and for how long to wait.

        That is in seconds, and None if the run is to end: it is absent then, and an
        idle runner is triggered for when something may start.

        :raises RegistryChanged, RegularRunnerActive, SwitchedOff: why there is no job.
        :raises psycopg2.Error: other claims were in the way every time.
        """
        for attempt in range(1, CLAIM_TRIES + 1):
            queue = self._queue()
            self.presence.enter()
            try:
                self._check_signaling()
                known = _known.pop(self.cr.dbname, None)
                claim = queue._claim_one_job(not self.jobs, known)
                job, wait = queue.browse(claim.head and claim.head.id), None
                if not job:
                    wait = self._wait(queue, claim)
                    self.cr.commit()  # pylint: disable=invalid-commit
                _known[self.cr.dbname] = claim.situation
                return job, wait
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if attempt == CLAIM_TRIES or self.budget.spent(first=False):
                    raise
            except (InterfaceError, OperationalError):
                # such as a process frozen for longer than a claim may last
                if not self.cr.closed or attempt == CLAIM_TRIES:
                    raise
            finally:
                self._roll_back()
            time.sleep(random.uniform(0, 0.001 * 2**attempt))

    def _wait(self, queue, claim):
        """Return how long to wait in this run for something to start.

        Otherwise leave, while the claim still keeps all others from claiming: who
        claims next knows that this runner will not look by itself.
        """
        if claim.held:
            return HELD_JOB_INTERVAL
        start = claim.next_moment(claim.closed)
        rescue = claim.next_rescue(time.monotonic() - self.rescued)
        moment = min(filter(None, (start, rescue)), default=None)
        if moment:
            seconds = max((moment - claim.now).total_seconds(), 0)
            if seconds < SHORT_WAIT:
                return seconds
        self.presence.leave()
        # a job that this runner seems to have is one of a process that was killed
        own = {self.env.context.get("cron_id")} & claim.situation.runners
        idle = claim.situation.runners - claim.situation.busy | own
        queue.env["ir.cron"]._wake_one(idle, moment, claim.now)
        return None

    def _check_signaling(self):
        """Bring the caches up to date, on a cursor that is clean again afterwards.

        :raises RegistryChanged: the models are no longer up to date.
        """
        registry = Registry(self.cr.dbname).check_signaling(self.cr)
        self.cr.rollback()
        if registry is not self.env.registry:
            raise RegistryChanged

    def _roll_back(self):
        if not self.cr.closed:
            self.cr.rollback()

    def _process(self, job):
        self.jobs += 1
        self.budget.feed_watchdog()
        try:
            job._process(commit=True)
        except Exception:
            _logger.exception("Job %s is left to the rescue", job.id)
        # the pool resets the connection's session for the next one
        self.cr.close()
