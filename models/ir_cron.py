# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The flag that makes a scheduled action a runner; adding and switching runners."""

import threading

from psycopg2.errors import LockNotAvailable

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError

from ..runner import wake
from ..runner.transaction import protect
from .queue_job_runner import STATES

CODE = "model._job_runner()"

# A runner's row is locked for as long as its run lasts: what is to become of it stands
# in a table of its own. Who meets somebody else that switches the same runner tries
# again, after a serialization failure.
SWITCH = """
    INSERT INTO queue_job_runner_switch (runner_id, off) VALUES (%s, %s)
    ON CONFLICT (runner_id) DO UPDATE SET off = EXCLUDED.off
"""
# A run that lingers, or ends for having been switched off, lets go in a moment.
LOCK_RUNNER = """
    SET LOCAL lock_timeout = '2s';
    SELECT FROM ir_cron WHERE id = %s FOR NO KEY UPDATE;
    SET LOCAL lock_timeout = 0
"""


class IrCron(models.Model):
    _inherit = "ir.cron"

    queue_job_runner = fields.Boolean(
        help="If checked, this scheduled action runs jobs of the job queue: it is "
        "woken up whenever jobs are waiting. Duplicate it to run jobs in parallel.",
    )
    queue_job_runner_state = fields.Selection(
        STATES,
        string="Runner State",
        compute="_compute_queue_job_runner_state",
    )

    @api.depends("queue_job_runner", "active")
    def _compute_queue_job_runner_state(self):
        runners = self.env["queue.job.runner"].sudo().with_context(active_test=False)
        runners.invalidate_model()
        runners = runners.search_fetch([("id", "in", self.ids)], ["state"])
        states = {runner.id: runner.state for runner in runners}
        for cron in self:
            cron.queue_job_runner_state = states.get(cron.id, False)

    @api.model_create_multi
    def create(self, vals_list):
        crons = super().create(vals_list)
        crons._check_not_a_job()
        if any(vals.get("queue_job_runner") for vals in vals_list):
            crons._runners_changed()
        return crons

    def write(self, vals):
        result = super().write(vals)
        if {"queue_job_runner", "run_as_queue_job"} & vals.keys():
            self._check_not_a_job()
        is_runner = "queue_job_runner" in vals or any(self.mapped("queue_job_runner"))
        if is_runner and {"active", "queue_job_runner"} & vals.keys():
            self._runners_changed()
        return result

    def unlink(self):
        is_runner = any(self.mapped("queue_job_runner"))
        result = super().unlink()
        if is_runner:  # with its triggers, which were for all
            wake.tell(self.env.cr)
        return result

    @classmethod
    def _process_job(cls, cron_cr, job):
        """Odoo's cursor is open, and idle, for as long as the run lasts."""
        thread, is_runner = threading.current_thread(), job.get("queue_job_runner")
        thread.queue_job_cron_pid = protect(cron_cr) if is_runner else None
        return super()._process_job(cron_cr, job)

    @api.model
    def _queue_job_runners(self):
        """Return the active runners, as superuser: to trigger them needs no right.

        The flag is asked for explicitly, since a caller's ``active_test=False``
        would bring the inactive ones too.
        """
        return self.sudo().search(
            [("queue_job_runner", "=", True), ("active", "=", True)]
        )

    def _runners_changed(self):
        """One that was switched on looks; what one that is off would have started is
        another one's."""
        self.flush_model(["active", "queue_job_runner"])
        if runners := self.filtered("queue_job_runner").filtered("active"):
            self.env.cr.execute(
                "DELETE FROM queue_job_runner_switch WHERE runner_id IN %s",
                [runners._ids],
            )
        wake.tell(self.env.cr)

    @api.model
    def _add_runner(self):
        """Return a new runner that is woken, or one that was removed earlier."""
        removed = self.with_context(active_test=False).search(
            [
                ("queue_job_runner", "=", False),
                ("active", "=", False),
                ("model_id.model", "=", "queue.job"),
                ("state", "=", "code"),
                ("code", "=", CODE),
            ],
            order="id",
        )
        runner = removed.try_lock_for_update(allow_referencing=True, limit=1)
        if runner:
            runner.write({"active": True, "queue_job_runner": True})
        else:
            runner = self.create(self._new_runner_values())
        runner._trigger_now()
        return runner

    @api.model
    def _new_runner_values(self):
        crons = self.with_context(active_test=False)
        names = crons.search([("name", "=like", "Queue Job Runner %")]).mapped("name")
        number = 2
        while (name := f"Queue Job Runner {number}") in names:
            number += 1
        return {
            "name": name,
            "model_id": self.env["ir.model"]._get_id("queue.job"),
            "state": "code",
            "code": CODE,
            "queue_job_runner": True,
            "user_id": SUPERUSER_ID,
            "interval_number": 5,
            "interval_type": "minutes",
            "priority": 10,
        }

    def _trigger_now(self):
        """Trigger these crons by PostgreSQL's clock, which Odoo's workers go by."""
        now = self.env.cr.now().replace(microsecond=0)
        for cron in self:
            cron._trigger(at=now)
        self.env.cr.postcommit.add(self._notifydb)

    def _check_not_a_job(self):
        """Refuse the option of ``queue_job_cron`` for runners.

        :raises UserError: a runner would enqueue itself, and nothing would run.
        """
        if "run_as_queue_job" not in self._fields:
            return
        if self.filtered("queue_job_runner").filtered("run_as_queue_job"):
            raise UserError(self.env._("A runner of jobs can't be run as a job."))

    def _check_free(self):
        """Lock these runners, to rename or remove them.

        :raises UserError: one of them is busy.
        """
        for runner in self:
            if not runner._lock_runner():
                raise UserError(
                    self.env._(
                        "%s is at work. Switch it off, and try again when it has ended "
                        "its job.",
                        runner.name,
                    )
                )

    def _lock_runner(self):
        """Lock the row, and return False if a run has it for longer than it lingers.

        :raises psycopg2.errors.SerializationFailure: the run has just ended; Odoo tries
            again.
        """
        try:
            with self.env.cr.savepoint():
                self.env.cr.execute(LOCK_RUNNER, [self.id], log_exceptions=False)
        except LockNotAvailable:
            return False
        return True

    def _switch_runner(self, on):
        """Switch the runner on or off; a busy one is off after its job, and on at once.

        :raises psycopg2.errors.SerializationFailure: it has just come to an end, or
            somebody else is switching it; Odoo tries again.
        """
        self.ensure_one()
        if self._lock_runner():
            self.active = on
        else:
            self.env.cr.execute(SWITCH, [self.id, not on], log_exceptions=False)
            wake.tell(self.env.cr)
        if on:
            self._trigger_now()


class QueueJobRunnerSwitch(models.Model):
    """Which busy runners are to be off: their claims go by that."""

    _name = "queue.job.runner.switch"
    _description = "Switched Busy Job Runner"
    _log_access = False

    runner_id = fields.Many2one(
        "ir.cron", required=True, readonly=True, ondelete="cascade"
    )
    off = fields.Boolean(readonly=True)

    _runner_uniq = models.Constraint("UNIQUE (runner_id)", "One row per runner.")
