# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from functools import partial

from odoo import api, fields, models

from odoo.addons.queue_job.job import STARTED

from ..runner.presence import IS_ONE_PRESENT
from ..runner.regular import IS_ACTIVE
from ..runner.timer import arm

EXISTING_TRIGGERS = "SELECT id FROM ir_cron_trigger WHERE id = ANY(%s)"

# Odoo deletes the triggers of a run at its start and commits that at its end:
# until then they are still to be seen, but locked.
UNCONSUMED_TRIGGER = """
    SELECT id
      FROM ir_cron_trigger
     WHERE cron_id = ANY(%s)
       AND call_at <= %s
     LIMIT 1
       FOR KEY SHARE SKIP LOCKED
"""


class IrCron(models.Model):
    _inherit = "ir.cron"

    queue_job_runner = fields.Boolean(
        help="If checked, this scheduled action runs jobs of the job queue: it is "
        "woken up whenever jobs are waiting. Duplicate it to run jobs in parallel.",
    )

    queue_job_runner_state = fields.Selection(
        [
            ("off", "Off"),
            ("standing_aside", "Standing aside for the regular runner"),
            ("working", "Working on a job"),
            ("idle", "Idle"),
        ],
        string="Runner State",
        compute="_compute_queue_job_runner_state",
    )

    @api.depends("queue_job_runner", "active")
    def _compute_queue_job_runner_state(self):
        jobs = self.env["queue.job"].sudo()
        jobs = jobs.search([("runner_id", "in", self.ids), ("state", "=", STARTED)])
        self.env.cr.execute(IS_ACTIVE)
        aside = self.env.cr.fetchone()[0]
        for cron in self:
            if not cron.queue_job_runner:
                cron.queue_job_runner_state = False
            elif cron in jobs.runner_id:
                cron.queue_job_runner_state = "working"
            elif not cron.active:
                cron.queue_job_runner_state = "off"
            else:
                cron.queue_job_runner_state = "standing_aside" if aside else "idle"

    @api.model
    def _queue_job_runners(self):
        """Return the active runners, as superuser: enqueueing needs no right on crons.

        The flag is asked for explicitly, since a caller's ``active_test=False``
        would bring the inactive ones too.
        """
        return self.sudo().search(
            [("queue_job_runner", "=", True), ("active", "=", True)]
        )

    @api.model
    def _wake_all(self, moments):
        """Trigger every active runner at these moments, once in this transaction.

        What it has triggered is remembered by id, and verified: a savepoint that was
        rolled back has taken it along. Triggers of others are not relied upon.

        :param moments: datetimes in whole seconds
        """
        made = self.env.cr.postcommit.data.setdefault(f"{__name__}.triggers", {})
        existing = set()
        if ids := [id_ for moment in moments for id_ in made.get(moment, ())]:
            self.env.cr.execute(EXISTING_TRIGGERS, [ids])
            existing = {row[0] for row in self.env.cr.fetchall()}
        missing = [
            moment
            for moment in moments
            if moment not in made or not existing.issuperset(made[moment])
        ]
        if missing:
            made |= {moment: [] for moment in missing}
            for runner in self._queue_job_runners():
                for trigger in runner._trigger(at=sorted(missing)):
                    made[trigger.call_at].append(trigger.id)

    @api.model
    def _wake_one(self, idle, moment, now):
        """Trigger one of these runners, unless one of them will look by itself.

        For a moment ahead, this process notifies the cron workers when it has come.

        :param idle: ids of active runners without a started job
        :param moment: when something may start, and ``now``, both PostgreSQL's time
        :raises psycopg2.errors.SerializationFailure: a run has just ended
        """
        cr = self.env.cr
        moment_second = moment.replace(microsecond=0)
        ahead = (moment - now).total_seconds()
        if ahead > 0:
            cr.postcommit.add(partial(arm, cr.dbname, ahead))
        cr.execute(IS_ONE_PRESENT, [list(idle)])
        if cr.fetchone()[0]:
            return
        cr.execute(
            UNCONSUMED_TRIGGER, [list(idle), moment_second], log_exceptions=False
        )
        if not cr.fetchone():
            self.browse(min(idle)).sudo()._trigger(at=moment_second if ahead > 0 else None)

    @api.model
    def _trigger_running_cron(self):
        """Trigger the cron that runs in this context, if it is one, and commit."""
        if cron_id := self.env.context.get("cron_id"):
            self.browse(cron_id)._trigger()
            self.env.cr.commit()  # pylint: disable=invalid-commit
