# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import itertools
import logging
import math
import random
import time
from datetime import timedelta

from psycopg2 import InterfaceError, OperationalError
from psycopg2.pool import PoolError

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from . import wake
from .budget import Budget
from .claim import CachesChanged, Claims, SwitchedOff
from .copies import warn_of_copies
from .guard import Guard
from .interrupt import Lost
from .look import NOW
from .regular import RegularRunnerActive, warn_of_regular_runner
from .rescue import STRANDED, next_rescue, rescue
from .transaction import protect

_logger = logging.getLogger(__name__)

CLAIM_TRIES = 5  # each may wait for the lock for 5 s
RESCUE_INTERVAL = 2  # seconds
HELD_JOB_INTERVAL = 0.5  # seconds: somebody has locked what could start
NO_CONNECTION_INTERVAL = 1  # seconds
NEAR = 1  # seconds: a moment that a run waits for
LINGER = 1  # seconds: in a steady stream, jobs start without a run for each of them

OTHER_DUE = f"""
    SELECT 1
      FROM ir_cron
     WHERE active
       AND queue_job_runner IS NOT TRUE
       AND (nextcall <= {NOW}
            OR id IN (SELECT cron_id FROM ir_cron_trigger WHERE call_at <= {NOW}))
     LIMIT 1
       FOR NO KEY UPDATE SKIP LOCKED
"""


