# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
import os
from datetime import timedelta
from functools import partial

from odoo import SUPERUSER_ID, api, fields, models

from ..runner.timer import arm
from ..runner.wake_up import (
    CALL_AT,
    DEPUTY_AFTER,
    IS_ONE_PRESENT,
    LOOK_AFTER,
    PICK_ANOTHER,
    RELIED_UPON,
    TRIGGER_TWO,
    UNCONSUMED_TRIGGER,
)

_logger = logging.getLogger(__name__)

TRIGGER = f"{__name__}.trigger"


class IrCron(models.Model):
    _inherit = "ir.cron"

    @api.model
    def _wake(self, moment):
        """Wake a runner at this moment, or earlier, once in this transaction.

        The transaction's trigger is remembered by id, and verified when a savepoint may
        have taken it along: Odoo clears the pre-commit data when it rolls one back. One
        that is lost without Odoo's knowledge is noticed after the commit. Triggers of
        others are not relied upon. The run looks after what is due later. A second
        runner, if there is one, is triggered for some seconds later, in case the first
        one hangs.

        :param moment: a naive datetime in UTC, in whole seconds
        """
        cr = self.env.cr
        data, verified = cr.postcommit.data, cr.precommit.data
        trigger_id, call_at = data.get(TRIGGER, (None, None))
        if verified.get(TRIGGER) and call_at <= moment:
            return
        cr.execute(CALL_AT, [trigger_id])
        if row := cr.fetchone():
            [call_at] = row
            if call_at > moment:
                trigger = self.env["ir.cron.trigger"].sudo().browse(trigger_id)
                trigger.call_at = moment
                trigger.flush_recordset()
                self._notify_if_due(moment)
        elif trigger_id := self._trigger_two(moment):
            call_at = moment
            self._notify_if_due(moment)
            if TRIGGER not in data:
                cr.postcommit.add(partial(_look_after, self.pool, data))
        else:
            return
        data[TRIGGER] = trigger_id, min(call_at, moment)
        verified[TRIGGER] = True

    @api.model
    def _trigger_two(self, moment):
        """Trigger a runner, and its deputy; return the id of the runner's trigger."""
        cr = self.env.cr
        self.flush_model(["queue_job_runner", "active"])
        values = {"moment": moment, "later": moment + DEPUTY_AFTER}
        cr.execute(TRIGGER_TWO, {**values, "uid": self.env.uid})
        row = cr.fetchone()
        return row and row[0]

    @api.model
    def _notify_if_due(self, moment):
        """After the commit, as ``ir.cron._trigger`` does."""
        if moment <= fields.Datetime.now() or os.getenv("ODOO_NOTIFY_CRON_CHANGES"):
            self.env.cr.postcommit.add(self._notifydb)

    @api.model
    def _wake_another(self):
        """Trigger a runner without a job, if there is one."""
        self.env.cr.execute(PICK_ANOTHER)
        if picked := self.env.cr.fetchone():
            self.browse(picked)._trigger()

    @api.model
    def _wake_one(self, idle, moment, now):
        """Trigger one of these runners, unless one of them will look by itself.

        For a moment ahead, this process notifies the cron workers when it has come.

        :param idle: ids of active runners without a started job
        :param moment: when something may start (None: never), and ``now``, both
            PostgreSQL's time
        :raises psycopg2.errors.SerializationFailure: a run has just ended
        """
        if not (moment and idle):
            return
        cr = self.env.cr
        second = moment.replace(microsecond=0)
        ahead = (moment - now).total_seconds()
        if ahead > 0:
            cr.postcommit.add(partial(arm, cr.dbname, ahead))
        cr.execute(IS_ONE_PRESENT, [list(idle)])
        if cr.fetchone()[0]:
            return
        between = [list(idle), now - RELIED_UPON, second]
        cr.execute(UNCONSUMED_TRIGGER, between, log_exceptions=False)
        if not cr.fetchone():
            self.browse(min(idle)).sudo()._trigger(at=second if ahead > 0 else None)


def _look_after(registry, data):
    """After the commit: what was enqueued finds a runner, on time.

    The runner that was picked may have got a job meanwhile, from another transaction
    that has picked the same one: it will not look before that is done. Or it has been
    switched off, or the trigger is gone. One without a job is woken then. Its claim
    comes after this commit, and so does that of each runner that has a job now.
    """
    try:
        with registry.cursor() as cr:
            cr.execute(LOOK_AFTER, data[TRIGGER])
            ahead, is_present, is_off = cr.fetchone() or (timedelta(), True, False)
            if ahead > timedelta() and not is_off:
                arm(cr.dbname, ahead.total_seconds())
            elif is_present or is_off:
                api.Environment(cr, SUPERUSER_ID, {})["ir.cron"]._wake_another()
    except Exception:
        _logger.warning("What was enqueued may start late", exc_info=True)
