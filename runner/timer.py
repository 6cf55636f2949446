# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The wake-up timer: Odoo looks at future triggers only once a minute.

A process has at most one timer per database, for the earliest time it was asked
for. It notifies the cron workers then, who find the trigger of a runner due. If the
process is gone, Odoo's poll is the fallback. On hosts that set
``ODOO_NOTIFY_CRON_CHANGES`` something else looks at triggers.
"""

import logging
import os
import threading
import time

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

_logger = logging.getLogger(__name__)

# Runs come every 5 minutes at least, give or take Odoo's poll of a minute, and arm a
# timer for what is due before the next one.
HORIZON = 400  # seconds

_lock = threading.Lock()
_timers = {}  # name of the database: (time on time.monotonic(), timer)


def arm(dbname, seconds):
    """Notify the cron workers in so many seconds, or earlier if armed for that."""
    if seconds > HORIZON or os.getenv("ODOO_NOTIFY_CRON_CHANGES"):
        return
    moment = time.monotonic() + max(seconds, 0)
    with _lock:
        if dbname in _timers:
            earlier, timer = _timers[dbname]
            if earlier <= moment:
                return
            timer.cancel()
        timer = threading.Timer(max(seconds, 0), _ring, [dbname, moment])
        timer.daemon = True  # a server that stops does not wait for it
        timer.name = f"queue_job_cron_jobrunner.timer.{dbname}"
        timer.start()
        _timers[dbname] = moment, timer


def _ring(dbname, moment):
    with _lock:
        if _timers.get(dbname, (None,))[0] == moment:
            del _timers[dbname]
    try:
        with Registry(dbname).cursor() as cr:
            api.Environment(cr, SUPERUSER_ID, {})["ir.cron"]._notifydb()
    except Exception:
        _logger.info("Cron workers of %s not notified on time", dbname, exc_info=True)


def _forget():
    """In a child process: threads are not inherited, and the lock may be held."""
    global _lock
    _lock = threading.Lock()
    _timers.clear()


os.register_at_fork(after_in_child=_forget)