class Run:
    """One execution of a runner's cron: claims and processes jobs.

    On two connections. ``control`` is the cron's own cursor: claims, rescue, presence,
    listening; committed after each step, idle while a job runs, and never reset, so
    that PostgreSQL's plans of the looks live as long as the run. ``work`` is for jobs
    and all code that other modules hook into: for each a session as clean as new.

    :param env: the environment of the cron; its transaction is committed.
    """

    def __init__(self, env):
        self.env = env
        self.control = env.cr
        self.work = None
        self.runner = env.context.get("cron_id")
        self.budget = Budget(env.context.get("cron_end_time", math.inf))
        self.claims = Claims(env.cr, env.registry, self.runner)
        self.guard = None
        self.jobs = 0
        self.rescued = -math.inf
        self.worked = time.monotonic()  # when this run last had a job
        self.is_wanted = False  # elsewhere: it leaves if it finds nothing

    def run(self):
        """Process jobs until nothing may start, or the run's time is up.

        Whatever happens to one of them does not end the run. Every way out but that of
        a look that found nothing wakes another runner, or triggers this one again.
        """
        protect(self.control)
        warn_of_copies(self.control)
        self.control.commit()  # pylint: disable=invalid-commit
        self.guard = Guard(self.control.dbname, self.budget, self._sessions)
        reason, is_off = None, False
        try:
            reason = self._work()
        except RegularRunnerActive:
            warn_of_regular_runner(self.control.dbname)
        except SwitchedOff:
            reason, is_off = "its runner is to be off", True
        finally:
            self.guard.close()
            self._leave()
            if self.work:
                self.work.close()
        if reason:
            _logger.debug("Run ends after %s jobs: %s", self.jobs, reason)
            self._wake_another(None if is_off else self.runner)
        if not self.control.closed and (self.jobs > 1 or is_off):
            # Odoo: nothing remains, or it would call the cron again and again
            self.env["ir.cron"]._commit_progress(
                max(self.jobs - 1, 0), remaining=0, deactivate=is_off
            )

    def _wake_another(self, otherwise):
        try:
            wake.wake_apart(self.control.dbname, runner=otherwise)
        except wake.NO_CONNECTION as error:
            wake.wake_later(self.control.dbname, error)

    def _work(self):
        """Process jobs and return why there may be more to do, or None."""
        for turn in itertools.count():
            if reason := self.budget.spent(first=not turn):
                return reason
            try:
                if not self._open_work():
                    continue
                self.guard.is_busy = True
                if self.budget.stopping():
                    continue
                choice = self._claim()
                if choice.job:
                    self._note_progress()
                    self._process(choice.job.id, choice.now)
                    self._rescue(choice)
                    continue
                self.guard.is_busy = False
                if not (self._rescue(choice) or self._wait(choice)):
                    return None
            except CachesChanged:
                if reason := self._follow_changes():
                    return reason
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
                return f"others were in the way of every claim: {error}"
            except (InterfaceError, OperationalError) as error:
                return f"the connection is lost: {error}"

    def _follow_changes(self):
        """See what other processes have changed; return why the run can't go on then,
        or None."""
        try:
            self.control.rollback()
            registry = Registry(self.control.dbname).check_signaling()
        except wake.NO_CONNECTION as error:
            return f"there is no connection: {error}"
        if registry is not self.env.registry:
            return "the registry has changed"
        return None

    def _open_work(self):
        """Have a clean session for a job, a new one after each, before one is claimed.

        Return False if there is none to be had, after a while.
        """
        if self.work is None or self.work.closed:
            try:
                self.work = self.env.registry.cursor()
            except (PoolError, OperationalError) as error:
                _logger.info("There is no connection for jobs: %s", error)
                time.sleep(NO_CONNECTION_INTERVAL)
                return False
            wake.keep_quiet(self.work)
            self.claims.check_pooler(self.work)
        return True

    def _browse(self, job_ids=()):
        """Return jobs on the work connection, with none of a cron's context."""
        env = api.Environment(self.work, SUPERUSER_ID, {})
        return env["queue.job"].browse(job_ids)

    def _claim(self):
        """Return the :class:`Choice` of a claim.

        :raises psycopg2.Error: other claims were in the way every time.
        """
        for attempt in itertools.count(1):
            try:
                return self.claims.claim()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                self.control.rollback()
                if attempt == CLAIM_TRIES or self.budget.spent(first=False):
                    raise
            time.sleep(random.uniform(0, 0.001 * 2**attempt))

    def _note_progress(self):
        """The first job is progress in Odoo's eyes: it would take killed runs for
        timeouts without any."""
        self.jobs += 1
        if self.jobs == 1:
            self.env["ir.cron"]._commit_progress(1, remaining=0)
        else:
            self.control.commit()  # pylint: disable=invalid-commit

    def _process(self, job_id, start):
        self.budget.feed_watchdog()
        try:
            self._browse(job_id)._process(commit=True, start=start, guard=self.guard)
        except Lost as error:
            _logger.warning("%s", error)
        except Exception:
            _logger.exception("Job %s is left to the rescue", job_id)
        finally:
            self.guard.is_busy = False
            self.work.close()
            self.worked = time.monotonic()

    def _sessions(self):
        """Return the pids of PostgreSQL's processes that make the runner look busy: the
        one with its presence, and Odoo's, with the lock of its cron."""
        cron = getattr(self.budget.thread, "queue_job_cron_pid", None)
        return [self.claims.session(), cron]

    def _rescue(self, choice):
        """Every now and then, look after what this look has found: jobs of dead
        processes, and waiting jobs. Return whether it is worth a second look."""
        look = choice.look
        if time.monotonic() - self.rescued < RESCUE_INTERVAL:
            return False
        self.rescued = time.monotonic()
        if not (look.running or look.are_waiting):
            return False
        self.control.rollback()
        if not self._open_work():
            return True
        jobs = self._browse()
        message = jobs._dead_message
        ended = rescue(self.control, look.running, choice.now, message)
        if ended:
            self._leave()  # nobody relies on it while others' code runs
        for job_id, text in ended:
            jobs.browse(job_id)._after_death(text)
        if look.are_waiting:
            jobs._release_stranded()
        self.work.close()  # the next job needs a new snapshot
        return True

    def _wait(self, choice):
        """In the transaction of a look that found nothing: commit it, and wait for a
        moment that is near, or for others to enqueue; else leave and return False."""
        moment = self._next_moment(choice)
        seconds = (moment - choice.now).total_seconds() if moment else math.inf
        left = self.worked + LINGER - time.monotonic()
        if not self.runner or self.is_wanted or left <= 0 and seconds >= NEAR:
            self.claims.leave(choice, moment)
            self.control.commit()  # pylint: disable=invalid-commit
            return False
        self.claims.linger()
        self.control.commit()  # pylint: disable=invalid-commit
        connection = self.control._cnx
        connection.poll()  # the socket is silent about what has been read already
        if not connection.notifies:
            wait = min(max(left, 0) or seconds, max(seconds, 0))
            self.is_wanted = self.budget.wait(connection, wait, self._others_are_due)
            connection.poll()
        connection.notifies.clear()
        return True

    def _others_are_due(self):
        """Whether another scheduled action is due, and no worker has it."""
        self.control.execute(OTHER_DUE)
        is_due = bool(self.control.rowcount)
        self.control.rollback()
        return is_due

    def _next_moment(self, choice):
        """Return when the time alone may let something start, or needs a rescue."""
        now, look = choice.now, choice.look
        moments = [choice.next_moment(), next_rescue(look.running, now, self.runner)]
        if choice.flooded:
            moments.append(now)
        if choice.held:
            moments.append(now + timedelta(seconds=HELD_JOB_INTERVAL))
        if look.are_waiting:
            moments.append(now + STRANDED)
        return min(filter(None, moments), default=None)

    def _leave(self):
        """Let nobody rely on this run any more."""
        try:
            if not self.control.closed:
                self.control.rollback()
                self.claims.leave()
                self.control.commit()  # pylint: disable=invalid-commit
        except (InterfaceError, OperationalError):
            self.control._cnx.close()  # its locks go with it
