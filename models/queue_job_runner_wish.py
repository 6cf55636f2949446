# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
from functools import partial

from odoo import SUPERUSER_ID, api, fields, models
from odoo.service.model import retrying

_logger = logging.getLogger(__name__)

# Whoever meets another wish for the same runner tries again, after a serialization
# failure, and adds to it.
WISH = """
    INSERT INTO queue_job_runner_wish AS wish (runner_id, switch, name)
         VALUES (%(runner)s, %(switch)s, %(name)s)
    ON CONFLICT (runner_id) DO UPDATE
            SET switch = COALESCE(EXCLUDED.switch, wish.switch),
                name = COALESCE(EXCLUDED.name, wish.name)
"""
FULFIL = "DELETE FROM queue_job_runner_wish WHERE runner_id = %s RETURNING switch, name"


class QueueJobRunnerWish(models.Model):
    """What is to become of a runner as soon as Odoo lets go of its row."""

    _name = "queue.job.runner.wish"
    _description = "Wish for a Job Runner"
    _log_access = False

    runner_id = fields.Many2one(
        "ir.cron", required=True, readonly=True, ondelete="cascade"
    )
    switch = fields.Selection(
        [
            ("on", "On after its run"),
            ("off", "Off after its job"),
            ("remove", "Removed after its job"),
        ],
        readonly=True,
    )
    name = fields.Char(readonly=True)

    _runner_uniq = models.Constraint("UNIQUE (runner_id)", "One wish per runner.")

    @api.model
    def _wish(self, runners, switch=None, name=None):
        """Switch these runners, or rename them: at once, or when they are free.

        A busy one claims no further job once this transaction is committed, if it is
        to be off, and its row is written at the end of its run. If its process dies
        before, the trigger brings another run, which claims nothing and does that.

        :raises psycopg2.errors.SerializationFailure: somebody else is doing the same.
        """
        for runner in runners:
            values = {"runner": runner.id, "switch": switch, "name": name}
            self.env.cr.execute(WISH, values, log_exceptions=False)
            _logger.info("User %s wants %s", self.env.uid, values)
            if not self._fulfil(runner):
                runner._trigger()

    @api.model
    def _fulfil(self, runner):
        """Do what was wished for this runner; return False if its row is locked."""
        if not (free := runner.try_lock_for_update(allow_referencing=True)):
            return False
        self.env.cr.execute(FULFIL, [runner.id], log_exceptions=False)
        for switch, name in self.env.cr.fetchall():
            if name:
                free._rename_runner(name)
            if switch:
                free._switch_runner(switch)
        return True

    @api.model
    def _fulfil_all(self):
        """Do what was wished for the runners that are free."""
        self.env.cr.execute("SELECT runner_id FROM queue_job_runner_wish")
        for (runner,) in self.env.cr.fetchall():
            self._fulfil(self.env["ir.cron"].browse(runner))

    @classmethod
    def _after_run(cls, registry):
        """After the commit of a run: Odoo has let go of its runner's row."""
        try:
            with registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                retrying(partial(env[cls._name]._fulfil_all), env)
        except Exception:
            _logger.warning("A runner is switched or renamed later", exc_info=True)
