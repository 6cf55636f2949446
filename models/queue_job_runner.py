# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The runners as those see them who manage jobs and may not see crons."""

import os

from odoo import api, fields, models
from odoo.tools import config

from ..runner.counts import AN_HOUR_AGO
from ..runner.regular import IS_ACTIVE

STATES = [
    ("working", "Working"),
    ("idle", "Idle"),
    ("off", "Off"),
    ("standing_aside", "Standing aside"),
    ("failing", "Failing"),
]

LAST_HOUR = f"""
    SELECT count(*)::int
      FROM queue_job
     WHERE runner_id = cron.id
       AND state = '{{state}}'
       AND {{date}} > {AN_HOUR_AGO}
"""
DONE = LAST_HOUR.format(state="done", date="date_done")
FAILED = LAST_HOUR.format(state="failed", date="date_failed")

# What was wished for a busy runner is shown at once, and that it is not done yet.
RUNNERS = f"""
    WITH job AS MATERIALIZED (
        SELECT DISTINCT ON (runner_id) id, runner_id, date_started, worker_pid
          FROM queue_job
         WHERE state = 'started' AND runner_id IS NOT NULL
         ORDER BY runner_id, date_started DESC, id
    ), shown AS (
        SELECT ir_cron.*,
               wish.switch,
               COALESCE(wish.name, cron_name) AS shown_name,
               COALESCE(wish.switch = 'on', active) AS shown_active
          FROM ir_cron
          LEFT JOIN queue_job_runner_wish AS wish ON wish.runner_id = ir_cron.id
         WHERE queue_job_runner
    )
    SELECT cron.id,
           cron.shown_name AS name,
           cron.shown_active AS active,
           CASE WHEN job.id IS NOT NULL THEN 'working'
                WHEN NOT cron.shown_active THEN 'off'
                WHEN ({IS_ACTIVE}) THEN 'standing_aside'
                WHEN cron.failure_count > 0 THEN 'failing'
                ELSE 'idle' END AS state,
           cron.switch AS pending,
           job.id AS job_id,
           job.date_started AS job_since,
           job.worker_pid AS pid,
           cron.lastcall AS last_run,
           ({DONE}) AS done_last_hour,
           ({FAILED}) AS failed_last_hour
      FROM shown AS cron
      LEFT JOIN job ON job.runner_id = cron.id
"""


class QueueJobRunner(models.Model):
    """A view of the crons that are runners. The id is the cron's."""

    _name = "queue.job.runner"
    _description = "Job Runner"
    _auto = False
    _order = "id"
    _table_query = RUNNERS
    _depends = {
        "ir.cron": [
            "active",
            "cron_name",
            "failure_count",
            "lastcall",
            "queue_job_runner",
        ],
        "queue.job": [
            "date_done",
            "date_failed",
            "date_started",
            "runner_id",
            "state",
            "worker_pid",
        ],
    }

    name = fields.Char(required=True)
    active = fields.Boolean()
    state = fields.Selection(STATES, readonly=True)
    pending = fields.Selection(
        lambda self: self.env["queue.job.runner.wish"]._fields["switch"].selection,
        readonly=True,
        help="What happens to the runner when it is done with its job.",
    )
    job_id = fields.Many2one("queue.job", string="Current Job", readonly=True)
    job_since = fields.Datetime(string="Since", readonly=True)
    pid = fields.Integer(string="Process", readonly=True)
    last_run = fields.Datetime(
        readonly=True, help="When its scheduled action last came to an end."
    )
    done_last_hour = fields.Integer(string="Done (1 h)", readonly=True)
    failed_last_hour = fields.Integer(string="Failed (1 h)", readonly=True)
    hint = fields.Text(compute="_compute_hint")

    @api.depends("active", "pending")
    def _compute_hint(self):
        wishes = dict(self._fields["pending"]._description_selection(self.env))
        active = self.search([("active", "=", True)])
        workers = self._cron_workers()
        too_many = active[workers - 1 :] if workers else active.browse()
        for runner in self:
            runner.hint = wishes.get(runner.pending)
            if runner.hint:
                continue
            if not active:
                runner.hint = self.env._("No runner is active: jobs wait.")
            elif runner in too_many:
                runner.hint = self.env._(
                    "Runners can take all %s cron workers: mail and the other "
                    "scheduled actions would have to wait for them.",
                    workers,
                )

    @api.model
    def _cron_workers(self):
        """Return how many cron workers this server's configuration has.

        None if that can't be known: others have them, or the host decides.
        """
        if os.getenv("ODOO_NOTIFY_CRON_CHANGES"):
            return None
        return config["max_cron_threads"] or None
