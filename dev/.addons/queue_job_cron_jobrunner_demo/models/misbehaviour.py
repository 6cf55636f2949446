# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import os
import signal
import time

from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.queue_job.exception import RetryableJobError

from .hanging import FOREVER

# of a file whose name is no UTF-8, as os.fsdecode() returns it
UNSTORABLE = "a\0b\udcff"


class Misbehaviour(models.Model):
    """Jobs that do in servers what a job should not do; tests/common/ has more."""

    _inherit = "queue.job.demo.ledger"

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
