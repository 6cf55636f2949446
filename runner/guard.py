# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The guard: how a job that hangs, or is not wanted any more, is interrupted.

While a job is performed, a thread of its run looks once a second for a reason: the time
limit of its function, a limit of the process, *Stop*, a server that stops. Then

1. the job is **asked**: its SQL is cancelled, and ``Interrupted`` raised in its thread.
   That breaks SQL and Python, and the job ends like one that fails;
2. what is in C, or swallows that, is **ended** some seconds later: the guard stores the
   outcome itself, with the place where the thread stands, undoes the job by ending its
   session, and wakes another runner. A prefork worker exits with that, and its master
   starts another one. In a threaded server the thread is left to itself.

Nothing but ``perform`` is interrupted: each step is taken under a lock that says whether
the job is still there, and who leaves takes back under it what has not arrived yet. A
request to cancel that meets no statement is forgotten by PostgreSQL.
"""

import ctypes
import faulthandler
import logging
import os
import sys
import threading
import time
import traceback
from functools import partial
from itertools import takewhile
from typing import NamedTuple
from weakref import WeakSet

import psutil
import psycopg2

from odoo.service.server import CommonServer
from odoo.sql_db import connection_info_for

from . import wake

_logger = logging.getLogger(__name__)

TICK = 1  # seconds: a job that is shorter costs nothing
ANSWER = 5  # seconds from the first step to the second
# What ends a host's containers kills 10 s after its signal (docker stop).
STOP_AFTER, STOP_ANSWER = 5, 3
# Odoo's threaded servers wait for nobody: they are held up for that long at most.
THREADED_STOP_ANSWER, THREADED_STOP = 1, 3
# C code that does not let go of the GIL stops the guard too: then the process exits.
EXIT_AFTER = ANSWER + 5

FUNCTION, STOP, SERVER = "function", "stop", "server"  # beside the kinds of a Budget

# Of another connection than the run's (Allow Commit) only a statement that has been
# there for a while: it can't be one of somebody who has got that from the pool since.
CANCEL = """
    SELECT pg_cancel_backend(pid)
      FROM pg_stat_activity
     WHERE pid = %(pid)s
        OR pid = %(other)s AND state = 'active'
           AND query_start < clock_timestamp() - INTERVAL '1 s'
"""
TERMINATE = "SELECT pg_terminate_backend(pid) FROM unnest(%(pids)s::int[]) AS pid"
ARE_THERE = "SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%(pids)s::int[])"

IS_STOPPED = """
    SELECT user_id, date
      FROM queue_job_stop
     WHERE job_number = %(id)s AND date_started = %(start)s
"""

_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
_guards = WeakSet()


class Interrupted(BaseException):
    """Raised in a job by its guard."""


class Lost(Exception):
    """The guard has ended the job meanwhile, and stored its outcome."""


class Interruption(NamedTuple):
    """Why: ``kind``, and the limit in seconds, or who has stopped the job and when."""

    kind: str
    limit: int = 0
    user_id: int | None = None
    date: object = None
    seconds: int = 0  # since the job's start


class Watched:
    """One job, while it is performed.

    :param job: the :class:`Job`; ``record`` is its record, ``start`` that of the claim
    :param pid: of PostgreSQL's process of the job's transaction
    :param end: called with an :class:`Interruption`, the stack, and what undoes the
        job: stores the outcome and returns what is to be called after that
    """

    def __init__(self, guard, job, record, start, pid, end):
        self.guard, self.job, self.pid, self.end = guard, job, pid, end
        self.values = {"id": record.id, "start": start}
        self.name = f"{job.uuid} {job.job_function_name}"
        self.cnx = record.env.cr._cnx
        self.limit = job.job_config.time_limit
        self.thread = threading.current_thread()
        self.frame = sys._getframe(2)
        self.begin = time.monotonic()
        self.interruption = self.asked = None
        self.performs, self.is_lost = True, False

    def __enter__(self):
        self.guard.watched = self

    def __exit__(self, *exc_info):
        self.leave()

    def leave(self):
        """From now on, nothing interrupts the job. Return the interruption, if it was
        asked to end. The exception may arrive in here: to be called again then.

        :raises Lost: it was ended
        """
        with self.guard.lock:
            self.performs = False
            if self.asked:
                _raise_in(ctypes.c_ulong(self.thread.ident), None)
        self.guard.watched = self.frame = None
        if self.is_lost:
            raise Lost(f"Thread {self.thread.name} is back from job {self.name}")
        return self.interruption

    def age(self):
        return time.monotonic() - self.begin

    def other_pid(self):
        """Where the job is, if not in its run's transaction; a pooler's pids are not
        PostgreSQL's."""
        other = self.job.env.cr._cnx
        is_real = self.cnx.get_backend_pid() == self.pid
        return other.get_backend_pid() if is_real and other is not self.cnx else None

    def place(self):
        """Return the stack of the thread from the job on."""
        stack = traceback.walk_stack(sys._current_frames().get(self.thread.ident))
        stack = list(takewhile(lambda each: each[0] is not self.frame, stack))
        return "".join(traceback.StackSummary.extract(reversed(stack)).format())


