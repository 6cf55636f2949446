# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How a pending job becomes one run's own. The SQL is in ``runner/``."""

import os

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.queue_job.job import PENDING

from ..runner.acquisition import Acquisition
from ..runner.claim import BEGIN_CLAIM, LOCK, NOTE_START, NOW, START_JOB
from ..runner.look import GET_XID, IS_ALIVE, IS_LATER, IS_READY, PLACE, THIS_XID
from ..runner.look_functions import CREATE_FUNCTIONS
from ..runner.regular import RegularRunnerActive
from ..runner.switch import SwitchedOff

# What a job's place in the queue depends on.
MATTERS = {"state", "channel", "priority", "eta", "date_created"}

DEFAULT_XID = f"ALTER TABLE queue_job ALTER changed_xid SET DEFAULT {THIS_XID}"


class QueueJob(models.Model):
    _inherit = "queue.job"

    eta_reached = fields.Datetime(
        readonly=True,
        copy=False,
        help="The eta that has passed: the job is ready while it is equal to its eta.",
    )
    changed_xid = fields.Float(
        readonly=True,
        aggregator=None,
        copy=False,
        help="The transaction that has put the job where it is in the queue. (As a "
        "float, for it has more than 32 bits.)",
    )

    _ready_idx = models.Index(f"(COALESCE(channel, ''), {PLACE}) WHERE {IS_READY}")
    _later_idx = models.Index(f"(eta) WHERE {IS_LATER}")
    _later_in_channel_idx = models.Index(
        f"(COALESCE(channel, ''), eta, {PLACE}) WHERE {IS_LATER}"
    )
    _failed_idx = models.Index("(COALESCE(channel, ''), id) WHERE state = 'failed'")
    _changed_idx = models.Index(f"(changed_xid) WHERE {IS_ALIVE}")

    def init(self):
        self.env.cr.execute(DEFAULT_XID)
        self.env.cr.execute(CREATE_FUNCTIONS)
        return super().init()

    def write(self, vals):
        if MATTERS & vals.keys() and vals.get("state", PENDING) == PENDING:
            self.env.cr.execute(GET_XID)
            vals = {**vals, "changed_xid": self.env.cr.fetchone()[0]}
        return super().write(vals)

    @api.model
    def _acquire_one_job(self):
        """Return the next job that may start, its row locked for update.

        Among the channels that are open, by priority, then the oldest, then the
        smallest id. An empty recordset if there is none.

        :raises psycopg2.errors.SerializationFailure: the job has been changed
            since this transaction's first query.
        """
        acquisition = Acquisition(self.env, self._lock, self._time_of_decision())
        return self.browse(acquisition.head and acquisition.head.id)

    @api.model
    def _time_of_decision(self):
        """Return PostgreSQL's time; what decides is in the database then."""
        self.flush_model()
        self.env["ir.cron"].flush_model(["queue_job_runner", "active"])
        self.env.cr.execute(SQL("SELECT %s", SQL(NOW)))
        return self.env.cr.fetchone()[0]

    @api.model
    def _claim_one_job(self, first, known=None):
        """Make the next job that may start this run's own, and commit that.

        Everyone sees it as started from then on. Called on a clean cursor: the
        claim is right only if nothing has taken a snapshot before its lock. If
        another job could start beside it, one idle runner is woken, now or then.
        Without a job the transaction is left open, and with it the lock, to be
        committed by the caller.

        :param first: it is the first of this run: progress in Odoo's eyes, or
            killed runs would be taken for timeouts without any.
        :param known: the situation of this process' last claim.
        :return: the :class:`Acquisition`.
        :raises RegularRunnerActive, SwitchedOff: no job may be had now.
        :raises psycopg2.Error: a conflict; roll back and try again.
        """
        cr = self.env.cr
        runner = {"runner": self.env.context.get("cron_id")}
        cr.execute(BEGIN_CLAIM, runner, log_exceptions=False)
        away, now, limits, off = cr.fetchone()
        if not away:
            raise RegularRunnerActive
        if off:
            raise SwitchedOff
        acquisition = Acquisition(self.env, self._start, now, limits, known)
        if not acquisition.head:
            return acquisition
        self._note_start(acquisition.throttled)
        self._wake_for_what_is_left(acquisition)
        if first:
            self.env["ir.cron"]._report_progress(1)
        else:
            cr.commit()  # pylint: disable=invalid-commit
        return acquisition

    @api.model
    def _wake_for_what_is_left(self, acquisition):
        """Trigger an idle runner for the job that may start next, now or later."""
        situation = acquisition.situation
        idle = situation.runners - situation.busy - {self.env.context.get("cron_id")}
        if idle:
            head, _channel, closed = acquisition.after()
            moment = acquisition.now if head else acquisition.next_moment(closed)
            self.env["ir.cron"]._wake_one(idle, moment, acquisition.now)

    @api.model
    def _lock(self, job_id):
        """Lock the job and return whether nobody else holds it."""
        self.env.cr.execute(LOCK, [job_id], log_exceptions=False)
        return bool(self.env.cr.rowcount)

    @api.model
    def _start(self, job_id):
        """Set the job to started by this process and give it its lock's row.

        Return whether nobody else holds it.
        """
        job = self.browse(job_id)
        job.flush_recordset()
        self.env.cr.execute(
            START_JOB,
            {
                "id": job_id,
                "pid": os.getpid(),
                "runner": self.env.context.get("cron_id"),
            },
            log_exceptions=False,
        )
        job.invalidate_recordset()
        return bool(self.env.cr.rowcount)

    @api.model
    def _note_start(self, throttled):
        """Let the throttle of these channels begin anew."""
        if throttled:
            self.env.cr.execute(NOTE_START, {"names": throttled})
