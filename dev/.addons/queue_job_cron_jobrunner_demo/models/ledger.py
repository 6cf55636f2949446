# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import os
import signal
import time
from datetime import datetime

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.queue_job.exception import RetryableJobError

_hoard = []


class Ledger(models.Model):
    """What jobs did: one row per success.

    Nothing makes tokens unique, so that a job that took effect twice shows.
    """

    _name = "queue.job.demo.ledger"
    _description = "Queue Job Demo Ledger"
    _rec_name = "token"

    token = fields.Char(required=True, index=True, help="Names the job.")
    pid = fields.Integer(string="Process", default=lambda self: os.getpid())
    date = fields.Datetime(
        default=lambda self: datetime.now(),
        help="When the row was written, with microseconds; create_date is the start "
        "of the transaction.",
    )
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company)
    lang = fields.Char(default=lambda self: self.env.lang)

    @api.model
    def record(self, token):
        """Write the ledger's row for `token`, as any user."""
        self.sudo().create({"token": token})

    @api.model
    def sleep(self, token, seconds):
        """Wait, then record."""
        time.sleep(seconds)
        self.record(token)

    @api.model
    def linger(self, token, seconds):
        """Record, then wait: if the job is killed meanwhile, the row must not stay."""
        self.record(token)
        self.env.flush_all()
        time.sleep(seconds)

    @api.model
    def burn(self, token, cpu_seconds):
        """Use the processor for so many seconds of this thread, then record."""
        end = time.thread_time() + cpu_seconds
        while time.thread_time() < end:
            pass
        self.record(token)

    @api.model
    def hoard(self, token, megabytes):
        """Keep memory for as long as this process lives, and record."""
        _hoard.append(bytes(megabytes * 2**20))
        self.record(token)

    @api.model
    def flaky(self, token, failures, seconds=None):
        """Record at the try after `failures` failed ones.

        `seconds` is the delay each failure asks for; without it the retry pattern
        of the job function decides.
        """
        self.record(token)
        if self._this_job().retry < failures:
            raise RetryableJobError(f"{token} is not ready yet", seconds=seconds)

    def _this_job(self):
        """Return the record of the job that runs."""
        uuid = self.env.context["job_uuid"]
        return self.env["queue.job"].sudo().search([("uuid", "=", uuid)])

    @api.model
    def fail(self, token, seconds=0):
        """Record, wait, then fail: the row must not stay."""
        self.record(token)
        time.sleep(seconds)
        raise UserError(self.env._("This job fails, as intended"))

    @api.model
    def die(self, token):
        """Record, then kill the process that runs the job: the row must not stay."""
        self.record(token)
        self.env.flush_all()
        os.kill(os.getpid(), signal.SIGKILL)

    @api.model
    def record_failure(self, exc_name, exc_message, exc_info):
        """Record the name of a failed job's exception: an *on fail* method."""
        self.record(exc_name)
