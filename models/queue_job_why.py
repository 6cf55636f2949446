# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Why a job does not run, in a sentence that is made when somebody looks."""

from datetime import timedelta

from markupsafe import Markup, escape

from odoo import api, fields, models
from odoo.tools import format_datetime

from odoo.addons.base.models.ir_cron import BASE_VERSION
from odoo.addons.queue_job.job import (
    CANCELLED,
    DONE,
    ENQUEUED,
    FAILED,
    PENDING,
    WAIT_DEPENDENCIES,
)

from ..runner.claim import channels_in_force
from ..runner.decision import EARLIER_JOB, FAILED_JOB, FULL, PAUSED, THROTTLED, Head
from ..runner.look import CHANNEL, NOW, PLACE, look
from ..runner.outlook import BEHIND, MOST_AHEAD, NEXT, Outlook, Wait
from ..runner.regular import IS_ACTIVE
from ..runner.server_channels import InvalidChannels

# Beside the reasons of decisions and outlooks.
REGULAR_RUNNER = "regular_runner"
INVALID_CHANNELS = "invalid_channels"  # detail is what can't be understood
NO_RUNNER = "no_runner"
IS_ENQUEUED = "enqueued"
DEPENDENCIES = "dependencies"  # jobs are those that are not done
ETA = "eta"  # detail is the time

# Odoo runs no scheduled action on the database.
MODULES = "modules"  # detail is their names
OTHER_VERSION = "other_version"
NO_CRON = "no_cron"  # detail is since when

# The context's key with which a list shows what jobs wait for.
IN_LIST = "show_what_jobs_wait_for"

PLACES = f"""
    SELECT state, CASE WHEN eta > %(now)s THEN eta END, {CHANNEL}, {PLACE}
      FROM queue_job
     WHERE id = ANY(%(ids)s)
"""

# As ir.cron's _check_modules_state() and _check_version() ask. No cron has ended for
# five minutes, and one has been due for as long, but none runs: Odoo would have locked
# its row. On a replica, which knows of no lock, jobs that run are seen.
LATE = timedelta(minutes=5)
SITE = f"""
    SELECT (SELECT string_agg(name, ', ')
              FROM ir_module_module WHERE state LIKE 'to %%'),
           (SELECT latest_version FROM ir_module_module WHERE name = 'base'),
           (SELECT COALESCE(max(lastcall), min(create_date)) FROM ir_cron),
           EXISTS (SELECT FROM ir_cron WHERE active AND nextcall < {NOW} - %(late)s)
           AND NOT EXISTS (
               SELECT FROM pg_locks
                WHERE relation = 'ir_cron'::regclass AND mode = 'RowShareLock'
                  AND database = (SELECT oid FROM pg_database
                                   WHERE datname = current_database())
                  AND pid <> pg_backend_pid()
           )
"""

MOST_LINKS = 5
LINK = Markup('<a href="/odoo/action-queue_job.action_queue_job/%s">%s</a>')


