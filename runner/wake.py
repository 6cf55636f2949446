# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Wake-ups. One rule: whoever changes the queue wakes one runner, unless one will look
by itself.

``tell`` writes a trigger in the transaction that changes the queue: the durable part.
``_look_after`` finds, after the commit and while no claim is in flight, who is to look:
a run that lingers (``pg_notify``), or a runner that is absent (a trigger, and Odoo's
workers are notified). A runner with a job looks after it. A claim that leaves something
to start asks the same ``WAKE``, and a run that ends hands the next moment on: a trigger
then, and a timer in its process, for Odoo looks at triggers ahead once a minute.

A run tells of itself by an advisory lock of its connection: shared, it will look by
itself after what it does; exclusive, it lingers and listens. Everybody asks and changes
that under the claims' lock, so no answer is outdated before it is used.
"""

import logging
import os
import threading
import time
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from weakref import WeakSet

from psycopg2 import InterfaceError, OperationalError
from psycopg2.errors import DeadlockDetected, LockNotAvailable
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.pool import PoolError

from odoo import SUPERUSER_ID, api
from odoo.fields import Datetime
from odoo.modules.registry import Registry
from odoo.sql_db import db_connect

from .budget import serves_crons
from .copies import MARK
from .look import IS_RUNNER, IS_RUNNING, NOW, PLANNED_ONCE

_logger = logging.getLogger(__name__)

# Odoo may close a database's connections at any time, and may have too many of them.
NO_CONNECTION = InterfaceError, OperationalError, PoolError

PRESENCE = 0x716A6372  # the first key of the lock; the second is the id of the cron
LISTENER = "queue_job_runner_"  # and the id of the cron
# A pooler has pids of its own, and may give the session to somebody else.
ENTER = f"""
    CASE WHEN %(enter)s AND pg_backend_pid() = %(backend)s
         THEN COALESCE({MARK}, TRUE)
              AND pg_try_advisory_lock_shared({PRESENCE}, %(runner)s) END
"""
LINGER = f"""
    LISTEN {LISTENER}%(runner)s;
    SELECT pg_try_advisory_lock({PRESENCE}, %(runner)s)
"""
STOP_LINGERING = f"""
    UNLISTEN {LISTENER}%(runner)s;
    SELECT pg_advisory_unlock({PRESENCE}, %(runner)s);
"""
LEAVE = "UNLISTEN *; SELECT pg_advisory_unlock_all()"
# A frozen or lost host is not taken for long for one that listens.
IDLE_LIMIT, NO_IDLE_LIMIT = (
    {140000: {"idle_session_timeout": limit}} for limit in ("'5s'", 0)
)

# SHARE UPDATE EXCLUSIVE conflicts with itself (and DDL and VACUUM of this small
# table), never with readers or writers.
LOCK_CLAIMS = "LOCK TABLE queue_job_channel IN SHARE UPDATE EXCLUSIVE MODE"

# READ COMMITTED: a runner whose run has just ended is no conflict. A process that is
# frozen in here is not dead, and would hold up all claims.
BEGIN = """
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET LOCAL synchronous_commit = off;
    SET LOCAL idle_in_transaction_session_timeout = '5s';
    SET LOCAL lock_timeout = '1s';
"""
BEGIN_LOCKED = f"{BEGIN.replace('1s', '100ms')} {LOCK_CLAIMS};"
SECOND = f"date_trunc('second', {NOW})"  # Odoo clears a cron's triggers by seconds
INSERT = f"""
    INSERT INTO ir_cron_trigger
                (cron_id, call_at, create_uid, create_date, write_uid, write_date)
         SELECT runner.id, {{}}, {SUPERUSER_ID}, {NOW}, {SUPERUSER_ID}, {NOW}
"""
# One that nobody has touched: a run deletes those that it follows, and commits that at
# its end.
STANDS = "EXISTS (SELECT FROM ir_cron_trigger WHERE xmax = 0 AND {})"
TRIGGERED = STANDS.format(f"cron_id = {{}}.id AND call_at <= {NOW}")
OF_RUNNER = f"cron_id IN (SELECT id FROM ir_cron WHERE {IS_RUNNER})"

# LEAST: Odoo's workers go by PostgreSQL's clock, and so does a test's frozen one.
TELL_NOW = f"""
    {INSERT.format(f"LEAST({SECOND}, %(host)s)")}
      FROM (SELECT id FROM ir_cron WHERE {IS_RUNNER} ORDER BY id LIMIT 1) AS runner
     WHERE NOT {TRIGGERED.format("runner")}
"""
HAND_ON = f"""
    {INSERT.format("%(moment)s")}
      FROM (SELECT id FROM ir_cron WHERE {IS_RUNNER}
             ORDER BY id <> COALESCE(%(runner)s, id), id LIMIT 1) AS runner
     WHERE NOT {STANDS.format(f"call_at = %(moment)s AND {OF_RUNNER}")}
