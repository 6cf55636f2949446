# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Enqueueing: what changes the queue wakes a runner. And what a run stores of a job."""

import logging
from functools import partial

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.http import request

from odoo.addons.queue_job.fields import JobSerialized
from odoo.addons.queue_job.job import DONE, FAILED, PENDING, STARTED

from ..runner import wake
from ..runner.claim import CREATE_START, Choice, channels_in_force, lock_pending
from ..runner.look import CREATE_LOOK, DROP_FUNCTIONS, INDEXES, time_of_decision
from ..runner.run import Run
from ..runner.server_channels import InvalidChannels

_logger = logging.getLogger(__name__)

# Those of the jobs that somebody works on. It locks the others' rows: no run takes them
# before the end of this transaction.
HELD = """
    SELECT queue_job_id
      FROM queue_job_lock
     WHERE queue_job_id = ANY(%(ids)s)
       AND queue_job_id NOT IN (
               SELECT queue_job_id
                 FROM queue_job_lock
                WHERE queue_job_id = ANY(%(ids)s)
                  FOR NO KEY UPDATE SKIP LOCKED
           )
"""
DONE_BY_HAND = f"{__name__}.done_by_hand"
# Nobody asks for jobs by these.
NOT_TO_GROUP_BY = {"eta_reached", "runner_name", "rescue_message"}
# What a job's place in the queue depends on.
MATTERS = {"state", "channel", "priority", "eta"}


