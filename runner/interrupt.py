# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Interrupting one job, and nothing but it: each step is taken under a lock that says
whether the job is still performed, and who leaves takes back under it what has not
arrived yet. A request to cancel that meets no statement is forgotten by PostgreSQL."""

import ctypes
import logging
import sys
import threading
import time
import traceback
from itertools import takewhile
from typing import NamedTuple

import psycopg2

from odoo.sql_db import connection_info_for

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
TIMEOUT = 5  # seconds
# Their code takes locks: raised in there, an exception leaves them locked for ever.
LOCKING = {"importlib._bootstrap", "logging", "threading"}

_logger = logging.getLogger(__name__)
_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc


class Connection:
    """One to PostgreSQL beside those of the run, made when it is needed."""

    def __init__(self, dbname):
        self.dbname = dbname
        self.connection = None

    def execute(self, statement, values=None):
        """Return the rows; none, if there is no connection to be had."""
        try:
            if self.connection is None:
                _name, info = connection_info_for(self.dbname)
                limits = {
                    "connect_timeout": TIMEOUT,
                    "tcp_user_timeout": TIMEOUT * 1000,
                }
                self.connection = psycopg2.connect(**info, **limits)
                self.connection.autocommit = True
            with self.connection.cursor() as cr:
                cr.execute(statement, values)
                return cr.fetchall()
        except psycopg2.Error as error:
            _logger.info("No connection to interrupt a job: %s", error)
            self.close()
            return []

    def terminate(self, pids):
        """End these sessions, once, and wait until their locks are free."""
        values = {"pids": [pid for pid in pids if pid]}
        pids.clear()
        self.execute(TERMINATE, values)
        deadline = time.monotonic() + TIMEOUT
        while self.execute(ARE_THERE, values) and time.monotonic() < deadline:
            time.sleep(0.02)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


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
    """One job, for as long as it is performed: to be entered for that by its thread.

    :param job: the :class:`Job`; ``record`` is its record
    :param start: the ``date_started`` of its claim
    :param pid: of PostgreSQL's process of its transaction
    :param end: stores its outcome from another thread, see :meth:`end`
    """

    def __init__(self, guard, job, record, start, pid, end):
        self.guard, self.job, self.pid, self.store = guard, job, pid, end
        self.values = {"id": record.id, "start": start}
        self.name = f"{job.uuid} {job.job_function_name}"
        self.limit = max(job.job_config.time_limit, 0)
        self.connection = record.env.cr._cnx
        self.thread = threading.current_thread()
        self.ident = ctypes.c_ulong(self.thread.ident)
        self.frame = sys._getframe(1)
        self.begin = time.monotonic()
        self.lock = threading.Lock()
        self.performs, self.is_lost, self.is_raised = True, False, False
        self.interruption = self.asked = None

    def __enter__(self):
        self.guard.enter(self)

    def __exit__(self, exc_type, *_exc_info):
        if self.leave() and exc_type is None:
            raise Interrupted  # it has gone on, without what was broken

    def leave(self):
        """From now on, nothing interrupts the job.

        What was raised may arrive in here: to be called again then.

        :return: the :class:`Interruption`, if it was asked to end
        :raises Lost: it was ended
        """
        with self.lock:
            if self.is_lost:
                raise Lost(f"Thread {self.thread.name} is back from job {self.name}")
            self.performs = False
            if self.asked:
                _raise_in(self.ident, None)
            self.guard.leave()
        self.frame = None
        return self.interruption

    def age(self):
        return time.monotonic() - self.begin

    def ask(self, interruption=None):
        """Break the SQL and the Python of the job, if it is still performed; without an
        interruption what it has begun since, and what could not be broken before."""
        with self.lock:
            if not self.performs:
                return
            if interruption:
                seconds = round(self.age())
                self.interruption = interruption._replace(seconds=seconds)
                self.asked = time.monotonic()
                self.guard.expect_end()
            values = {"pid": self.pid, "other": self.other_pid()}
            self.guard.connection.execute(CANCEL, values)
            where = {frame.f_globals.get("__name__") for frame, _line in self._stack()}
            if not self.is_raised and not LOCKING & where:
                _raise_in(self.ident, ctypes.py_object(Interrupted))
                self.is_raised = True

    def end(self, undo):
        """Store the outcome, if the job is still performed, and undo it.

        :param undo: ends its session
        :return: what is to be called then, None if it is not performed any more
        """
        with self.lock:
            if not self.performs:
                return None
            self.is_lost = True
            try:
                return self.store(self.interruption, self._place(), undo)
            finally:
                undo()

    def other_pid(self):
        """Where the job is, if not in its run's transaction; a pooler's pids are not
        PostgreSQL's."""
        cr = self.job.env.cr
        is_real = self.connection.get_backend_pid() == self.pid
        is_other = is_real and not cr.closed and cr._cnx is not self.connection
        return cr._cnx.get_backend_pid() if is_other else None

    def _place(self):
        return "".join(traceback.StackSummary.extract(reversed(self._stack())).format())

    def _stack(self):
        """Return the frames of the thread, the innermost first, from the job on."""
        stack = traceback.walk_stack(sys._current_frames().get(self.thread.ident))
        return list(takewhile(lambda each: each[0] is not self.frame, stack))
