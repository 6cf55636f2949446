# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 8: how long a run may go on, with Odoo's own servers."""

import inspect
import math
import os
import resource
import signal
import threading
import time
from contextlib import contextmanager
from unittest.mock import patch

from odoo.service import server
from odoo.service.server import PreforkServer, ThreadedServer, Worker, WorkerCron
from odoo.tests.common import BaseCase
from odoo.tools import config

from ..runner.budget import SHARE, Budget, serves_crons

LIMIT = 1000  # seconds


class TestBudget(BaseCase):
    """How long a run may go on in the process it is in, with Odoo's own servers."""

    def budget(self, end=math.inf):
        return Budget(end)

    @contextmanager
    def handler(self, handler):
        """Own the handler of SIGINT, as a started server does."""
        before = signal.signal(signal.SIGINT, handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def worker(self):
        worker = WorkerCron(PreforkServer(None))
        worker.pid = os.getpid()
        self.addCleanup(worker.close)
        self.enterContext(self.handler(worker.signal_handler))
        return worker

    def threaded_server(self):
        threaded = ThreadedServer(None)
        self.enterContext(self.handler(threaded.signal_handler))
        return threaded

    def limits(self, **options):
        self.enterContext(patch.dict(config.options, **options))

    def limit_cpu(self, left):
        """Leave the process so many seconds of CPU time until its soft limit."""
        before = resource.getrlimit(resource.RLIMIT_CPU)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CPU, before)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime + left)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, before[1]))

    def assertGoesOn(self, budget):
        self.assertIsNone(budget.spent(first=True))
        self.assertIsNone(budget.spent(first=False))

    def assertEnds(self, budget, reason, even_the_first=False):
        self.assertIn(reason, budget.spent(first=False))
        if even_the_first:
            self.assertIn(reason, budget.spent(first=True))
        else:
            self.assertIsNone(budget.spent(first=True))

    def test_without_a_server_nothing_ends_a_run(self):
        self.limits(limit_time_real=1, limit_time_real_cron=1, limit_time_cpu=1)
        budget = self.budget()
        self.assertGoesOn(budget)
        budget.feed_watchdog()

    def test_slice_ends_a_run_but_not_before_its_first_job(self):
        self.assertGoesOn(self.budget(time.monotonic() + LIMIT))
        self.assertEnds(self.budget(time.monotonic()), "slice")

    def test_prefork_worker_that_stops(self):
        worker = self.worker()
        budget = self.budget()
        self.assertGoesOn(budget)
        worker.signal_handler(signal.SIGINT, None)
        self.assertEnds(budget, "stopping", even_the_first=True)

    def test_process_that_a_job_has_forked_is_no_worker(self):
        worker = self.worker()
        self.assertTrue(serves_crons())
        worker.pid = os.getppid()
        self.assertFalse(serves_crons())
        self.assertIsNone(self.budget().worker)

    def test_prefork_watchdog_is_fed(self):
        worker = self.worker()
        self.budget().feed_watchdog()
        self.assertEqual(os.read(worker.watchdog_pipe[0], 10), b".")

    def test_prefork_cpu_limit(self):
        self.worker()
        self.limits(limit_time_cpu=LIMIT)
        for left, ends in (
            (LIMIT, False),
            (LIMIT * (1 - SHARE) + 60, False),
            (LIMIT * (1 - SHARE) - 60, True),
        ):
            with self.subTest(left=left):
                self.limit_cpu(left)
                if ends:
                    self.assertEnds(self.budget(), "CPU")
                else:
                    self.assertGoesOn(self.budget())

    def test_prefork_without_a_cpu_limit(self):
        self.worker()
        soft, _hard = resource.getrlimit(resource.RLIMIT_CPU)
        self.assertEqual(soft, resource.RLIM_INFINITY)
        self.assertGoesOn(self.budget())

    def test_threaded_server_that_stops(self):
        threaded = self.threaded_server()
        budget = self.budget()
        self.assertGoesOn(budget)
        with self.assertRaises(KeyboardInterrupt):
            threaded.signal_handler(signal.SIGINT, None)
        self.assertEnds(budget, "stopping", even_the_first=True)

    def started_ago(self, seconds, kind):
        thread = threading.current_thread()
        for name, value in (("start_time", time.time() - seconds), ("type", kind)):
            self.enterContext(patch.object(thread, name, value, create=True))

    def test_threaded_real_time_limit(self):
        """A cron thread falls back to the limit of requests; a request has it too."""
        for kind, limits, used, ends in (
            ("cron", {"limit_time_real_cron": 100, "limit_time_real": 1}, 40, False),
            ("cron", {"limit_time_real_cron": 100, "limit_time_real": 1}, 60, True),
            ("cron", {"limit_time_real_cron": -1, "limit_time_real": 100}, 40, False),
            ("cron", {"limit_time_real_cron": -1, "limit_time_real": 100}, 60, True),
            ("cron", {"limit_time_real_cron": 0, "limit_time_real": 100}, 60, True),
            ("cron", {"limit_time_real_cron": 0, "limit_time_real": 0}, 1e6, False),
            ("http", {"limit_time_real_cron": 1, "limit_time_real": 100}, 40, False),
            ("http", {"limit_time_real_cron": 1e9, "limit_time_real": 100}, 60, True),
        ):
            with self.subTest(kind=kind, **limits, used=used):
                self.threaded_server()
                self.limits(**limits)
                self.started_ago(used, kind)
                if ends:
                    self.assertEnds(self.budget(), "real time")
                else:
                    self.assertGoesOn(self.budget())

    def test_threaded_real_time_limit_reached(self):
        self.threaded_server()
        self.limits(limit_time_real=100, limit_time_real_cron=0)
        self.started_ago(100, "cron")
        self.assertEnds(self.budget(), "real time", even_the_first=True)

    def test_threaded_without_a_thread_of_odoo(self):
        self.threaded_server()
        self.limits(limit_time_real=1)
        self.assertGoesOn(self.budget())

    def test_private_parts_of_odoo_are_as_expected(self):
        """Odoo has no public names for what a run has to know."""
        worker = inspect.getsource(Worker)
        self.assertIn("self.multi.pipe_ping(self.watchdog_pipe)", worker)
        self.assertIn("signal.signal(signal.SIGINT, self.signal_handler)", worker)
        self.assertIn("while self.alive:", worker)
        self.assertIn("resource.setrlimit(resource.RLIMIT_CPU", worker)
        threaded = inspect.getsource(ThreadedServer)
        self.assertIn("signal.signal(signal.SIGINT, self.signal_handler)", threaded)
        self.assertIn("self.quit_signals_received += 1", threaded)
        self.assertIn("thread.start_time = time.time()", threaded)
        self.assertIn("t.type = 'cron'", threaded)
        self.assertTrue(issubclass(WorkerCron, Worker))
        self.assertTrue(callable(server.PreforkServer.pipe_ping))
