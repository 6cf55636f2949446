# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.queue_job.exception import RetryableJobError

WITH_NUL = "a \0 b"


class QueueJobCronTest(models.Model):
    """Jobs that leave a row as the trace of having run."""

    _module = None  # of no addon: no other registry shall have it
    _name = "queue.job.cron.test"
    _description = "Job Cron Runner Test"

    name = fields.Char()

    def leave(self, name):
        return self.create({"name": name}).name

    def fail(self, message):
        self.leave("written by the job that fails")
        raise UserError(message)

    def fail_with_nul(self):
        """Fail with a text that PostgreSQL can't store."""
        raise UserError(WITH_NUL)

    def retry(self, seconds=None, ignore_retry=False):
        self.leave("written by the job that is postponed")
        raise RetryableJobError("not now", seconds=seconds, ignore_retry=ignore_retry)

    def conflict(self, sqlstate):
        """Raise a real error of PostgreSQL."""
        self.leave("written by the job that conflicts")
        self.env.cr.execute(
            "DO $$ BEGIN RAISE 'conflict' USING ERRCODE = %s; END $$", [sqlstate]
        )

    def commit(self):
        self.env.cr.commit()  # pylint: disable=invalid-commit

    def report(self):
        """Leave a row that tells the environment the job ran in."""
        env = self.env
        self.leave(
            json.dumps(
                {
                    "user": env.uid,
                    "su": env.su,
                    "company": env.company.id,
                    "lang": env.lang,
                    "context": sorted(env.context),
                }
            )
        )

    def forget_job(self):
        """Delete the job's own record."""
        uuid = self.env.context["job_uuid"]
        self.env["queue.job"].sudo().search([("uuid", "=", uuid)]).unlink()

    def rename(self, name):
        """Read and write the record of the job."""
        if self.name != name:
            self.name = name

    def on_failure(self, exc_name=None, exc_message=None, exc_info=None):
        self.leave(f"on fail: {exc_message}")

    def on_failure_broken(self, **kwargs):
        self.leave("written by the broken on fail method")
        raise ValueError("the on fail method is broken")
