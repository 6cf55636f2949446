# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import pydoc
from contextlib import suppress
from functools import partial

import psycopg2

from odoo import api, models

# before what is added to it here
from odoo.addons.queue_job_cron_jobrunner_demo.models import ledger  # noqa: F401

from ...runner.look import Running
from ...runner.rescue import rescue


class Misbehaviour(models.Model):
    """Jobs that do what a job should not do, and some that tell what they find, in the
    registries of this process that have the demo addon."""

    _module = "queue_job_cron_jobrunner_demo"
    _inherit = "queue.job.demo.ledger"

    @api.model
    def throw(self, token, exception):
        """Raise any exception, given by its dotted name."""
        self.record(token)
        raise pydoc.locate(exception)("thrown")

    @api.model
    def fail_in_flush(self, token):
        self.record(token)
        self.sudo().create({"token": token}).token = False

    @api.model
    def record_twice(self, token):
        self.record(token)
        self.record(token)

    @api.model
    def fail_after_commit(self, token):
        """Fail in the first of two post-commit hooks; the second one records."""

        def fail():
            raise ValueError("A post-commit hook fails")

        self.record(token)
        self.env.cr.postcommit.add(fail)
        self.env.cr.postcommit.add(partial(self._record_apart, f"{token}: hook"))

    @api.model
    def announce_then_fail(self, token):
        """Fail with a hook, a mail and a bus message waiting for the commit."""
        self.record(token)
        self.env.cr.postcommit.add(partial(self._record_apart, f"{token}: hook"))
        self.env["bus.bus"]._sendone("ledger", "recorded", {"token": token})
        mail = self.env["mail.mail"].sudo().create({"subject": token})
        mail.send_after_commit()
        raise ValueError("This job fails, as intended")

    @api.model
    def close_cursor(self, token):
        self.record(token)
        self.env.flush_all()
        self.env.cr.close()

    @api.model
    def break_connection(self, token):
        self.record(token)
        self.env.flush_all()
        self.env.cr._cnx.close()

    @api.model
    def end_transaction(self, token, how):
        """Call ``commit`` or ``rollback`` of the cursor."""
        self.record(token)
        getattr(self.env.cr, how)()

    @api.model
    def execute(self, token, statement):
        """Execute SQL and swallow its error."""
        self.record(token)
        self.env.flush_all()
        with suppress(psycopg2.Error):
            self.env.cr.execute(statement)

    @api.model
    def meddle(self, token, method):
        """Call a method of the job's own record."""
        self.record(token)
        getattr(self._this_job(), method)()

    @api.model
    def conflict(self, token, tries=1):
        """Write a row that another transaction has changed meanwhile, the first times.

        The row must be there, of the token `shared`.
        """
        shared = self.sudo().search([("token", "=", "shared")])
        if self._this_job().retry < tries:
            with self.env.registry.cursor() as cr:
                cr.execute(
                    "UPDATE queue_job_demo_ledger SET pid = 1 WHERE id = %s",
                    [shared.id],
                )
        self.record(token)
        shared.lang = "en_US"

    @api.model
    def set_parameter(self, token, value, method=None, *args):
        """Set the parameter `ledger` and read it, then misbehave by `method`."""
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("ledger", value)
        parameters.get_param("ledger")
        if method:
            getattr(self, method)(token, *args)

    @api.model
    def read_parameter(self, token):
        value = self.env["ir.config_parameter"].sudo().get_param("ledger")
        self.record(f"{token}: {value}")

    @api.model
    def read_setting(self, token, name):
        self.env.cr.execute("SELECT current_setting(%s)", [name])
        self.record(f"{token}: {self.env.cr.fetchone()[0]}")

    @api.model
    def execute_apart(self, token, statements):
        """Execute SQL as another process would, in a transaction of its own."""
        with self.env.registry.cursor() as cr:
            cr.execute(statements)
        self.record(token)

    @api.model
    def read_company_name(self, token):
        self.record(f"{token}: {self.env.company.name}")

    @api.model
    def lose_lock_and_be_rescued(self, token):
        """The first time let a rescue take the job for dead while it runs."""
        job = self._this_job()
        if not job.retry:
            self.env.cr.rollback()
            with self.env.registry.cursor() as cr:
                cr.execute(
                    "UPDATE queue_job SET date_started = '2020-01-01' WHERE id = %s",
                    [job.id],
                )
            with self.env.registry.cursor() as cr:
                running = {job.id: Running(job.channel, None, None)}
                rescue(cr, running, None, lambda dead: "found dead")
        self.record(token)

    @api.model
    def on_failure(self, exc_name=None, **kwargs):
        self.record(f"on fail: {exc_name}")

    @api.model
    def roll_back_on_failure(self, **kwargs):
        self.env.cr.rollback()
