"""Several Odoo servers on one database, killed and started again."""

import os
import signal
from datetime import datetime, timezone

from harness.cache import new_log
from harness.process import wait_until
from harness.report import Failure
from harness.server import load_odoo_server

from .blows import GONE, SERVER, WORKER, Blow

WORKERS = 3  # cron workers of each server
MOST_RESTARTS = 20  # of servers that nobody has killed
START_LIMIT = 60  # seconds

# A cron worker has one session on this database for as long as it lives, and LISTEN is
# what it does there first.
LISTENING = """
    SELECT application_name FROM pg_stat_activity
     WHERE datname = 'postgres' AND state = 'idle' AND query = 'COMMIT'
"""


class Fleet:
    """A context: at its end the servers are stopped, or killed after an error.

    size: how many cron workers each of the servers has.
    """

    def __init__(self, checkout, database, count, rng, size=WORKERS):
        odoo_server = load_odoo_server(checkout)
        # prefork mode as soon as --workers is set, though no HTTP is served here
        options = "--workers=1", f"--max-cron-threads={size}"
        self.logs = [new_log(f"{database}-{n}") for n in range(1, count + 1)]
        self.servers = [odoo_server(database, *options, log=log) for log in self.logs]
        self.size = size
        self.rng = rng
        self.gone = 0
        self.workers = {}

    def __enter__(self):
        for server in self.servers:
            server.start()
        return self

    def __exit__(self, error, *_):
        try:
            if not error:
                for server in self.servers:
                    server.stop()
        finally:
            for server in self.servers:
                server.kill()

    def look(self):
        """Note the cron workers; start the servers again that went by themselves, as a
        process manager does, and return a blow for each of them.

        :raises Failure: it happens again and again.
        """
        blows = []
        for server in self.servers:
            if server.running:
                self.workers[server] = frozenset(server.cron_workers())
                continue
            self.gone += 1
            if self.gone > MOST_RESTARTS:
                raise Failure(f"The servers don't stay. Log: {server.log}")
            blows.append(self._kill(server, GONE))
        return blows

    def wait_until_listening(self, connection):
        """Return when all cron workers listen: an earlier notification is lost on them,
        and they sleep for a minute.

        :raises Failure: it takes too long.
        """
        error = f"The cron workers don't listen. Logs: {self.logs}"
        wait_until(lambda: self._all_listen(connection), START_LIMIT, error)

    def _all_listen(self, connection):
        with connection.cursor() as cursor:
            cursor.execute(LISTENING)
            names = {name for (name,) in cursor.fetchall()}
        listening = [pid for pid in self._cron_workers() if f"odoo-{pid}" in names]
        return len(listening) >= len(self.servers) * self.size

    def kill_worker(self):
        """Return the blow, or None if there is no cron worker at the moment."""
        pids = sorted(self._cron_workers())
        if not pids:
            return None
        pid = self.rng.choice(pids)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        return Blow(WORKER, now(), frozenset([pid]))

    def _cron_workers(self):
        return [pid for server in self.servers for pid in server.cron_workers()]

    def kill_server(self):
        """Kill a server and its workers, and start it again. Return the blow."""
        return self._kill(self.rng.choice(self.servers), SERVER)

    def _kill(self, server, target):
        pids = frozenset(server.cron_workers()) or self.workers.get(server, frozenset())
        server.kill()
        blow = Blow(target, now(), pids)
        server.start()
        return blow


def now():
    return datetime.now(timezone.utc)
