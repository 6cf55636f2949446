# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Which runners are in a run and will look for work by themselves.

An advisory lock of the run's session says so to everyone at once, whatever their
snapshot. It goes with the process. It only spares wake-ups: no claim relies on it.
"""

PRESENCE = 0x716A6372  # the first key of the lock; the second is the id of the cron

ENTER = "SELECT pg_advisory_lock_shared(%s, %s)"
LEAVE = "SELECT pg_advisory_unlock_shared(%s, %s)"
PRESENT = f"""
    SELECT objid::int
      FROM pg_locks
     WHERE locktype = 'advisory'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND classid = {PRESENCE}
       AND objsubid = 2
"""


class Presence:
    """The presence of a run, on a cursor that is committed and has no transaction.

    :param runner: the id of the run's cron, None for a run that is nobody's.
    """

    def __init__(self, cr, runner):
        self.cr = cr
        self.runner = runner
        self.entered = False

    def enter(self):
        if self.runner and not self.entered:
            self._execute(ENTER)
            self.entered = True

    def leave(self):
        if self.entered:
            self._execute(LEAVE)
            self.entered = False

    def _execute(self, statement):
        self.cr.execute(statement, [PRESENCE, self.runner])
        self.cr.commit()  # pylint: disable=invalid-commit
