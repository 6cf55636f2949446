# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Jobs that are interrupted: *Stop*, what is said of it, and the end of those whose
thread hangs."""

import logging
from functools import partial

import psycopg2
from psycopg2.pool import PoolError

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from odoo.addons.queue_job.job import FAILED, STARTED

from ..runner.budget import CPU, REAL
from ..runner.guard import IS_STOPPED
from ..runner.interrupt import FUNCTION, SERVER, STOP, Interruption
from ..runner.look import NOW
from ..runner.transaction import store_apart

_logger = logging.getLogger(__name__)

# For this start only: a job that ended in this moment is not stopped when it is started
# again some day. Pressed again, it is the first one's.
ASK_TO_STOP = f"""
    DELETE FROM queue_job_stop WHERE date < {NOW} - INTERVAL '1 day';
    INSERT INTO queue_job_stop (job_number, date_started, user_id, date)
         SELECT id, date_started, %(user)s, {NOW}
           FROM queue_job
          WHERE id = ANY(%(ids)s) AND state = 'started'
    ON CONFLICT (job_number) DO UPDATE
            SET date_started = EXCLUDED.date_started,
                user_id = EXCLUDED.user_id,
                date = EXCLUDED.date
          WHERE queue_job_stop.date_started <> EXCLUDED.date_started
"""
STOPPING = """
    SELECT stop.job_number, partner.name, stop.date
      FROM queue_job_stop AS stop
      JOIN queue_job AS job
        ON job.id = stop.job_number AND job.date_started = stop.date_started
      LEFT JOIN res_users AS users ON users.id = stop.user_id
      LEFT JOIN res_partner AS partner ON partner.id = users.partner_id
     WHERE stop.job_number = ANY(%s) AND job.state = 'started'
"""
FORGET_STOP = """
    DELETE FROM queue_job_stop WHERE job_number = %s RETURNING user_id, date
"""


class QueueJob(models.Model):
    _inherit = "queue.job"

    stopping = fields.Char(compute="_compute_stopping", exportable=False)

    @api.depends("state")
    def _compute_stopping(self):
        self.env.cr.execute(STOPPING, [self.ids])
        stops = {number: stop for number, *stop in self.env.cr.fetchall()}
        for job in self:
            user, date = stops.get(job._origin.id, (None, None))
            job.stopping = date and self.env._(
                "%(user)s asked to stop it on %(date)s UTC. It ends within 10 s.",
                user=user,
                date=fields.Datetime.to_string(date),
            )

    def button_stop(self):
        """Ask for the end of those of these jobs that run: undone, and cancelled.

        :raises AccessError: not a manager of jobs
        :raises UserError: none of them runs, or the regular runner runs it
        """
        self.check_access("write")
        running = self.filtered(lambda job: job.state == STARTED)
        if not running:
            raise UserError(self.env._("It is not running any more."))
        if not all(job.sudo().runner_id for job in running):
            raise UserError(self.env._("Jobs of the regular runner can't be stopped."))
        values = {"ids": running.ids, "user": self.env.uid}
        self.env.cr.execute(ASK_TO_STOP, values)
        running.invalidate_recordset(["stopping"])
        return True

    def _interruption_message(self, interruption):
        names = {
            FUNCTION: self.env._("the limit of its job function"),
            REAL: self.env._("the limit of real time of its process"),
            CPU: self.env._("the limit of CPU time of its process"),
        }
        seconds, limit = interruption.seconds, interruption.limit
        if interruption.kind == SERVER:
            return self.env._(
                "interrupted after %s s: the server was stopping. This is not a try.",
                seconds,
            )
        if interruption.kind == STOP:
            return self.env._(
                "Stopped by %(user)s on %(date)s UTC",
                user=self.env["res.users"].browse(interruption.user_id).name,
                date=fields.Datetime.to_string(interruption.date),
            )
        return self.env._(
            "interrupted after %(seconds)s s: %(name)s is %(limit)s s",
            seconds=seconds,
            name=names[interruption.kind],
            limit=limit,
        )

    def _asked_to_stop(self):
        """Return what *Stop* has asked for, as an :class:`Interruption`, or None."""
        values = {"id": self.id, "start": self.date_started}
        self.env.cr.execute(IS_STOPPED, values)
        if row := self.env.cr.fetchone():
            user_id, date = row
            return Interruption(STOP, user_id=user_id, date=date)
        return None

    def _after_stop(self):
        """Say who has stopped this job, and cancel those that wait for it."""
        try:
            with self.env.cr.savepoint():
                self.env.cr.execute(FORGET_STOP, [self.id])
                stop = Interruption(STOP, 0, *self.env.cr.fetchone())
                message = self._interruption_message(stop)
                self._write_outcome({"result": message})
                author = self.env["res.users"].browse(stop.user_id).partner_id
                self.message_post(body=message, author_id=author.id)
                self._load().cancel_dependent_jobs()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:
            _logger.exception("Telling that job %s was stopped", self.uuid)


class QueueJobStop(models.Model):
    """Which running jobs are to be stopped: their own rows belong to their runs.

    Without a foreign key, whose making would lock the table of jobs.
    """

    _name = "queue.job.stop"
    _description = "Stopped Job"
    _log_access = False

    job_number = fields.Integer(required=True, readonly=True)
    date_started = fields.Datetime(required=True, readonly=True)
    user_id = fields.Many2one("res.users", readonly=True)
    date = fields.Datetime(required=True, readonly=True)

    _job_uniq = models.Constraint("UNIQUE (job_number)", "One row per job.")


def end_job(registry, job_id, start, interruption, place, undo):
    """Store the outcome of a job from another thread than its own, which hangs.

    On other connections: the job's is in use. Its transaction is undone after that; or
    before, with ``undo()``, if it has written on the job's row.

    :param place: the stack of its thread
    :return: what is to be called then: tells the *on fail* method
    """
    values = {}

    def jobs(cr):
        return api.Environment(cr, SUPERUSER_ID, {})["queue.job"].browse(job_id)

    def store(cr, now):
        job = jobs(cr)
        values.update(job._interrupted(interruption, place))
        job._write_undone(values, now)

    def tell():
        with registry.cursor() as cr:
            job = jobs(cr)
            job._call_on_fail(job._load(), values, commit=True)

    store = partial(store_apart, registry.db_name, job_id, start, store, "500ms")
    try:
        is_ours = store()
    except (PoolError, psycopg2.Error) as error:
        _logger.info("Job %s is undone before its outcome is stored: %s", job_id, error)
        undo()
        is_ours = store()
    return tell if is_ours and values["state"] == FAILED else None
