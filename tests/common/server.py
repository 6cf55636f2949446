# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A real Odoo server as a process, for tests and for everything under ``dev/``.

Importable alone: it needs no Odoo in the process that drives the server.
"""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

NICEST = 19
WAKE = 0.5  # seconds


def wait_until(condition, timeout, what):
    """Return the first true value of ``condition()``, asked every 50 ms.

    :raises AssertionError: ``what`` did not come true within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {timeout} s: {what}")
        time.sleep(0.05)
    return value


class OdooServer:
    """An Odoo server on one database, in a process group of its own.

    ``odoo`` is looked up on PATH and finds its configuration through the
    environment (``ODOO_RC``). Without ``--http-port`` it serves no HTTP.

    :param database: the name of the database
    :param options: Odoo's command line options
    :param log: path of the file that takes the output of the server; appended
    :param variables: its environment, if it is another one than ours
    """

    def __init__(self, database, *options, log, variables=None):
        self.database = database
        self.options = options
        self.log = Path(log)
        self.variables = variables or os.environ
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()

    def start(self):
        """Start the server without waiting for it to be ready."""
        odoo = shutil.which("odoo", path=self.variables.get("PATH"))
        if not odoo:
            raise FileNotFoundError("No command `odoo` on PATH: use ./dev/test")
        command = [odoo, "--database", self.database, *self.options]
        if not any(option.startswith("--http-port") for option in self.options):
            command.append("--no-http")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.variables,
                start_new_session=True,
            )

    def stop(self, timeout=30):
        """Stop the server as an operator does, by SIGTERM.

        :raises subprocess.TimeoutExpired: it is still there after ``timeout``
            seconds; it is killed then.
        """
        if self.process is None:
            return
        try:
            self.end(signal.SIGTERM, timeout)
        finally:
            self.kill()

    def end(self, signum, timeout=30):
        """Send the signal and wait for the end; return how many seconds it took.

        A threaded server whose main thread is just about to sleep would notice the
        signal up to a minute later: another one, which means nothing, wakes it.

        :raises subprocess.TimeoutExpired: it is still there after ``timeout`` seconds
        """
        begin = time.monotonic()
        self.process.send_signal(signum)
        while True:
            try:
                self.process.wait(WAKE)
                return time.monotonic() - begin
            except subprocess.TimeoutExpired:
                if time.monotonic() - begin > timeout:
                    raise
                self.process.send_signal(signal.SIGCHLD)

    def kill(self):
        """Kill the server and its workers at once, by SIGKILL."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def cron_workers(self):
        """Return the pids of the cron workers of a prefork server.

        They are the nice ones: WorkerCron.start() in odoo/service/server.py. All
        children of a server that can't be nicer: without HTTP there are no others.
        """
        try:
            master = psutil.Process(self.process.pid)
            nicer = min(master.nice() + 1, NICEST)
            return [child.pid for child in master.children() if child.nice() >= nicer]
        except psutil.NoSuchProcess:
            return []

    def log_text(self):
        return self.log.read_text(errors="replace")
