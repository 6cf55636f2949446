# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The claim: how a pending job becomes one run's own.

Odoo's cursors are REPEATABLE READ: the first query takes the snapshot that all others
see. Counting or choosing under a lock that is itself taken by a query is wrong then,
since others commit between the snapshot and the lock. LOCK TABLE takes no snapshot, so
after ``BEGIN_CLAIM`` a claim sees all that earlier claims have committed, and two
claims never meet.
"""

import json
import logging
import os
from bisect import insort
from functools import partial
from typing import NamedTuple

from . import wake
from .decision import ROOT, THROTTLED, Channels, Head, Limits
from .look import (
    CALL_LOOK,
    CHANNEL,
    IS_LATER,
    IS_READY,
    MANY,
    MUCH,
    NOW,
    PLACE,
    PLANNED_ONCE,
    heads,
    holds,
    look,
    read_look,
    seen_by,
)
from .regular import IS_AWAY, RegularRunnerActive
from .server_channels import InvalidChannels, server_channels
from .transaction import settings

_logger = logging.getLogger(__name__)

# Changes whenever a row does: an update gives it a younger xmin. 0.2 ms for 1,000.
VERSION = "SELECT concat(count(*), ' ', sum(xmin::text::bigint)) FROM queue_job_channel"

# The timeouts are for a process that is frozen in the middle of a claim: it is not
# dead and would hold everyone's. A claim that a power cut takes back leaves the job
# pending: nothing is lost by not waiting for the disk. The answer is false while the
# regular runner is active, and it has the time of all decisions, since hosts' clocks
# differ and now() is as old as the wait for the lock.
BEGIN_CLAIM = f"""
    SET LOCAL lock_timeout = '5s';
    SET LOCAL idle_in_transaction_session_timeout = '5s';
    SET LOCAL synchronous_commit = off;
    {wake.LOCK_CLAIMS};
    SELECT 'head',
           json_build_array(
               ({IS_AWAY}), ({VERSION}), pg_backend_pid(), {{signals}},
               EXISTS (SELECT FROM queue_job_runner_switch
                        WHERE runner_id = %(runner)s AND off),
               {wake.ENTER}
           )::text,
           NULL::int, {NOW}, NULL::int, NULL::int
     UNION ALL {CALL_LOOK}
"""

# Planned faster than max(id).
LAST = "(SELECT id FROM {} ORDER BY id DESC LIMIT 1)"

# What is stored, and only that. A channel without a name is none.
LIMITS = """
    SELECT complete_name,
           COALESCE(capacity, 0),
           COALESCE(sequential, FALSE),
           COALESCE(throttle, 0),
           COALESCE(paused, FALSE),
           COALESCE(capacity_default, 0),
           COALESCE(sequential_default, FALSE)
      FROM queue_job_channel
     WHERE complete_name > ''
"""

# Etas that have passed since the last claim. In batches: of a flood of them the
# earliest come first, whatever their priority, and the lock is held for 10 ms.
ETA_BATCH = 500
NOTE_ETAS = f"""
    UPDATE queue_job
       SET eta_reached = eta
     WHERE id IN (
               SELECT id
                 FROM queue_job
                WHERE {IS_LATER} AND eta <= %(now)s
                ORDER BY eta
                LIMIT {ETA_BATCH}
                  FOR NO KEY UPDATE SKIP LOCKED
           )
"""

# After a job of a channel that somebody has locked, or that has just been taken.
NEXT_READY = f"""
    SELECT {PLACE}
      FROM queue_job
     WHERE {IS_READY} AND {CHANNEL} = %(channel)s AND ({PLACE}) > %(head)s
       AND id <> ALL(%(past)s)
     ORDER BY {CHANNEL}, {PLACE}
     LIMIT 1
