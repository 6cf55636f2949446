# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The guard: how a job that hangs, or is not wanted any more, comes to an end.

While a job is performed, a thread of its run looks once a second for a reason to
interrupt it: the time limit of its function, a limit of the process, *Stop*, a server
that stops. Then

1. the job is **asked**: its SQL is cancelled, and ``Interrupted`` raised in its thread.
   That breaks SQL and Python, and the job ends like one that fails;
2. what is in C, or swallows that, is **ended** some seconds later: the guard stores the
   outcome itself, with the place where the thread stands, undoes the job by ending its
   session, and wakes another runner. A prefork worker exits with that, and its master
   starts another one. In a threaded server the thread is left to itself.

C code that does not let go of Python's lock stops the guard too: a job function's time
limit is known to the kernel as well (SIGALRM), which ends a prefork worker.
"""

import logging
import os
import threading
import time
from contextlib import suppress
from functools import partial

import psutil

from odoo.service.server import CommonServer

from . import wake
from .budget import margin
from .interrupt import FUNCTION, SERVER, STOP, Connection, Interruption

_logger = logging.getLogger(__name__)

TICK = 1  # seconds: a job that is shorter costs nothing
ANSWER = 5  # seconds from the first step to the second
EXIT_AFTER = ANSWER + 5  # seconds: neither has helped
# What stops a container kills 10 s after its signal (docker stop).
STOP_AFTER, STOP_ANSWER = 5, 2
# Odoo's threaded servers wait for nobody: they are held up for that long at most.
THREADED_STOP_ANSWER, THREADED_STOP = 1, 3

IS_STOPPED = """
    SELECT user_id, date
      FROM queue_job_stop
     WHERE job_number = %(id)s AND date_started = %(start)s
"""

_guards = set()


class Guard:
    """Watches the jobs of one run.

    ``is_busy`` is set by the run, from before a claim until the end of its job is
    stored.

    :param sessions: returns the pids of PostgreSQL's processes, beside the job's, that
        make the run's runner look busy
    """

    def __init__(self, dbname, budget, sessions):
        self.dbname, self.budget, self.sessions = dbname, budget, sessions
        self.bell = threading.Event()
        self.connection = Connection(dbname)
        self.watched = self.thread = self.stopping = None
        self.is_busy = self.is_over = False
        _guards.add(self)

    def enter(self, watched):
        if not self.thread:
            name = f"queue_job_cron_jobrunner.guard.{self.dbname}"
            self.thread = threading.Thread(target=self._run, name=name, daemon=True)
            self.thread.dbname = self.dbname  # for the log
            self.thread.start()
        if watched.limit:
            self.budget.die_after(watched.limit + EXIT_AFTER)
        self.watched = watched

    def expect_end(self):
        self.budget.die_after(ANSWER + EXIT_AFTER)

    def leave(self):
        self.budget.die_after(0)
        self.watched = None

    def close(self):
        self.is_over = True
        _guards.discard(self)
        if self.thread:
            self.bell.set()
            self.thread.join()

    def _run(self):
        while not self.is_over:
            seconds = TICK
            try:
                if watched := self.watched:
                    seconds = self._look_after(watched)
            except Exception:
                _logger.exception("The guard of a run on %s", self.dbname)
            self.bell.wait(seconds)
            self.bell.clear()
        self.connection.close()

    def _look_after(self, watched):
        """Do what is to be done now; return when to look again, in seconds."""
        if not watched.asked:
            reasons = [(TICK, None), *self._reasons(watched)]
            seconds, reason = min(reasons, key=lambda each: each[0])
            if seconds > 0:
                return seconds
            # connect before the job has to wait for us
            self.connection.execute("SELECT 1")
            watched.ask(reason)
            if watched.asked:
                self.budget.retire()  # it may have been in the middle of anything
        elif self._is_over_due(watched):
            self._end(watched)
        else:
            watched.ask()
        return TICK / 4

    def _reasons(self, watched):
        """Yield each :class:`Interruption`, and the seconds until it is due."""
        age = watched.age()
        if watched.limit:
            yield watched.limit - age, Interruption(FUNCTION, watched.limit)
        for kind, limit, left in self.budget.limits():
            yield left - margin(limit), Interruption(kind, limit)
        if self.budget.stopping():
            self.stopping = self.stopping or time.monotonic()
            after = STOP_AFTER if self.budget.worker else 0
            yield self.stopping + after - time.monotonic(), Interruption(SERVER)
        if age >= TICK:
            for user_id, date in self.connection.execute(IS_STOPPED, watched.values):
                yield 0, Interruption(STOP, user_id=user_id, date=date)

    def _is_over_due(self, watched):
        answer = ANSWER
        if watched.interruption.kind == SERVER:
            answer = STOP_ANSWER if self.budget.worker else THREADED_STOP_ANSWER
        return time.monotonic() - watched.asked >= answer or any(
            left <= margin(limit) / 2 for _kind, limit, left in self.budget.limits()
        )

    def _end(self, watched):
        pids = [watched.pid, watched.other_pid(), *self.sessions()]
        undo = partial(self.connection.terminate, pids)
        tell = watched.end(undo)
        if not watched.is_lost:
            return
        lost = "its process" if self.budget.worker else f"thread {watched.thread.name}"
        is_stop = watched.interruption.kind == SERVER
        level = logging.WARNING if is_stop else logging.ERROR
        _logger.log(level, "Job %s does not end, and %s is lost", watched.name, lost)
        try:
            wake.wake_apart(self.dbname)
            if tell:
                tell()
        except Exception:
            _logger.exception("After the end of job %s", watched.name)
        self.is_over = True
        if self.budget.worker:
            with suppress(psutil.Error):
                for child in psutil.Process().children(recursive=True):
                    child.kill()
            os._exit(1)


def _end_jobs():
    """A threaded server that stops is about to close all connections."""
    deadline = time.monotonic() + THREADED_STOP
    for guard in list(_guards):
        while guard.is_busy and not guard.is_over and time.monotonic() < deadline:
            guard.bell.set()
            time.sleep(0.02)


CommonServer.on_stop(_end_jobs)