"""

# Without the claims' lock one that is present may be in the middle of its last look: it
# is not relied upon.
CREATE_WAKE = f"""
    CREATE FUNCTION queue_job_wake(
        moment timestamp, leaving int, otherwise int, locked boolean,
        OUT woken int, OUT is_new boolean
    ) {PLANNED_ONCE}
    AS $$
    DECLARE
        one int;
        idle int[] := '{{}}';
        absent int[] := '{{}}';
    BEGIN
        IF moment > {NOW} THEN  -- nobody, if a run will look before it, and hand it on
            IF {STANDS.format(f"call_at >= {NOW} AND call_at < moment AND {OF_RUNNER}")}
            THEN
                RETURN;
            END IF;
        END IF;
        FOR one IN  -- without a job, or with that of a dead process
            SELECT id
              FROM ir_cron
             WHERE {IS_RUNNER}
               AND id IS DISTINCT FROM leaving
               AND (NOT EXISTS (SELECT FROM queue_job
                                 WHERE {IS_RUNNING} AND runner_id = ir_cron.id)
                    OR pg_try_advisory_xact_lock({PRESENCE}, id))
             ORDER BY id
        LOOP
            IF locked AND NOT pg_try_advisory_xact_lock_shared({PRESENCE}, one) THEN
                PERFORM pg_notify('{LISTENER}' || one, '');
                RETURN;  -- it lingers, and is told
            END IF;
            idle := idle || one;
            IF pg_try_advisory_xact_lock({PRESENCE}, one) THEN
                absent := absent || one;
            END IF;
        END LOOP;
        -- an absent one, unless somebody has its row (Run Manually, a run that begins
        -- or ends); if there is none, and none that will look by itself, any will do
        SELECT id INTO woken
          FROM ir_cron
         WHERE id = ANY(absent)
         ORDER BY NOT {TRIGGERED.format("ir_cron")}, id
         LIMIT 1
           FOR NO KEY UPDATE SKIP LOCKED;
        IF woken IS NULL THEN
            woken := CASE WHEN otherwise IS NOT NULL THEN otherwise
                          WHEN NOT locked THEN idle[1]
                          WHEN idle = absent THEN absent[1] END;
        END IF;
        {INSERT.format(SECOND)}
          FROM (SELECT woken AS id WHERE woken IS NOT NULL) AS runner
         WHERE id <> ALL(absent) OR NOT {TRIGGERED.format("runner")};
        is_new := FOUND;
    END $$;
"""
WAKE = """
    SELECT woken FROM queue_job_wake(%(moment)s, %(runner)s, %(runner)s, %(locked)s)
"""

LATEST = datetime(9999, 12, 31)  # a second is added to it
_SAID = f"{__name__}.said"
_quiet = WeakSet()  # cursors


def keep_quiet(cr):
    """What a run's own transaction changes wakes nobody: the run looks after it."""
    _quiet.add(cr)


def is_quiet(cr):
    return cr in _quiet


def tell(cr, moment=None):
    """Wake a runner after the commit: something may start now, or at that moment.

    One statement for now in a transaction, and one for each earlier moment ahead: Odoo
    forgets with a savepoint what was said in it, and it is said again then.

    :param moment: a naive datetime in UTC
    """
    if cr in _quiet:
        return
    host = Datetime.now()
    is_ahead = bool(moment) and moment > host
    moment = min(moment, LATEST).replace(microsecond=0) if is_ahead else datetime.min
    said = cr.precommit.data.setdefault(_SAID, {})
    if said.get(is_ahead, datetime.max) <= moment:
        return
    said[is_ahead] = moment
    values = {"moment": moment, "host": host, "runner": None}
    cr.execute(HAND_ON if is_ahead else TELL_NOW, values)
    data = cr.postcommit.data
    if _SAID not in data:
        data[_SAID] = datetime.max
        cr.postcommit.add(partial(_look_after, cr, data))
    # where a trigger stands already, a run has been told
    is_known = is_ahead and not cr.rowcount
    data[_SAID] = min(data[_SAID], moment + timedelta(seconds=is_known))
    if cr.rowcount and os.getenv("ODOO_NOTIFY_CRON_CHANGES"):
        notify(cr)


def _look_after(cr, data):
    moment = data.pop(_SAID)  # what a later hook changes is looked after anew
    try:
        if not Registry(cr.dbname).ready:  # an installation is on its way
            return
        if cr._cnx.info.transaction_status == TRANSACTION_STATUS_IDLE:
            wake(cr, moment)
        else:  # an earlier hook, or a test, is in the middle of a transaction
            wake_apart(cr.dbname, moment)
    except NO_CONNECTION as error:
        wake_later(cr.dbname, error)
    except Exception:
        _logger.warning("What may start on %s may start late", cr.dbname, exc_info=True)


