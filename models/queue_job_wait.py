# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What jobs wait for: what a claim would decide about them now."""

from odoo import api, models

from odoo.addons.queue_job.job import DONE, ENQUEUED, PENDING, WAIT_DEPENDENCIES

from ..runner.claim import NOW
from ..runner.decision import Head
from ..runner.look import PLACE
from ..runner.outlook import Outlook, Wait
from ..runner.regular import IS_ACTIVE
from ..runner.server_channels import InvalidChannels, server_channels

# Beside the reasons of decisions and outlooks.
REGULAR_RUNNER = "regular_runner"
INVALID_CHANNELS = "invalid_channels"  # detail is what can't be understood
NO_RUNNER = "no_runner"
IS_ENQUEUED = "enqueued"
DEPENDENCIES = "dependencies"  # jobs are those that are not done
ETA = "eta"  # detail is the time

GET_NOW = f"SELECT {NOW}"

PLACES = f"""
    SELECT state, CASE WHEN eta > %(now)s THEN eta END, COALESCE(channel, ''), {PLACE}
      FROM queue_job
     WHERE id = ANY(%(ids)s)
"""


class QueueJob(models.Model):
    _inherit = "queue.job"

    def _waits(self):
        """Return what these jobs wait for, those that wait alone.

        :return: a dictionary from id to :class:`Wait`, and the :class:`Outlook` that
            it comes from, None where nothing starts anyway.
        """
        waiting = self.filtered(
            lambda job: job.state in (PENDING, ENQUEUED, WAIT_DEPENDENCIES)
        )
        if not waiting:
            return {}, None
        if wait := self._wait_of_all():
            return dict.fromkeys(waiting.ids, wait), None
        now = self._time_of_decision()
        waits, queued = {}, {}
        self.env.cr.execute(PLACES, {"now": now, "ids": waiting.ids})
        for state, eta, channel, *place in self.env.cr.fetchall():
            place = Head(*place)
            if state == WAIT_DEPENDENCIES:
                waits[place.id] = self.browse(place.id)._wait_for_dependencies()
            elif state == ENQUEUED:
                waits[place.id] = Wait(IS_ENQUEUED)
            elif eta:
                waits[place.id] = Wait(ETA, detail=eta)
            else:
                queued[place] = channel
        outlook = Outlook(self.env, now, queued)
        if not outlook.situation.runners:
            return dict.fromkeys(waiting.ids, Wait(NO_RUNNER)), outlook
        for place, channel in queued.items():
            waits[place.id] = outlook.wait(channel, place)
        return waits, outlook

    def _wait_of_all(self):
        """Return what keeps all jobs from starting, or None."""
        self.env.cr.execute(IS_ACTIVE)
        if self.env.cr.fetchone()[0]:
            return Wait(REGULAR_RUNNER)
        try:
            server_channels()
        except InvalidChannels as invalid:
            return Wait(INVALID_CHANNELS, detail=str(invalid))
        return None

    @api.model
    def _time_of_decision(self):
        """Return PostgreSQL's time; what decides is in the database then."""
        self.flush_model()
        self.env["ir.cron"].flush_model(["queue_job_runner", "active"])
        self.env.cr.execute(GET_NOW)
        return self.env.cr.fetchone()[0]

    def _wait_for_dependencies(self):
        uuids = (self.dependencies or {}).get("depends_on", [])
        domain = [("uuid", "in", uuids), ("state", "!=", DONE)]
        # of other companies too: they hold the job as well
        return Wait(DEPENDENCIES, jobs=self.sudo().search(domain, order="id")._ids)