class Guard:
    """Watches the jobs of one run.

    :param sessions: returns the pids of PostgreSQL's processes, beside the job's, that
        make the run's runner look busy
    """

    def __init__(self, dbname, budget, sessions):
        self.dbname, self.budget, self.sessions = dbname, budget, sessions
        self.lock = threading.Lock()
        self.bell = threading.Event()
        self.watched = self.thread = self.connection = self.stopping = None
        self.is_over = self.exits = False

    def watch(self, *args):
        """Return what is to be entered for performing a job, as :class:`Watched`."""
        if not self.thread:
            name = f"queue_job_cron_jobrunner.guard.{self.dbname}"
            self.thread = threading.Thread(target=self._run, name=name, daemon=True)
            self.thread.start()
            _guards.add(self)
        return Watched(self, *args)

    def rest(self):
        """The job has ended, and its outcome is stored."""
        if self.exits:
            self.exits = False
            faulthandler.cancel_dump_traceback_later()

    def close(self):
        self.is_over = True
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
        self._disconnect()

    def _look_after(self, watched):
        """Do what is to be done now; return when to look again, in seconds."""
        if watched.asked:
            if self._is_urgent(watched):
                self._end(watched)
            else:
                self._cancel(watched)
        elif interruption := self._reason(watched):
            self._ask(watched, interruption)
        elif watched.limit:
            left = watched.limit - watched.age()
            self._exit_after(left + EXIT_AFTER)
            return min(left, TICK)
        return TICK / 4 if watched.asked else TICK

    def _reason(self, watched):
        if 0 < watched.limit <= watched.age():
            return Interruption(FUNCTION, watched.limit)
        for kind, limit, left in self.budget.limits():
            if left <= margin(limit):
                return Interruption(kind, limit)
        if self.budget.stopping():
            self.stopping = self.stopping or time.monotonic()
            wait = STOP_AFTER if self.budget.worker else 0
            if time.monotonic() - self.stopping >= wait:
                return Interruption(SERVER)
        if watched.age() >= TICK:
            for user_id, date in self._execute(IS_STOPPED, watched.values):
                return Interruption(STOP, user_id=user_id, date=date)
        return None

    def _ask(self, watched, interruption):
        interruption = interruption._replace(seconds=round(watched.age()))
        self._exit_after(ANSWER + EXIT_AFTER)
        self._execute("SELECT 1")  # connect, if need be, before others wait for us
        with self.lock:
            if not watched.performs:
                return
            watched.interruption, watched.asked = interruption, time.monotonic()
            self._execute(CANCEL, {"pid": watched.pid, "other": watched.other_pid()})
            ident = ctypes.c_ulong(watched.thread.ident)
            _raise_in(ident, ctypes.py_object(Interrupted))
        # it may have been in the middle of anything
        self.budget.retire()

    def _cancel(self, watched):
        """What it has begun after it had swallowed the exception."""
        with self.lock:
            if watched.performs:
                values = {"pid": watched.pid, "other": watched.other_pid()}
                self._execute(CANCEL, values)

    def _is_urgent(self, watched):
        answer = ANSWER
        if watched.interruption.kind == SERVER:
            answer = STOP_ANSWER if self.budget.worker else THREADED_STOP_ANSWER
        return time.monotonic() - watched.asked >= answer or any(
            left <= margin(limit) / 2 for _kind, limit, left in self.budget.limits()
        )

    def _end(self, watched):
        tell = None
        with self.lock:
            if not watched.performs:
                return
            watched.is_lost = self.is_over = True
            undo = partial(self._terminate, [watched.pid, *self.sessions()])
            try:
                tell = watched.end(watched.interruption, watched.place(), undo)
            except Exception:
                _logger.exception("Job %s is left to the rescue", watched.name)
            undo()
        wake.wake(self.dbname)
        if tell:
            tell()
        if self.budget.worker:
            _logger.error("Job %s does not end: its process does", watched.name)
            for child in psutil.Process().children(recursive=True):
                child.kill()
            os._exit(1)
        name = watched.thread.name
        _logger.error("Job %s does not end: thread %s is lost", watched.name, name)

    def _terminate(self, pids):
        """End these sessions, and wait until PostgreSQL has let go of their locks."""
        values = {"pids": [pid for pid in pids if pid]}
        pids.clear()
        self._execute(TERMINATE, values)
        deadline = time.monotonic() + ANSWER
        while self._execute(ARE_THERE, values) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _exit_after(self, seconds):
        if self.budget.worker:
            self.exits = True
            faulthandler.dump_traceback_later(seconds, exit=True)

    def _execute(self, statement, values=None):
        """Return the rows; none, if there is no connection to be had."""
        try:
            if self.connection is None:
                _name, info = connection_info_for(self.dbname)
                limits = {"connect_timeout": ANSWER, "tcp_user_timeout": ANSWER * 1000}
                self.connection = psycopg2.connect(**info, **limits)
                self.connection.autocommit = True
            with self.connection.cursor() as cr:
                cr.execute(statement, values)
                return cr.fetchall()
        except psycopg2.Error as error:
            _logger.info("The guard of a run on %s: %s", self.dbname, error)
            self._disconnect()
            return []

    def _disconnect(self):
        if self.connection:
            self.connection.close()
            self.connection = None


def margin(limit):
    """Return how long before a limit of the process its job is asked, in seconds.

    >>> margin(20), margin(120), margin(3600)
    (3, 12.0, 30)
    """
    return min(max(limit / 10, 3), 30)


def _end_jobs():
    """A threaded server that stops is about to close all connections."""
    deadline = time.monotonic() + THREADED_STOP
    for guard in list(_guards):
        guard.bell.set()
        while guard.watched and not guard.is_over and time.monotonic() < deadline:
            time.sleep(0.02)


CommonServer.on_stop(_end_jobs)
