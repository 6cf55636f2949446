# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import os
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress

from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.queue_job.exception import RetryableJobError

FOREVER = 10_000
# of a file whose name is no UTF-8, as os.fsdecode() returns it
UNSTORABLE = "a\0b\udcff"


class Misbehaviour(models.Model):
    """Jobs that do in servers what a job should not do: most of them record and do not
    come to an end. tests/common/ has more."""

    _inherit = "queue.job.demo.ledger"

    @api.model
    def hang(self, token, how, *args):
        """Record, then hang: ``how`` names a method without its ``_hang_in_``."""
        self.record(token)
        self.env.flush_all()
        getattr(self, f"_hang_in_{how}")(*args)

    def _hang_in_sleep(self, seconds=FOREVER):
        time.sleep(seconds)

    def _hang_in_socket(self):
        ours, _theirs = socket.socketpair()
        ours.recv(1)

    def _hang_in_subprocess(self):
        subprocess.run(["sleep", str(FOREVER)], check=True)

    def _hang_in_sql(self):
        self.env.cr.execute("SELECT pg_sleep(%s)", [FOREVER])

    def _hang_in_lock(self, token):
        """Wait for the ledger's row of that token, which somebody has locked."""
        self.env.cr.execute(
            "SELECT 1 FROM queue_job_demo_ledger WHERE token = %s FOR UPDATE", [token]
        )

    def _hang_in_python(self):
        while True:
            pass

    def _hang_in_exceptions(self):
        """Swallow what jobs swallow."""
        while True:
            with suppress(Exception):
                time.sleep(0.05)

    def _hang_in_base_exceptions(self):
        while True:
            with suppress(BaseException):  # for one that comes between two sleeps
                while True:
                    with suppress(BaseException):
                        time.sleep(0.05)

    def _hang_in_parts(self):
        """Swallow everything, part by part, and come to an end."""
        for number in range(30):
            with suppress(BaseException):
                time.sleep(0.1)
                self.record(f"part {number}")
                self.env.flush_all()

    def _hang_in_event(self):
        """Wait in code that holds a lock, then hang in Python."""
        threading.Event().wait(3)
        self._hang_in_python()

    def _hang_in_c(self):
        """In C code that does not let other threads run."""
        re.match(r"(a|a)*$", "a" * 40 + "b")

    def _hang_in_own_row(self, seconds=FOREVER):
        """Sleep, with the job's row locked."""
        self._this_job().priority = 7
        self.env.flush_all()
        time.sleep(seconds)

    def _hang_in_own_cursor(self):
        with self.env.registry.cursor() as cr:
            cr.execute("SELECT pg_sleep(%s)", [FOREVER])

    @api.model
    def take_a_while(self, token, milliseconds):
        """Record three times: with SQL, then Python, and with what is left to flush."""
        self.record(token)
        self.env.flush_all()
        end = time.monotonic() + milliseconds / 1000
        self.env.cr.execute("SELECT pg_sleep(%s)", [milliseconds / 2000])
        while time.monotonic() < end:
            pass
        self.record(token)
        self.env.flush_all()
        self.record(token)

    @api.model
    def flaky_later(self, token, seconds):
        """Ask for another try, some seconds later."""
        time.sleep(seconds)
        raise RetryableJobError(f"{token} is not ready yet")

    def _record_apart(self, token):
        with self.env.registry.cursor() as cr:
            self.with_env(self.env(cr=cr)).record(token)

    @api.model
    def say(self, token, how):
        """Say what PostgreSQL can't store, in one way or another."""
        self.record(token)
        if how == "result":
            return UNSTORABLE
        if how == "retry":
            raise RetryableJobError(UNSTORABLE, seconds=1)
        if how == "cause":
            raise UserError(how) from ValueError(UNSTORABLE)
        raise UserError(UNSTORABLE)

    @api.model
    def enqueue(self, token, count):
        self.record(token)
        for number in range(count):
            self.with_delay().record(f"{token} {number}")

    @api.model
    def tell_on_failure(self, **kwargs):
        """Record what it is told."""
        for name in ("exc_message", "exc_info"):
            self.record(f"{name}: {kwargs[name]}")

    @api.model
    def hang_on_failure(self, **kwargs):
        self._record_apart("on fail")
        time.sleep(FOREVER)

    @api.model
    def die_on_failure(self, **kwargs):
        self._record_apart("on fail")
        os.kill(os.getpid(), signal.SIGKILL)

    @api.model
    def commit_often(self, token, times, seconds):
        """Record again and again, each time in a transaction of so many seconds."""
        for _number in range(times):
            self.record(token)
            self.env.flush_all()
            time.sleep(seconds)
            self.env.cr.commit()  # pylint: disable=invalid-commit