class QueueJob(models.Model):
    _inherit = "queue.job"

    waiting_reason = fields.Html(
        string="Why It Waits",
        compute="_compute_waiting_reason",
        sanitize=False,
        exportable=False,
        help="What a runner that looks for a job would decide about this one now.",
    )

    waits_for = fields.Char(
        compute="_compute_waits_for",
        exportable=False,
        help="What keeps the job from starting, in short.",
    )

    @api.depends("state", "channel", "priority", "eta", "dependencies")
    def _compute_waiting_reason(self):
        waits, outlook = self._waits()
        for job in self:
            wait = waits.get(job._origin.id)
            job.waiting_reason = wait and job._explain(wait, outlook)

    @api.depends("state", "channel", "priority", "eta", "dependencies")
    @api.depends_context(IN_LIST)
    def _compute_waits_for(self):
        """Odoo asks for hidden columns too: it is told where it is shown, alone."""
        asked = self.browse(self._origin.ids if self.env.context.get(IN_LIST) else ())
        waits, _outlook = asked._waits(in_short=True)
        for job in self:
            wait = waits.get(job._origin.id)
            job.waits_for = wait and self._explain_in_short(wait)

    def _explain(self, wait, outlook):
        """Return the sentence, as markup."""
        sentence = self._sentences()[wait.reason]
        values = {
            "channel": wait.channel,
            "detail": self._detail(wait),
            "count": len(wait.jobs),
            "jobs": self._links(wait.jobs),
        }
        if wait.reason in (FAILED_JOB, EARLIER_JOB):
            values["jobs"] = self._links([wait.detail])
        elif wait.reason in (NEXT, BEHIND):
            runners = outlook.look.runners
            values["runners"] = len(runners)
            values["working"] = len(runners & outlook.look.busy)
            if wait.detail == MOST_AHEAD:
                values["detail"] = self.env._("%s or more", MOST_AHEAD)
        elif wait.reason == DEPENDENCIES and not wait.jobs:
            sentence = self.env._(
                "The jobs that it depends on are done: it is released in a minute."
            )
        return escape(sentence) % values

    def _detail(self, wait):
        is_moment = wait.reason in (ETA, THROTTLED, NO_CRON)
        return format_datetime(self.env, wait.detail) if is_moment else wait.detail

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
            MODULES: self.env._(
                "Odoo runs no scheduled action on this database, because modules are "
                "to be installed, upgraded or removed: %(detail)s."
            ),
            OTHER_VERSION: self.env._(
                "Odoo runs no scheduled action on this database, because its code is "
                "of another version than the database: update the module base."
            ),
            NO_CRON: self.env._(
                "No scheduled action at all has run on this database since %(detail)s. "
                "Look whether Odoo has cron workers (--max-cron-threads) for it, and "
                "restart Odoo if PostgreSQL was restarted."
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

    def _explain_in_short(self, wait):
        """Return what the job waits for in a few words, without other jobs' names."""
        short = {
            DEPENDENCIES: self.env._("Jobs that it depends on"),
            FULL: self.env._("A free place in channel %(channel)s"),
            FAILED_JOB: self.env._("A failed job in channel %(channel)s"),
            EARLIER_JOB: self.env._("An earlier job in channel %(channel)s"),
            NEXT: self.env._("A runner"),
            BEHIND: self.env._("A runner"),
        }
        sentence = short.get(wait.reason) or self._sentences()[wait.reason]
        return sentence % {"channel": wait.channel, "detail": self._detail(wait)}

    def _links(self, job_ids):
        """Return links to the first of these jobs that the user may see, and how many
        there are beside."""
        jobs = self.browse(job_ids)._filtered_access("read")[:MOST_LINKS]
        states = dict(self._fields["state"]._description_selection(self.env))
        links = [LINK % (job.id, self.env._("job %s", job.id)) for job in jobs]
        for number, job in enumerate(jobs):
            if job.state in (FAILED, CANCELLED):
                links[number] += f" ({states[job.state]})"
        if more := len(job_ids) - len(jobs):
            links.append(self.env._("%s more", more))
        return Markup(", ").join(links)

    def _waits(self, in_short=False):
        """Return what these jobs wait for, those that wait alone.

        :param in_short: count no jobs, for each would cost a query
        :return: a dictionary from id to :class:`Wait`, and the :class:`Outlook` that
            it comes from, None where nothing starts anyway.
        """
        waiting = self.filtered(
            lambda job: job.state in (PENDING, ENQUEUED, WAIT_DEPENDENCIES)
        )
        if not waiting:
            return {}, None
        now = self._time_of_decision()
        self.env.cr.execute(IS_ACTIVE)
        if self.env.cr.fetchone()[0]:
            return dict.fromkeys(waiting.ids, Wait(REGULAR_RUNNER)), None
        if wait := self._wait_for_site(now):
            return dict.fromkeys(waiting.ids, wait), None
        try:
            channels = channels_in_force(self.env.cr)
        except InvalidChannels as invalid:
            wait = Wait(INVALID_CHANNELS, detail=str(invalid))
            return dict.fromkeys(waiting.ids, wait), None
        waits, queued = {}, {}
        self.env.cr.execute(PLACES, {"now": now, "ids": waiting.ids})
        for state, eta, channel, *place in self.env.cr.fetchall():
            place = Head(*place)
            if state == WAIT_DEPENDENCIES:
                job = self.browse(() if in_short else place.id)
                waits[place.id] = job._wait_for_dependencies()
            elif state == ENQUEUED:
                waits[place.id] = Wait(IS_ENQUEUED)
            elif eta:
                waits[place.id] = Wait(ETA, detail=eta)
            else:
                queued[place] = channel
        outlook = Outlook(self.env.cr, channels, now, queued)
        if not outlook.look.runners:
            return dict.fromkeys(waiting.ids, Wait(NO_RUNNER)), outlook
        for place, channel in queued.items():
            waits[place.id] = outlook.wait(channel, place, not in_short)
        return waits, outlook

    def _wait_for_site(self, now):
        """Return why Odoo runs no scheduled action at all, or None."""
        cr = self.env.cr
        cr.execute(SITE, {"late": LATE})
        modules, version, last, is_left = cr.fetchone()
        if modules:
            return Wait(MODULES, detail=modules)
        if version != BASE_VERSION:
            return Wait(OTHER_VERSION)
        if is_left and last and last < now - LATE and not look(cr, now).running:
            return Wait(NO_CRON, detail=last)
        return None

    def _wait_for_dependencies(self):
        uuids = (self.dependencies or {}).get("depends_on", [])
        domain = [("uuid", "in", uuids), ("state", "!=", DONE)]
        # of other companies too: they hold the job as well
        return Wait(DEPENDENCIES, jobs=self.sudo().search(domain, order="id")._ids)