"""
# A user who changes thousands of jobs holds them all: those are gone past in one go.
NEXT_FREE = f"{NEXT_READY} FOR NO KEY UPDATE SKIP LOCKED"

LOCK = "SELECT 1 FROM queue_job WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED"

# Unless somebody else holds it. date_enqueued is what the regular runner's rescue looks
# at. The starts of throttled channels stand apart from the job, whose retry clears its
# own, and from the channel's row, which a manager may be editing.
CREATE_START = f"""
    CREATE FUNCTION queue_job_start(
        job int, process int, runner int, start timestamp, throttled varchar[]
    )
    RETURNS boolean {PLANNED_ONCE}
    AS $$
    BEGIN
        PERFORM FROM queue_job WHERE id = job FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN FALSE;
        END IF;
        INSERT INTO queue_job_lock (id, queue_job_id) VALUES (job, job)
        ON CONFLICT (id) DO NOTHING;
        UPDATE queue_job
           SET state = 'started',
               date_started = start,
               date_enqueued = start,
               date_done = NULL,
               wait_time = EXTRACT(epoch FROM start - GREATEST(date_created, eta)),
               worker_pid = process,
               runner_id = runner
         WHERE id = job;
        IF cardinality(throttled) > 0 THEN
            INSERT INTO queue_job_channel_start (name, date_started)
                 SELECT unnest(throttled), start
            ON CONFLICT (name) DO UPDATE SET date_started = EXCLUDED.date_started;
        END IF;
        RETURN TRUE;
    END $$;
"""
_START = """
    queue_job_start(%(id)s, %(pid)s, %(runner)s, {}, %(throttled)s::varchar[])
"""
START = f"SELECT {_START.format(NOW)}"

# The claims' lock is given back in the same round trip: what is held for others waits
# for no process that has to wait for its turn on the CPU. A setting outlives the
# transaction, whose results do not.
CLAIM = f"""
    SELECT set_config(
               'queue_job_cron_jobrunner.claimed',
               ARRAY[
                   started,
                   CASE WHEN started AND %(wakes)s THEN (
                       SELECT is_new
                         FROM queue_job_wake(NULL, %(runner)s, NULL, TRUE)
                   ) END
               ]::text,
               FALSE
           )
      FROM {_START.format("%(start)s")} AS started;
    COMMIT AND CHAIN;
    SELECT current_setting('queue_job_cron_jobrunner.claimed')::boolean[]
"""


class SwitchedOff(Exception):
    """The run's runner is to be off: no further job."""


class CachesChanged(Exception):
    """Another process has changed what this one's registry remembers."""


class Chosen(NamedTuple):
    """A job that is to start."""

    id: int
    channel: str


class Choice:
    """Which job starts next.

    ``job`` is the :class:`Chosen`, None if none may start; ``held``: what could have
    started is locked by somebody else; ``flooded``: more etas may have passed.

    :param cr: its transaction has to see all earlier claims, if it is a claim
    :param channels: the :class:`Channels` in force
    :param now: PostgreSQL's time of the decision, a naive datetime in UTC
    :param take: tells whether the job of that id can be had, for nobody else holds it
    :param seen: a :class:`Look` of this transaction
    """

    def __init__(self, cr, channels, now, take, seen=None):
        self.cr = cr
        self.channels = channels
        self.now = now
        self.job = None
        self.held = self.flooded = False
        self._choose(take, seen or look(cr, now))
        if self.look.is_partial and not self.job:  # for what the memory has missed
            self._choose(take, look(cr, now))

    def _choose(self, take, seen):
        self.look = seen
        if self._note_etas():
            self.look = look(self.cr, self.now, seen if seen.is_partial else None)
        self._jobs = self.look.jobs  # those still to be gone through
        self._asked = self.look.is_whole  # else each channel is asked for its first
        self._past = set()  # ids of those that were gone through
        self._is_dear = False  # to ask each channel
        self.decision = self.look.decision(self.channels)
        self._note_holds()
        while found := self._next():
            head, channel = found
            if take(head.id):
                if self._is_dear:
                    self.look.begin = head
                self.job = Chosen(head.id, channel)
                self.decision.start(head.id, channel)
                return
            self.held = True
            self.decision.hold(head.id, channel)

    def has_more(self):
        """Return whether another job could start beside this one."""
        return self._next() is not None

    def next_moment(self):
        """Return when something may start that waits for nothing but the time, or None.

        To be asked when nothing could start, or nothing more.
        """
        closed = (self.decision.closed(channel) for _head, channel in self._jobs)
        ends = [each.detail for each in closed if each and each.reason == THROTTLED]
        etas = [self.look.first_eta] if self.look.first_eta else []
        return min(ends + etas, default=None)

    def _next(self):
        """Return the next (:class:`Head`, channel) that is open, and go past it."""
        while True:
            if found := self.decision.first_open(self._jobs):
                self._go_past(*found)
                return found
            if self._asked:
                return None
            self._asked = True
            self._jobs, read = heads(self.cr)
            self._is_dear = read > MUCH or len(self._jobs) > MANY
            for head, channel in list(self._jobs):
                if head.id in self._past:
                    self._go_past(head, channel)
            self._note_holds()

    def _go_past(self, head, channel):
        self._past.add(head.id)
        self._jobs = [each for each in self._jobs if each[0] != head]
        if not self._asked or self.look.is_whole:
            return
        values = {"channel": channel, "head": head, "past": list(self._past)}
        statement = NEXT_FREE if self.held else NEXT_READY
        self.cr.execute(statement, values, log_exceptions=False)
        if row := self.cr.fetchone():
            insort(self._jobs, (Head(*row), channel))

    def _note_holds(self):
        found = holds(self.cr, self.channels, self._jobs)
        self.decision.failed, self.decision.earliest = found

    def _note_etas(self):
        """Make a batch of jobs ready whose eta has passed; return whether it did."""
        first_eta = self.look.first_eta
        if not first_eta or first_eta > self.now:
            return False
        self.cr.execute(NOTE_ETAS, {"now": self.now}, log_exceptions=False)
        self.flooded = self.cr.rowcount == ETA_BATCH
        self.held |= not self.cr.rowcount
        return bool(self.cr.rowcount)


