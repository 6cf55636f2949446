# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How long jobs wait, and the figures for whoever watches many sites."""

from dataclasses import asdict

from odoo import api, fields, models

from ..runner.claim import channels_in_force
from ..runner.counts import AN_HOUR_AGO, INDEXES, counts, totals
from ..runner.outlook import Outlook
from ..runner.server_channels import InvalidChannels

LAST_HOUR = f"""
    SELECT (SELECT count(*) FROM queue_job
             WHERE state = 'done' AND date_done > {AN_HOUR_AGO}),
           (SELECT count(*) FROM queue_job
             WHERE state = 'failed' AND date_failed > {AN_HOUR_AGO})
"""


class QueueJob(models.Model):
    _inherit = "queue.job"

    wait_time = fields.Float(
        string="Waiting Time (avg)",
        readonly=True,
        copy=False,
        aggregator="avg",
        help="Seconds from the creation of the job, or from its eta if that is later, "
        "to its start. Average when grouped.",
    )

    _pending_idx = models.Index(INDEXES["_pending_idx"])
    _not_done_idx = models.Index(INDEXES["_not_done_idx"])
    _runner_idx = models.Index(INDEXES["_runner_idx"])
    _runner_done_idx = models.Index(INDEXES["_runner_done_idx"])
    _runner_failed_idx = models.Index(INDEXES["_runner_failed_idx"])
    _date_done_idx = models.Index(INDEXES["_date_done_idx"])

    @api.model
    def figures(self):
        """Return what goes on, as plain figures, to Job Queue Managers.

        :return: a dictionary: ``oldest_runnable_age``, seconds that the oldest job has
            waited which could start now (None: there is none); ``runners``, how many
            are ``active``, ``working``, ``standing_aside``; ``last_hour``, how many
            jobs are ``done`` and ``failed`` since; ``channels``, per full name the
            jobs ``pending``, ``running`` and ``failed`` in the channel and its
            sub-channels, and the ``oldest_age`` (seconds, or None) of those that wait.
        :raises AccessError: the user is no Job Queue Manager.
        """
        self.check_access("read")
        self.flush_model()
        found = counts(self.env.cr)
        self.env.cr.execute(LAST_HOUR)
        done, failed = self.env.cr.fetchone()
        return {
            "oldest_runnable_age": self._oldest_runnable_age(found),
            "runners": self._runner_figures(),
            "last_hour": {"done": done, "failed": failed},
            "channels": {
                name: asdict(count) for name, count in sorted(totals(found).items())
            },
        }

    def _oldest_runnable_age(self, found):
        """Return the greatest age in the channels that are open.

        Where nobody knows which are open, in all of them: nothing starts then.
        """
        ages = {name: each.oldest_age for name, each in found.items()}
        ages = {name: age for name, age in ages.items() if age is not None}
        now = self._time_of_decision()
        try:
            channels = channels_in_force(self.env.cr)
        except InvalidChannels:
            return max(ages.values(), default=None)
        is_open = Outlook(self.env.cr, channels, now).is_open
        return max((age for name, age in ages.items() if is_open(name)), default=None)

    def _runner_figures(self):
        runners = self.env["queue.job.runner"].with_context(active_test=False)
        runners.invalidate_model()
        runners = runners.search_fetch([], ["active", "state"])
        states = runners.mapped("state")
        return {
            "active": len(runners.filtered("active")),
            "working": states.count("working"),
            "standing_aside": states.count("standing_aside"),
        }
