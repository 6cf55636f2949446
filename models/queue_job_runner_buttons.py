# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models
from odoo.exceptions import AccessError, MissingError, UserError


class QueueJobRunner(models.Model):
    _inherit = "queue.job.runner"

    def write(self, vals):  # pylint: disable=method-required-super
        """Rename the runners (``name``), or switch them on or off (``active``).

        A busy one gets its name, or is off, as soon as it is done with its job.

        :raises AccessError: not a manager of jobs, or it is another field.
        """
        runners = self._crons()
        if not vals.keys() <= {"name", "active"}:
            raise AccessError(
                self.env._("A runner can only be renamed, and switched on and off.")
            )
        wish = {}
        if "name" in vals:
            if not isinstance(vals["name"], str) or not vals["name"].strip():
                raise UserError(self.env._("A runner needs a name."))
            wish["name"] = vals["name"].strip()
        if "active" in vals:
            wish["switch"] = "on" if vals["active"] else "off"
        return self._wish(runners, **wish)

    def action_switch_on(self):
        return self.write({"active": True})

    def action_switch_off(self):
        return self.write({"active": False})

    def action_remove(self):
        """Let these be runners no longer; a busy one ends its job first."""
        return self._wish(self._crons(), switch="remove")

    def action_run_now(self):
        """Let the runners look for jobs now, in a cron worker.

        :raises UserError: one of them is off.
        """
        runners = self._crons()
        self.invalidate_recordset()
        if not all(self.mapped("active")):
            raise UserError(self.env._("Switch the runner on first."))
        for runner in runners:
            runner._trigger()
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

    def _wish(self, runners, **wish):
        self.env["queue.job.runner.wish"].sudo()._wish(runners, **wish)
        self.env["queue.job.runner"].invalidate_model()
        return True

    def _crons(self):
        """Return the crons, as superuser and without the caller's context.

        :raises AccessError: the user is no manager of jobs.
        :raises MissingError: one of them is no runner.
        """
        self.check_access("write")
        crons = self.env(su=True, context={})["ir.cron"]
        found = crons.with_context(active_test=False).search(
            [("id", "in", self.ids), ("queue_job_runner", "=", True)]
        )
        if len(found) < len(set(self.ids)):
            raise MissingError(self.env._("This is no runner, or not any more."))
        return found.with_env(crons.env)
