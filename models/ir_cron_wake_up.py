# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Which runner is woken, and when.

A trigger of Odoo wakes one runner. Who enqueues wakes one that is idle, and each
claim that leaves something to start wakes one more: waking all of them would mean a
run without a job for every runner but one.
"""

import logging
from datetime import timedelta
from functools import partial

from odoo import SUPERUSER_ID, api, fields, models

from ..runner.presence import PRESENT
from ..runner.switch import IS_RUNNER
from ..runner.timer import arm

_logger = logging.getLogger(__name__)

TRIGGER = f"{__name__}.trigger"

# Presence is no matter of snapshots: it is known in a long transaction too.
PICK = f"""
    SELECT id
      FROM ir_cron
     WHERE {IS_RUNNER}
     ORDER BY id IN ({PRESENT}),
              EXISTS (
                  SELECT
                    FROM ir_cron_trigger
                   WHERE cron_id = ir_cron.id
                     AND call_at <= clock_timestamp() AT TIME ZONE 'UTC'
              ),
              id
     LIMIT 1
"""

# In case the process of the runner that was picked hangs: another one looks some time
# later, unless it does so anyway. A trigger that is due now is about to be gone.
DEPUTY = f"""
    SELECT id
      FROM ir_cron
     WHERE {IS_RUNNER}
       AND id <> %s
       AND NOT EXISTS (
           SELECT
             FROM ir_cron_trigger
            WHERE cron_id = ir_cron.id AND call_at > %s AND call_at <= %s
       )
     ORDER BY id
     LIMIT 1
"""
DEPUTY_AFTER = timedelta(seconds=10)

# After the commit: is the runner that was picked at work, or is it to be off?
LOOK_AFTER = f"""
    SELECT call_at - clock_timestamp() AT TIME ZONE 'UTC',
           cron_id IN ({PRESENT}),
           cron_id NOT IN (SELECT id FROM ir_cron WHERE {IS_RUNNER})
      FROM ir_cron_trigger
     WHERE id = %s
"""

# Runners that work will look again by themselves, after their job.
PICK_ANOTHER = f"""
    SELECT id
      FROM ir_cron
     WHERE {IS_RUNNER}
       AND id NOT IN (
           SELECT runner_id
             FROM queue_job
            WHERE state IN ('started', 'enqueued') AND runner_id IS NOT NULL
       )
     ORDER BY id IN ({PRESENT}), id
     LIMIT 1
"""

IS_ONE_PRESENT = f"SELECT EXISTS ({PRESENT} AND objid = ANY(%s))"

# Odoo deletes the triggers of a run at its start and commits that at its end:
# until then they are still to be seen, but locked. One that has been due for long is
# not relied upon: if its worker was killed, nobody is notified of it a second time.
UNCONSUMED_TRIGGER = """
    SELECT id
      FROM ir_cron_trigger
     WHERE cron_id = ANY(%s)
       AND call_at BETWEEN %s AND %s
     LIMIT 1
       FOR KEY SHARE SKIP LOCKED
"""
RELIED_UPON = timedelta(seconds=5)


class IrCron(models.Model):
    _inherit = "ir.cron"

    @api.model
    def _wake(self, moment):
        """Wake a runner at this moment, or earlier, once in this transaction.

        The transaction's trigger is remembered by id, and verified: a savepoint that
        was rolled back has taken it along. Triggers of others are not relied upon.
        The run looks after what is due later. A second runner, if there is one, is
        triggered for some seconds later, in case the first one hangs.

        :param moment: a naive datetime in UTC, in whole seconds
        """
        cr = self.env.cr
        triggers = self.env["ir.cron.trigger"].sudo()
        trigger = triggers.browse(cr.postcommit.data.get(TRIGGER)).exists()
        if trigger and trigger.call_at <= moment:
            return
        if trigger:
            trigger.call_at = moment
            if moment <= fields.Datetime.now():
                cr.postcommit.add(self._notifydb)
            return
        self.flush_model(["queue_job_runner", "active"])
        cr.execute(PICK)
        if picked := cr.fetchone():
            trigger = self.browse(picked).sudo()._trigger(at=moment)
            later = moment + DEPUTY_AFTER
            cr.execute(DEPUTY, [*picked, moment, later])
            if deputy := cr.fetchone():
                self.browse(deputy).sudo()._trigger(at=later)
            if TRIGGER not in cr.postcommit.data:
                look_after = partial(_look_after, self.pool, cr.postcommit.data)
                cr.postcommit.add(look_after)
            cr.postcommit.data[TRIGGER] = trigger.id

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
    switched off. One without a job is woken then. Its claim comes after this commit,
    and so does that of each runner that has a job now.
    """
    try:
        with registry.cursor() as cr:
            cr.execute(LOOK_AFTER, [data[TRIGGER]])
            ahead, is_present, is_off = cr.fetchone() or (timedelta(), False, False)
            if ahead > timedelta() and not is_off:
                arm(cr.dbname, ahead.total_seconds())
            elif is_present or is_off:
                api.Environment(cr, SUPERUSER_ID, {})["ir.cron"]._wake_another()
    except Exception:
        _logger.warning("What was enqueued may start late", exc_info=True)
