# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Why a job does not run, in a sentence that is made when somebody looks."""

from markupsafe import Markup, escape

from odoo import api, fields, models
from odoo.tools import format_datetime

from odoo.addons.queue_job.job import CANCELLED, FAILED

from ..runner.decision import EARLIER_JOB, FAILED_JOB, FULL, PAUSED, THROTTLED
from ..runner.outlook import BEHIND, MOST_AHEAD, NEXT
from .queue_job_wait import (
    DEPENDENCIES,
    ETA,
    INVALID_CHANNELS,
    IS_ENQUEUED,
    NO_RUNNER,
    REGULAR_RUNNER,
)

MOST_LINKS = 5
LINK = Markup('<a href="/odoo/action-queue_job.action_queue_job/%s">%s</a>')


class QueueJob(models.Model):
    _inherit = "queue.job"

    waiting_reason = fields.Html(
        string="Why It Waits",
        compute="_compute_waiting_reason",
        sanitize=False,
        help="What a runner that looks for a job would decide about this one now.",
    )

    @api.depends("state", "channel", "priority", "eta", "dependencies")
    def _compute_waiting_reason(self):
        waits, outlook = self._waits()
        for job in self:
            wait = waits.get(job._origin.id)
            job.waiting_reason = wait and job._explain(wait, outlook)

    def _explain(self, wait, outlook):
        """Return the sentence, as markup."""
        sentence = self._sentences()[wait.reason]
        values = {
            "channel": wait.channel,
            "detail": wait.detail,
            "count": len(wait.jobs),
            "jobs": self._links(wait.jobs),
        }
        if wait.reason in (ETA, THROTTLED):
            values["detail"] = format_datetime(self.env, wait.detail)
        elif wait.reason in (FAILED_JOB, EARLIER_JOB):
            values["jobs"] = self._links([wait.detail])
        elif wait.reason in (NEXT, BEHIND):
            runners = outlook.situation.runners
            values["runners"] = len(runners)
            values["working"] = len(runners & outlook.situation.busy)
            if wait.detail == MOST_AHEAD:
                values["detail"] = self.env._("%s or more", MOST_AHEAD)
        elif wait.reason == DEPENDENCIES and not wait.jobs:
            sentence = self.env._(
                "The jobs that it depends on are done: it is released in a minute."
            )
        return escape(sentence) % values

    def _sentences(self):
        return {
            REGULAR_RUNNER: self.env._(
                "The regular runner is in charge of this database: the runners in cron "
                "workers stand aside."
            ),
            INVALID_CHANNELS: self.env._(
                "No job starts, because the server's own configuration of channels "
                "can't be understood: %(detail)s"
            ),
            NO_RUNNER: self.env._("No runner is active."),
            IS_ENQUEUED: self.env._("The regular runner has enqueued it."),
            DEPENDENCIES: self.env._(
                "It waits for %(count)s of the jobs that it depends on: %(jobs)s."
            ),
            ETA: self.env._("It waits for its time: %(detail)s."),
            PAUSED: self.env._("Channel %(channel)s is paused."),
            FULL: self.env._(
                "It waits for a free place in channel %(channel)s: %(count)s of "
                "%(detail)s running (%(jobs)s)."
            ),
            THROTTLED: self.env._("Channel %(channel)s is throttled until %(detail)s."),
            FAILED_JOB: self.env._(
                "In the sequential channel %(channel)s it is held by a failed job: "
                "%(jobs)s."
            ),
            EARLIER_JOB: self.env._(
                "In the sequential channel %(channel)s it is held by a job that comes "
                "first and waits for its time: %(jobs)s."
            ),
            NEXT: self.env._(
                "It is the next one to start; runners at work: %(working)s of "
                "%(runners)s."
            ),
            BEHIND: self.env._(
                "Jobs that come first, by priority and date: %(detail)s; runners at "
                "work: %(working)s of %(runners)s."
            ),
        }

    def _links(self, job_ids):
        """Return links to the first of these jobs, and how many there are beside."""
        jobs = self.sudo().browse(job_ids[:MOST_LINKS])
        states = dict(self._fields["state"]._description_selection(self.env))
        links = [LINK % (job.id, self.env._("job %s", job.id)) for job in jobs]
        for number, job in enumerate(jobs):
            if job.state in (FAILED, CANCELLED):
                links[number] += f" ({states[job.state]})"
        if more := len(job_ids) - len(jobs):
            links.append(self.env._("%s more", more))
        return Markup(", ").join(links)
