# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What the runners' screen does to a cron. Nobody but the superuser gets here."""

from functools import partial

from odoo import SUPERUSER_ID, api, fields, models

CODE = "model._job_runner()"


class IrCron(models.Model):
    _inherit = "ir.cron"

    @classmethod
    def _process_job(cls, cron_cr, job):
        """Also do what was wished for a runner while its run kept its row locked."""
        result = super()._process_job(cron_cr, job)
        if job.get("queue_job_runner"):
            wishes = cls.pool["queue.job.runner.wish"]
            cron_cr.postcommit.add(partial(wishes._after_run, cls.pool))
        return result

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
        runner._trigger()
        return runner

    @api.model
    def _new_runner_values(self):
        crons = self.with_context(active_test=False)
        names = set(crons.search([]).mapped("name"))  # pylint: disable=no-search-all
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

    def _switch_runner(self, switch):
        """Write that the runner is ``on``, ``off`` or to be removed (``remove``).

        A removed one is no runner any more, and archived: the jobs it has run keep it.
        What one that is off would have started is another one's.
        """
        if switch == "on":
            self.active = True
            self._trigger()
            return
        removed = {"queue_job_runner": False} if switch == "remove" else {}
        self.write({"active": False, **removed})
        self._wake(fields.Datetime.now())

    def _rename_runner(self, name):
        """Write its name, the same in all languages."""
        for code, _label in self.env["res.lang"].get_installed():
            self.with_context(lang=code).name = name