def wake(cr, moment=None, runner=None):
    """Find who looks, in a transaction of its own on this cursor's connection, which
    has none open.

    Under the claims' lock, if it can be had within 100 ms: one wake-up too many does no
    harm.

    :param moment: nobody is needed if a run will look between now and then
    :param runner: the id of one that leaves: it is triggered if there is no other
    :raises psycopg2.errors.LockNotAvailable: Odoo's crons are locked
    """
    connection = cr._cnx  # the cursor's own commit would run its hooks
    for begin, locked in ((BEGIN_LOCKED, True), (BEGIN, False)):
        values = {"moment": moment, "runner": runner, "locked": locked}
        try:
            cr.execute(begin + WAKE, values, log_exceptions=False)
            woken = cr.fetchone()[0]
            connection.commit()
            break
        except (LockNotAvailable, DeadlockDetected):
            connection.rollback()
            if not locked:
                raise
            _logger.debug("Waking a runner of %s without the claims' lock", cr.dbname)
        except BaseException:
            connection.rollback()
            raise
    if woken:
        _crons(cr)._notifydb()


def wake_apart(dbname, moment=None, runner=None):
    """Do the same on a connection of its own."""
    with closing(db_connect(dbname).cursor()) as cr:
        wake(cr, moment, runner)


def notify(cr):
    """Let Odoo's cron workers look at the triggers after the commit."""
    cr.postcommit.add(_crons(cr)._notifydb)


def hand_on(cr, runner, moment, now):
    """Let the runner look at a moment ahead, unless one will; times of PostgreSQL."""
    values = {"moment": moment.replace(microsecond=0), "runner": runner}
    cr.execute(HAND_ON, values, log_exceptions=False)
    seconds = max((moment - now).total_seconds(), 0)
    cr.postcommit.add(partial(arm, cr.dbname, seconds))


def _crons(cr):
    return api.Environment(cr, SUPERUSER_ID, {})["ir.cron"]


# Timers. A process has one of each kind for each database, for the earliest moment that
# it was asked for. Where ODOO_NOTIFY_CRON_CHANGES is set, the host looks at triggers.
MOMENT, AT_START, NET = "moment", "start", "net"
# Seconds: runs come every 5 minutes, give or take Odoo's poll of a minute.
HORIZON = 400
# Seconds after a registry was loaded, or a process forked: Odoo's workers sleep then.
START = 2
# Seconds after a run that left: for what was made pending by SQL, or was told to a run
# that lingers in a frozen process.
NET_AFTER = 20
AGAIN = 1  # seconds, then twice as many, until HORIZON
LOADED = 10  # seconds

_lock = threading.Lock()
_timers = {}  # (name of the database, kind): (time on time.monotonic(), Timer)
_loaded = set()  # names of databases


def arm(dbname, seconds, kind=MOMENT, again=AGAIN):
    """Wake a runner in so many seconds, or earlier if armed for that."""
    if seconds > HORIZON or os.getenv("ODOO_NOTIFY_CRON_CHANGES"):
        return
    key, moment = (dbname, kind), time.monotonic() + seconds
    with _lock:
        if key in _timers:
            earlier, timer = _timers[key]
            if earlier <= moment:
                return
            timer.cancel()
        timer = threading.Timer(seconds, _ring, [key, moment, again])
        timer.daemon = True  # a server that stops does not wait for it
        timer.name = f"queue_job_cron_jobrunner.{kind}.{dbname}"
        timer.start()
        _timers[key] = moment, timer


def wake_later(dbname, error, kind=MOMENT, again=AGAIN):
    """Try again, after there was no connection for it."""
    _logger.debug("Cron workers of %s not notified: %s", dbname, error)
    arm(dbname, again, kind, 2 * again)


def registry_loaded(dbname):
    """Let a run look soon after a server's start, if this process runs crons."""
    _loaded.add(dbname)
    arm(dbname, START, AT_START)
    arm(dbname, NET_AFTER, NET)


def _ring(key, moment, again):
    dbname, kind = key
    with _lock:
        if _timers.get(key, (None,))[0] == moment:
            del _timers[key]
    if kind != MOMENT and not serves_crons():
        if kind == AT_START and again < LOADED:  # a server may still be loading
            arm(dbname, again, kind, 2 * again)
        return
    try:
        if kind == NET and not _may_any_start(dbname):
            arm(dbname, NET_AFTER, NET)
        else:
            wake_apart(dbname)
    except NO_CONNECTION as error:
        wake_later(dbname, error, kind, again)
    except Exception:
        _logger.info("Cron workers of %s not notified", dbname, exc_info=True)


def _may_any_start(dbname):
    from .outlook import may_any_start  # which asks what a claim would do

    with closing(db_connect(dbname).cursor()) as cr:  # it can't be committed then
        may_start = may_any_start(cr)
        cr._cnx.close()  # a server may have many databases
    return may_start


def _after_fork():
    """Threads are not inherited, and the lock may be held."""
    global _lock
    _lock = threading.Lock()
    _timers.clear()
    for dbname in _loaded:
        arm(dbname, START, AT_START)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