class QueueJob(models.Model):
    _inherit = "queue.job"

    runner_id = fields.Many2one(
        "ir.cron",
        readonly=True,
        copy=False,
        ondelete="set null",
        help="The runner that has started the job.",
    )
    # to search with: who has no right on scheduled actions can't search by runner_id
    runner_name = fields.Char(
        string="Runner Name", related="runner_id.cron_name", exportable=False
    )
    date_failed = fields.Datetime(readonly=True, copy=False)
    eta_reached = fields.Datetime(
        readonly=True,
        copy=False,
        exportable=False,
        help="The eta that has passed: the job is ready while it is equal to its eta.",
    )

    # may be huge: nobody loads them for another field's sake
    records = JobSerialized(base_type=models.BaseModel, prefetch=False)
    args = JobSerialized(base_type=tuple, prefetch=False)
    kwargs = JobSerialized(base_type=dict, prefetch=False)

    _queue_idx = models.Index(INDEXES["_queue_idx"])
    _ready_idx = models.Index(INDEXES["_ready_idx"])
    _later_idx = models.Index(INDEXES["_later_idx"])
    _later_in_channel_idx = models.Index(INDEXES["_later_in_channel_idx"])
    _failed_idx = models.Index(INDEXES["_failed_idx"])
    _running_idx = models.Index(INDEXES["_running_idx"])
    _waiting_idx = models.Index(INDEXES["_waiting_idx"])

    def init(self):
        self.env.cr.execute(DROP_FUNCTIONS)
        for functions in (CREATE_LOOK, CREATE_START, wake.CREATE_WAKE):
            self.env.cr.execute(functions)
        return super().init()

    def fields_get(self, allfields=None, attributes=None):
        found = super().fields_get(allfields, attributes)
        for name in NOT_TO_GROUP_BY & found.keys():
            if "groupable" in found[name]:
                found[name]["groupable"] = False
        return found

    def _register_hook(self):
        wake.registry_loaded(self.env.cr.dbname)
        return super()._register_hook()

    @api.model_create_multi
    @api.private
    def create(self, vals_list):
        jobs = super().create(vals_list)
        jobs._ensure_cron_trigger()
        return jobs

    def write(self, vals):
        """Write, and wake a runner: another job may start now, if not this one.

        :raises UserError: a job that runs belongs to its run.
        """
        matters = MATTERS & vals.keys()
        is_own = self.env.context.get("_job_edit_sentinel") is self.EDIT_SENTINEL
        if not is_own:
            self._check_not_running("write")
        if vals.get("state") == PENDING:
            vals = {"runner_id": False, **vals}
        if "state" in vals:
            failed = vals["state"] == FAILED
            vals = {"date_failed": failed and fields.Datetime.now(), **vals}
        result = super().write(vals)
        if vals.get("state") == STARTED:  # by the regular runner
            for job in self.filtered("date_created").filtered("date_started"):
                since = max(job.date_created, job.eta or job.date_created)
                job.wait_time = (job.date_started - since).total_seconds()
        if matters:
            wake.tell(self.env.cr)
            self._ensure_cron_trigger()
        if vals.get("state") == DONE and not wake.is_quiet(self.env.cr):
            self._release_after_commit()
        return result

    def _release_after_commit(self):
        """Release those that wait for these jobs: another parent, which a runner ends
        meanwhile, does not see these ones done, nor they that one."""
        data = self.env.cr.postcommit.data
        for job in self:
            if (job.dependencies or {}).get("reverse_depends_on"):
                if DONE_BY_HAND not in data:
                    data[DONE_BY_HAND] = []
                    release = partial(_release_dependents, self.pool, data)
                    self.env.cr.postcommit.add(release)
                data[DONE_BY_HAND].append(job.id)

    def unlink(self):
        self._check_not_running("unlink")
        result = super().unlink()
        wake.tell(self.env.cr)
        return result

    def requeue(self):
        self._tell_of_running()
        return super().requeue()

    def button_done(self):
        self._tell_of_running()
        return super().button_done()

    def button_cancelled(self):
        self._tell_of_running()
        return super().button_cancelled()

    def _tell_of_running(self):
        """Say that running jobs are left alone, which queue_job does in silence."""
        running = self.filtered(lambda job: job.state == STARTED)
        if running and not self.env.su:
            message = self.env._(
                "%s of these jobs are running and were left alone. Stop them, or try "
                "again when they have ended.",
                len(running),
            )
            notification = {"type": "warning", "message": message, "sticky": True}
            self.env.user._bus_send("simple_notification", notification)

    def _check_not_running(self, operation):
        """Refuse what others would do to a job that runs, on another connection than
        its own: each write of the row would let its work be undone, and done again.

        :raises AccessError: who may not do it anyway does not learn the job's name
        :raises UserError: one of these is running.
        """
        started = self.sudo().filtered(lambda job: job.state == STARTED)
        if not started:
            return
        self.check_access(operation)
        self.env.cr.execute(HELD, {"ids": started.ids})
        for job in started.browse(row[0] for row in self.env.cr.fetchall()):
            raise UserError(
                self.env._(
                    "Job %(id)s (%(name)s) is running. It can be changed when it has "
                    "ended.",
                    id=job.id,
                    name=job.name,
                )
            )

    def _ensure_cron_trigger(self):
        """Wake a runner for those of these jobs that are pending.

        Now, and at the first of their etas that are ahead. The runner wakes others, and
        is there in time for the later ones.
        """
        now = fields.Datetime.now()
        etas = [job.eta or now for job in self.sudo() if job.state == PENDING]
        if any(eta <= now for eta in etas):
            wake.tell(self.env.cr)
        if ahead := [eta for eta in etas if eta > now]:
            wake.tell(self.env.cr, min(ahead))

    @api.model
    def _cron_trigger(self, at=None):
        """Trigger every active runner.

        Odoo runs a cron once at a time: only several crons work in parallel,
        so each of them is triggered.

        :param at: a datetime or several, as for ``ir.cron._trigger``; by
            default as soon as possible.
        """
        for runner in self.env["ir.cron"]._queue_job_runners():
            runner._trigger(at=at)

    @api.model
    def _job_runner(self, commit=True):
        """Process jobs until nothing may start: the code of a runner's cron.

        :param commit: claim, perform and finish each job in transactions of its
            own, for as long as the process has time (see :class:`Run`). Without
            it everything happens in the caller's transaction, as tests want it.
        :raises AccessError: called over HTTP by anybody but an administrator. Odoo
            lets whoever may write jobs run a runner's server action.
        """
        if commit:
            is_admin = self.env.su or self.env.user.has_group("base.group_system")
            if request and not is_admin:
                raise AccessError(self.env._("Runners run in cron workers."))
            Run(self.env).run()
            return
        while job := self._acquire_one_job():
            job._process()

    @api.model
    def _acquire_one_job(self):
        """Return the next job that may start, its row locked for update.

        Among the channels that are open, by priority, then the oldest, then the
        smallest id. An empty recordset if there is none.

        :raises psycopg2.errors.SerializationFailure: the job has been changed
            since this transaction's first query.
        """
        cr = self.env.cr
        now = self._time_of_decision()
        try:
            channels = channels_in_force(cr)
        except InvalidChannels:
            return self.browse()
        choice = Choice(cr, channels, now, partial(lock_pending, cr))
        return self.browse(choice.job and choice.job.id)

    @api.model
    def _time_of_decision(self):
        """Return PostgreSQL's time; what decides is in the database then."""
        self.env.flush_all()
        return time_of_decision(self.env.cr)


def _release_dependents(registry, data):
    try:
        with registry.cursor() as cr:
            jobs = api.Environment(cr, SUPERUSER_ID, {})["queue.job"]
            jobs.browse(data[DONE_BY_HAND]).exists()._release_dependents()
    except Exception:
        _logger.warning("Jobs that wait are left to the rescue", exc_info=True)
