# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The runners as those see them who manage jobs and may not see crons."""

import os

from odoo import api, fields, models
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.tools import config

from ..runner.copies import copies
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

# A busy one that is to be off is shown as off at once, and that it is not off yet.
RUNNERS = f"""
    WITH job AS MATERIALIZED (
        SELECT DISTINCT ON (runner_id) id, runner_id, date_started, worker_pid
          FROM queue_job
         WHERE state = 'started' AND runner_id IS NOT NULL
         ORDER BY runner_id, date_started DESC, id
    ), shown AS (
        SELECT ir_cron.*,
               active AND COALESCE(switch.off, FALSE) AS ends,
               active AND NOT COALESCE(switch.off, FALSE) AS shown_active
          FROM ir_cron
          LEFT JOIN queue_job_runner_switch AS switch ON switch.runner_id = ir_cron.id
         WHERE queue_job_runner
    )
    SELECT cron.id,
           cron.cron_name AS name,
           cron.shown_active AS active,
           CASE WHEN job.id IS NOT NULL THEN 'working'
                WHEN NOT cron.shown_active THEN 'off'
                WHEN ({IS_ACTIVE}) THEN 'standing_aside'
                WHEN cron.failure_count > 0 THEN 'failing'
                ELSE 'idle' END AS state,
           cron.ends,
           job.id AS job_number,
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
    ends = fields.Boolean(
        readonly=True, exportable=False, help="It is off when it has ended its job."
    )
    job_number = fields.Integer(readonly=True, exportable=False)
    job_id = fields.Many2one(
        "queue.job",
        string="Current Job",
        compute="_compute_job_id",
        help="Empty for the job of another company.",
    )
    job_since = fields.Datetime(string="Since", readonly=True)
    pid = fields.Integer(string="Process", readonly=True)
    last_run = fields.Datetime(
        readonly=True, help="When its scheduled action last came to an end."
    )
    done_last_hour = fields.Integer(string="Done (1 h)", readonly=True)
    failed_last_hour = fields.Integer(string="Failed (1 h)", readonly=True)
    hint = fields.Text(compute="_compute_hint")

    @api.depends("job_number")
    def _compute_job_id(self):
        numbers = [runner.job_number for runner in self if runner.job_number]
        seen = self.env["queue.job"].browse(numbers)._filtered_access("read")
        for runner in self:
            runner.job_id = seen.filtered(lambda job, r=runner: job.id == r.job_number)

    @api.depends("active", "ends")
    def _compute_hint(self):
        active = self.search([("active", "=", True)])
        workers = self._cron_workers()
        too_many = active[workers - 1 :] if workers else active.browse()
        names = copies(self.env.cr)
        for runner in self:
            runner.hint = False
            if runner.ends:
                runner.hint = self.env._("Off after its job")
            elif not active:
                runner.hint = self.env._("No runner is active: jobs wait.")
            elif names:
                runner.hint = self.env._(
                    "This database and %s are copies of each other, and the runners of "
                    "both are at work: jobs are done twice.",
                    names,
                )
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

    # pylint: disable=method-required-super  # it is a view: the cron is written
    def write(self, vals):
        """Rename the runners (``name``), or switch them on or off (``active``).

        A busy one is off as soon as it is done with its job, and on again at once.

        :raises AccessError: not a manager of jobs, or it is another field.
        :raises UserError: a busy one can't be renamed.
        """
        runners = self._crons()
        if not vals.keys() <= {"name", "active"}:
            raise AccessError(
                self.env._("A runner can only be renamed, and switched on and off.")
            )
        if "name" in vals:
            if not isinstance(vals["name"], str) or not vals["name"].strip():
                raise UserError(self.env._("A runner needs a name."))
            runners._check_free()
            for code, _label in self.env["res.lang"].get_installed():
                runners.with_context(lang=code).name = vals["name"].strip()
        if "active" in vals:
            for runner in runners:
                runner._switch_runner(bool(vals["active"]))
        self.env["queue.job.runner"].invalidate_model()
        return True

    def action_switch_on(self):
        return self.write({"active": True})

    def action_switch_off(self):
        return self.write({"active": False})

    def action_remove(self):
        """Let these be runners no longer. They are archived: the jobs they have run
        keep them.

        :raises UserError: one of them is busy.
        """
        runners = self._crons()
        runners._check_free()
        runners.write({"active": False, "queue_job_runner": False})
        self.env["queue.job.runner"].invalidate_model()
        return True

    def action_run_now(self):
        """Let the runners look for jobs now, in a cron worker.

        :raises UserError: one of them is off.
        """
        runners = self._crons()
        self.invalidate_recordset()
        if not all(self.mapped("active")):
            raise UserError(self.env._("Switch the runner on first."))
        runners._trigger_now()
        return True

    def action_add(self):
        """Add a runner and let it look for jobs."""
        self._crons()._add_runner()
        return True

    def action_open_jobs(self):
        """Return an action that shows the jobs that this runner has had."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "queue_job.action_queue_job"
        )
        action["display_name"] = self.env._("Jobs of %s", self.name)
        action["domain"] = [("runner_id", "=", self.id)]
        action["context"] = {}
        return action

    def _crons(self):
        """Return the crons, as superuser and without the caller's context.

        :raises AccessError: the user is no manager of jobs.
        :raises MissingError: one of them is no runner.
        """
        self.check_access("write")
        env = self.env(su=True, context={})
        crons = (
            env["ir.cron"]
            .with_context(active_test=False)
            .search([("id", "in", self.ids), ("queue_job_runner", "=", True)])
        )
        if len(crons) < len(set(self.ids)):
            raise MissingError(self.env._("This is no runner, or not any more."))
        return crons.with_env(env)
