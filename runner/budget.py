# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How much longer a run may go on in the process it is in, and if not, why.

Odoo limits cron workers in ways that a run can only see from inside; what is
read here is private to ``odoo/service/server.py`` (19.0) and read nowhere else.
"""

import faulthandler
import os
import select
import signal
import threading
import time

from odoo.service.server import ThreadedServer, Worker, WorkerCron
from odoo.tools import config

try:
    import resource
except ImportError:  # on Windows, which has no such limit
    resource = None

# The part of a limit that a run may use up before its last job starts: the
# rest is that job's.
SHARE = 0.5

CHECK = 0.2  # seconds: a threaded server tells nobody that it stops
STDERR = 2

REAL, CPU = "real", "cpu"  # kinds of limits


def _server():
    """Return what owns this process: a worker, or a threaded server.

    Prefork workers and the threaded server own the handler of SIGINT; a shell or a
    test has another one. A process that a job has forked inherits it.
    """
    server = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    return server if getattr(server, "pid", None) == os.getpid() else None


def serves_crons():
    """Return whether scheduled actions run in this process."""
    types = {getattr(thread, "type", None) for thread in threading.enumerate()}
    server = _server()
    return isinstance(server, WorkerCron) or bool(server) and "cron" in types


def margin(limit):
    """Return how long before a limit of the process its job is interrupted, in seconds.

    Less than ``SHARE`` leaves: of a small limit the last job has some time too.

    >>> margin(8), margin(20), margin(120), margin(3600)
    (2.0, 3, 12.0, 30)
    """
    return min(max(limit / 10, 3), 30, limit / 4)


class Budget:
    """The time of one run, asked between two jobs.

    :param end: when the slice of this run is over, on ``time.monotonic()``;
        Odoo gives every scheduled action 10 s.
    """

    def __init__(self, end):
        self.end = end
        self.server = _server()
        self.worker = self.server if isinstance(self.server, Worker) else None
        self.thread = threading.current_thread()
        self.fed = time.monotonic()
        self.dies = False

    def spent(self, first):
        """Return why the run must end before its next job, or None.

        :param first: the run has had no turn yet. It has one unless the server
            stops or a limit is reached already.
        """
        share = 1 if first else SHARE
        if self.stopping():
            return "the server is stopping"
        if not first and time.monotonic() >= self.end:
            return "its slice is over"
        for limit, left in self._thread_time():
            if left <= limit * (1 - share):
                return "the limit of real time is near"
        for limit, left in self._cpu_time():
            if left <= limit * (1 - share):
                return "the limit of CPU time is near"
        return None

    def limits(self):
        """Return the kind, the seconds, and those that are left, of each limit that
        would end the job in hand."""
        real = [*self._thread_time(), *self._watchdog()]
        return [(REAL, *each) for each in real] + [
            (CPU, *each) for each in self._cpu_time()
        ]

    def feed_watchdog(self):
        """Give the next job the whole real-time limit of a prefork worker.

        The watchdog is fed once per pass of the worker's loop, before it
        sleeps: the sleep and what was done before would count.
        """
        if self.worker:
            self.worker.multi.pipe_ping(self.worker.watchdog_pipe)
            self.fed = time.monotonic()

    def retire(self):
        """Let a prefork worker end after the job in hand, for its master to start
        another one."""
        if self.worker:
            self.worker.alive = False

    def die_after(self, seconds):
        """Let the kernel end a prefork worker then, by SIGALRM, with its stacks in the
        log; 0: not any more."""
        if self.worker and (seconds or self.dies):
            self.dies = bool(seconds)
            faulthandler.register(signal.SIGALRM, file=STDERR, chain=True)
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def wait(self, connection, seconds, others_are_due):
        """Wait for news on the connection for that long at most.

        :param others_are_due: tells whether another scheduled action wants this worker.
            It is asked when the worker is notified, and now and then: threads have
            their notifications to themselves.
        :return: whether the worker is wanted elsewhere, or stops
        """
        end, sockets = time.monotonic() + seconds, [connection]
        if isinstance(self.server, WorkerCron):
            sockets += [self.server.dbcursor._cnx, self.server.wakeup_fd_r]
        while (left := end - time.monotonic()) > 0 and not self.stopping():
            readable = select.select(sockets, [], [], min(left, CHECK))[0]
            if connection in readable:
                return False
            if getattr(self.server, "db_count", 1) > 1 and readable:
                return True  # it may be about another database
            if others_are_due():
                return True
            if readable:
                sockets = [connection]  # the others stay readable
        return self.stopping()

    def stopping(self):
        if self.worker:
            return not self.worker.alive
        if isinstance(self.server, ThreadedServer):
            return self.server.quit_signals_received > 0
        return False

    def _watchdog(self):
        """Yield the limit of real time of a prefork worker, and what is left of it."""
        if self.worker and (limit := self.worker.watchdog_timeout):
            yield limit, limit - (time.monotonic() - self.fed)

    def _thread_time(self):
        """Yield the limit of real time of a server's thread, and what is left of it."""
        started = getattr(self.thread, "start_time", None)
        if not isinstance(self.server, ThreadedServer) or not started:
            return
        limit = config["limit_time_real"]
        if getattr(self.thread, "type", None) == "cron":
            limit = max(config["limit_time_real_cron"], 0) or limit
        if limit:
            yield limit, limit - (time.time() - started)

    def _cpu_time(self):
        """Yield the limit of CPU time of a worker, which a pass of its loop renews, and
        what is left of it."""
        limit = config["limit_time_cpu"]
        if not resource or not self.worker or not limit:
            return
        soft, _hard = resource.getrlimit(resource.RLIMIT_CPU)
        if soft != resource.RLIM_INFINITY:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            yield limit, soft - usage.ru_utime - usage.ru_stime
