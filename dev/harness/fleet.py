"""Odoo servers on one database, killed and started again.

What the tests and the commands share is in modules in tests/common/ that need no Odoo.
"""

import importlib.util
from threading import RLock

import psutil

from .cache import new_log
from .process import wait_until
from .report import Failure

MOST_RESTARTS = 20  # of servers that nobody has killed
START_LIMIT = 60  # seconds

# A cron worker has one session on this database for as long as it lives, and LISTEN is
# what it does there first.
LISTENING = """
    SELECT application_name FROM pg_stat_activity
     WHERE datname = 'postgres' AND state = 'idle' AND query = 'COMMIT'
"""


def load_from_tests(checkout, name):
    """The module of that name in tests/common/; its package would need Odoo."""
    path = checkout / "tests" / "common" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Fleet:
    """A context with prefork servers, which are killed at its end: their runners might
    go on for long.

    env: their Environment; size: how many cron workers each of them has; variables:
    those of the servers, if they are others than those of env.
    """

    def __init__(self, env, database, count, size, *options, variables=None):
        self.env = env
        odoo_server = load_from_tests(env.checkout, "server").OdooServer
        options = "--workers=1", f"--max-cron-threads={size}", *options
        variables = variables or env.variables
        self.logs = [new_log(f"{database}-{n}") for n in range(1, count + 1)]
        self.servers = [
            odoo_server(database, *options, log=log, variables=variables)
            for log in self.logs
        ]
        self.runners = count * size
        self.gone = 0
        self._workers = {}  # the last ones of each server that were seen
        self._changing = RLock()

    def __enter__(self):
        for server in self.servers:
            server.start()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.kill()

    def stop(self):
        """Stop the servers as an operator does."""
        for server in self.servers:
            server.stop()

    def check(self):
        """:raises Failure: a server has died."""
        for server in self.servers:
            if not server.running:
                raise Failure(f"The server has died. Log: {server.log}")

    def workers(self):
        """The process ids of all cron workers."""
        return sorted(pid for server in self.servers for pid in server.cron_workers())

    def pids(self, server):
        """Of its master and its cron workers."""
        with self._changing:
            return {server.process.pid, *server.cron_workers()}

    def processes(self, server):
        """All of a server, its master first."""
        with self._changing:
            master = psutil.Process(server.process.pid)
            return [master, *master.children(recursive=True)]

    def restart(self, server, kill=True):
        """Kill a server, or stop it, start it again, and return its cron workers'
        process ids."""
        with self._changing:
            pids = set(server.cron_workers()) or self._workers.get(server, set())
            try:
                server.kill() if kill else server.stop()
            finally:
                server.start()
            return pids

    def look(self):
        """Start the servers again that went by themselves, as a process manager does:
        Odoo may go while PostgreSQL is away. Return the cron workers of each of them.

        :raises Failure: it happens again and again.
        """
        with self._changing:
            gone = [server for server in self.servers if not server.running]
            for server in self.servers:
                if server.running:
                    self._workers[server] = set(server.cron_workers())
            self.gone += len(gone)
            if self.gone > MOST_RESTARTS:
                raise Failure(f"The servers don't stay. Logs: {self.logs}")
            return [self.restart(server) for server in gone]

    def wait_until_listening(self):
        """Return when all cron workers listen: an earlier notification is lost on them,
        and they sleep for a minute.

        :raises Failure: it takes too long.
        """

        def all_listen():
            names = {name for (name,) in self.env.databases.query(LISTENING)}
            return sum(f"odoo-{pid}" in names for pid in self.workers()) == self.runners

        error = f"The cron workers don't listen. Logs: {self.logs}"
        wait_until(lambda: all_listen() or self.check(), START_LIMIT, error)