def lock_pending(cr, job_id):
    """Lock the job's row; return False if somebody else holds it."""
    cr.execute(LOCK, [job_id], log_exceptions=False)
    return bool(cr.rowcount)


def start_job(cr, job_id, runner=None, throttled=()):
    """Set the job to started by this process and give it its lock's row.

    :param throttled: the names of the channels whose throttle begins anew
    :return: False if somebody else holds it
    """
    values = _start_of(job_id, runner, throttled)
    cr.execute(START, values, log_exceptions=False)
    return cr.fetchone()[0]


def _start_of(job_id, runner, throttled):
    return {
        "id": job_id,
        "pid": os.getpid(),
        "runner": runner,
        "throttled": list(throttled),
    }


def channels_in_force(cr):
    """Return the :class:`Channels` that this process goes by.

    :raises InvalidChannels: the server's configuration means nothing.
    """
    channels = server_channels()
    if channels is None:
        cr.execute(LIMITS, log_exceptions=False)
        channels = Channels({name: Limits(*values) for name, *values in cr.fetchall()})
    return channels


class Claims:
    """The claims of one run, and its presence, on its control connection.

    :param runner: the id of its cron, None for a run that is nobody's
    """

    def __init__(self, cr, registry, runner):
        self.cr = cr
        self.registry = registry
        self.runner = runner
        self.is_present = self.lingers = False
        self._known = self._channels = self._version = self._backend = None
        self._handed_on = None
        signals = [f"orm_signaling_{name}" for name in registry.cache_sequences]
        signals = ", ".join(map(LAST.format, ["orm_signaling_registry", *signals]))
        self._begin = BEGIN_CLAIM.format(signals=f"ARRAY[{signals}]")

    def claim(self):
        """Make the next job that may start this run's own, committed, with the claims'
        lock given back; the transaction that follows is left open for the caller.

        If another job could start beside it, somebody is woken, now or then. If no job
        may start, that of the look is left open, with the claims' lock.

        :return: the :class:`Choice`
        :raises CachesChanged, RegularRunnerActive, SwitchedOff: no job may be had now
        :raises psycopg2.Error: a conflict; roll back and try again
        """
        choice = self._choose()
        if choice.job and not self._start(choice):  # somebody else holds it
            self.cr.commit()  # pylint: disable=invalid-commit
            choice = self._choose(partial(lock_pending, self.cr))
            if choice.job:
                self._start(choice)
        return choice

    def _choose(self, take=bool):
        """Return the :class:`Choice` of a new look, in its transaction, the first one.

        :param take: as for that; by default each job is held by nobody
        """
        known = (
            self._known if self._known and self._known.is_worth_remembering() else None
        )
        values = {
            **seen_by(known),
            "runner": self.runner,
            "enter": bool(self.runner) and not self.is_present,
            "backend": self.cr._cnx.get_backend_pid(),
        }
        self.cr.execute(self._begin, values, log_exceptions=False)
        self.cr._cnx.notifies.clear()  # this look sees what they tell of
        (_kind, head, _none, now, *_nones), *rows = self.cr.fetchall()
        away, version, backend, signals, off, entered = json.loads(head)
        self.is_present = self.is_present or bool(entered)
        self._check_backend(backend)
        if not away:
            raise RegularRunnerActive
        if signals != [
            self.registry.registry_sequence,
            *self.registry.cache_sequences.values(),
        ]:
            raise CachesChanged
        if off:
            raise SwitchedOff
        if version != self._version:
            try:
                self._channels = channels_in_force(self.cr)
            except InvalidChannels:  # nothing may start; the log has said why
                self._channels = Channels({ROOT: Limits(paused=True)})
            self._version = version
        seen = read_look(rows, now, known)
        choice = Choice(self.cr, self._channels, now, take, seen)
        self._known = choice.look
        return choice

    def session(self):
        """Return the pid of PostgreSQL's process that has the presence, or None."""
        return self._backend if self.is_present else None

    def linger(self):
        """Listen, from the commit of this look that found nothing on."""
        if self.is_present and not self.lingers:
            self.cr._cnx.notifies.clear()
            self._execute(wake.LINGER, wake.IDLE_LIMIT)
            self.lingers = True

    def leave(self, choice=None, moment=None):
        """Hand on when something may start, in this look that found nothing; then this
        runner will not look by itself."""
        if moment:
            wake.hand_on(self.cr, self.runner, moment, choice.now)
        self.cr.postcommit.add(
            partial(wake.arm, self.cr.dbname, wake.NET_AFTER, wake.NET)
        )
        if self.is_present:
            self._execute(wake.LEAVE, wake.NO_IDLE_LIMIT if self.lingers else {})
            self.is_present = self.lingers = False

    def _start(self, choice):
        """Start the chosen job, see to what else could start beside it, and commit;
        return False if somebody else holds it."""
        first = ""
        if self.lingers:
            first = self._set(wake.NO_IDLE_LIMIT) + wake.STOP_LINGERING
            first %= {"runner": self.runner}
        others = choice.look.runners - choice.look.busy - {self.runner}
        # what is held may be let go while this run is busy: another one waits for it
        wakes = bool(others) and (choice.held or choice.has_more())
        moment = choice.next_moment() if others and not wakes else None
        if moment and moment != self._handed_on:
            wake.hand_on(self.cr, self.runner, moment, choice.now)
        throttled = self._channels.throttled(choice.job.channel)
        values = {
            **_start_of(choice.job.id, self.runner, throttled),
            "start": choice.now,
            "wakes": wakes,
        }
        self.cr.execute(first + CLAIM, values, log_exceptions=False)
        is_started, is_new = self.cr.fetchone()[0]
        self.lingers = False
        self._handed_on = moment or self._handed_on
        if is_new:
            wake.notify(self.cr)
        return is_started

    def _execute(self, statement, limit):
        values = {"runner": self.runner}
        self.cr.execute(self._set(limit) + statement, values, log_exceptions=False)

    def _set(self, limit):
        return settings(self.cr._cnx.server_version, limit, local="SESSION")

    def check_pooler(self, work):
        """Tell of a pooler that has given the session of this idle connection to
        another one.

        :param work: a cursor without a transaction, and so at the end
        """
        if self._backend in (None, self.cr._cnx.get_backend_pid()):
            return
        work.execute("SELECT pg_backend_pid()")
        self._tell_of_pooler(work.fetchone()[0] == self._backend)
        work.rollback()

    def _check_backend(self, backend):
        self._tell_of_pooler(self._backend not in (None, backend))
        self._backend = backend

    def _tell_of_pooler(self, is_there):
        if is_there and self.cr.dbname not in _warned:
            _warned.add(self.cr.dbname)
            _logger.warning(
                "The database %s is behind a pooler in transaction mode: what runs "
                "keep in their session is lost. Set its pool_mode to session, or let "
                "Odoo connect to PostgreSQL itself.",
                self.cr.dbname,
            )


_warned = set()  # names of databases
