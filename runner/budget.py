# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How much longer a run may go on in the process it is in, and if not, why.

Odoo limits cron workers in ways that a run can only see from inside; what is
read here is private to ``odoo/service/server.py`` (19.0) and read nowhere else.
"""

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


def _server():
    """Return what owns this process: a worker, or a threaded server.

    Prefork workers and the threaded server own the handler of SIGINT; a shell or a
    test has another one.
    """
    return getattr(signal.getsignal(signal.SIGINT), "__self__", None)


def serves_crons():
    """Return whether scheduled actions run in this process."""
    types = {getattr(thread, "type", None) for thread in threading.enumerate()}
    return isinstance(_server(), WorkerCron) or "cron" in types


class Budget:
    """The time of one run, asked between two jobs.

    :param end: when the slice of this run is over, on ``time.monotonic()``;
        Odoo gives every scheduled action 10 s.
    """

    def __init__(self, end):
        self.end = end
        self.server = _server()

    def spent(self, first):
        """Return why the run must end before its next job, or None.

        :param first: the run has had no turn yet. It has one unless the server
            stops or a limit is reached already.
        """
        share = 1 if first else SHARE
        if self._stopping():
            return "the server is stopping"
        if not first and time.monotonic() >= self.end:
            return "its slice is over"
        if self._real_time_used() >= share:
            return "the limit of real time is near"
        if self._cpu_time_used() >= share:
            return "the limit of CPU time is near"
        return None

    def feed_watchdog(self):
        """Give the next job the whole real-time limit of a prefork worker.

        The watchdog is fed once per pass of the worker's loop, before it
        sleeps: the sleep and what was done before would count.
        """
        if isinstance(self.server, Worker):
            self.server.multi.pipe_ping(self.server.watchdog_pipe)

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
        while (left := end - time.monotonic()) > 0 and not self._stopping():
            readable = select.select(sockets, [], [], min(left, CHECK))[0]
            if connection in readable:
                return False
            if getattr(self.server, "db_count", 1) > 1 and readable:
                return True  # it may be about another database
            if others_are_due():
                return True
            if readable:
                sockets = [connection]  # the others stay readable
        return self._stopping()

    def _stopping(self):
        if isinstance(self.server, Worker):
            return not self.server.alive
        if isinstance(self.server, ThreadedServer):
            return self.server.quit_signals_received > 0
        return False

    def _real_time_used(self):
        """The used part of a thread's real time; a worker's watchdog is fed."""
        thread = threading.current_thread()
        started = getattr(thread, "start_time", None)
        if not isinstance(self.server, ThreadedServer) or not started:
            return 0
        limit = config["limit_time_real"]
        if getattr(thread, "type", None) == "cron":
            limit = max(config["limit_time_real_cron"], 0) or limit
        return (time.time() - started) / limit if limit else 0

    def _cpu_time_used(self):
        """The used part of a worker's CPU time, which a pass of its loop renews."""
        limit = config["limit_time_cpu"]
        if not resource or not isinstance(self.server, Worker):
            return 0
        soft, _hard = resource.getrlimit(resource.RLIMIT_CPU)
        if soft == resource.RLIM_INFINITY:
            return 0
        usage = resource.getrusage(resource.RUSAGE_SELF)
        left = soft - usage.ru_utime - usage.ru_stime
        return 1 - left / limit if limit else 0
