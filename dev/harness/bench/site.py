"""A database of one system, and the processes that work on it."""

import time
import urllib.request
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from psycopg2.extensions import connection

from harness.cache import new_log
from harness.process import free_port
from harness.report import Failure
from harness.server import load_odoo_server

from .client import Client, client
from .systems import System

CLIENTS = 2
START_LIMIT = 90  # seconds
# A worker listens to notifications from its first transaction on `postgres` on.
LISTENING = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = 'postgres' AND state = 'idle' AND query = 'COMMIT'
       AND application_name = ANY(%s)
"""
IN_CHARGE = """
    SELECT count(*) FROM pg_locks
     WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND objsubid = 1
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
ENDED = "SELECT count(*) FROM queue_job WHERE name = %s AND state IN ('done', 'failed')"
STARTED = "SELECT 1 FROM queue_job WHERE name = %s AND date_started IS NOT NULL LIMIT 1"
# Odoo's cron workers listen on that database.
NOTIFY = "SELECT pg_notify('cron_trigger', %s)"


@dataclass
class Site:
    system: System
    database: str
    connection: connection
    clients: list[Client]

    def prepare(self, parallel):
        """Have no jobs, and runners for so many in parallel."""
        runners = 0 if self.system.regular else parallel
        self.clients[0].call("prepare", runners=runners)

    def enqueue(self, **options):
        """Enqueue jobs in one transaction: `enqueue` of shell/jobs.py."""
        return self.clients[0].call("enqueue", **options)

    def query(self, statement, *parameters):
        """Return the rows of a query."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def execute(self, statement):
        """Execute a statement, and commit."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    @contextmanager
    def server(self, parallel):
        """A server that runs so many jobs in parallel; it may not be ready yet.

        It is killed at the end: what it is still doing is of no interest.
        """
        ports = [free_port(0), free_port(0)]
        server = load_odoo_server(self.system.env.checkout)(
            self.database,
            *self.system.options(parallel),
            f"--http-port={ports[0]}",
            f"--gevent-port={ports[1]}",
            log=new_log(f"{self.database}-server"),
            variables=self.system.variables(parallel),
        )
        server.ports = ports
        try:
            server.start()
            yield server
        finally:
            server.kill()

    def wait_until_ready(self, server, parallel):
        """Wait until the server could start a job at once, and is busy with no start.

        :raises Failure: it is not within the limit, or is gone.
        """
        deadline = time.monotonic() + START_LIMIT
        while not (
            self._can_start(server, parallel) and all(map(_serves, server.ports))
        ):
            if not server.running or time.monotonic() > deadline:
                raise Failure(f"The server did not get ready. Log: {server.log}")
            time.sleep(0.1)

    def notify(self):
        """Let the cron workers look for what is due."""
        databases = self.system.env.databases
        with databases.connect() as connected, connected.cursor() as cursor:
            cursor.execute(NOTIFY, [self.database])

    def wait_until_started(self, name, server):
        """Wake the server until it has started a job of that name.

        Cron workers sleep for a minute when they start, unless they are notified. The
        regular runner looks by itself.

        :raises Failure: it does not within the limit, or is gone.
        """
        deadline = time.monotonic() + START_LIMIT
        while not self.query(STARTED, name):
            if not server.running or time.monotonic() > deadline:
                raise Failure(f"The server starts no job. Log: {server.log}")
            self.notify()
            time.sleep(0.1)

    def count_ended(self, name):
        """Return how many jobs of that name are done or have failed."""
        return self.query(ENDED, name)[0][0]

    def wait_until_done(self, name, count, server, patience):
        """Wait until that many jobs of that name have ended.

        Return how many have: fewer if none did for `patience` seconds.

        :raises Failure: the server is gone
        """
        best, since = -1, time.monotonic()
        while best < count:
            time.sleep(0.05)
            done = self.count_ended(name)
            if done > best:
                best, since = done, time.monotonic()
            if time.monotonic() - since > patience:
                break
            if not server.running:
                raise Failure(f"The server is gone. Log: {server.log}")
        return best

    def _can_start(self, server, parallel):
        if self.system.regular:
            [[count]] = self.query(IN_CHARGE)
            return count
        names = [f"odoo-{pid}" for pid in server.cron_workers()]
        [[count]] = self.query(LISTENING, names)
        return count == parallel


@contextmanager
def site(system, database):
    """A Site with a new database of that name; its clients are gone at the end."""
    databases = system.env.databases
    databases.copy(system.template, database)
    with databases.connect(database=database) as connected, ExitStack() as stack:
        clients = [
            stack.enter_context(client(system, database, "jobs.py"))
            for _number in range(CLIENTS)
        ]
        yield Site(system, database, connected, clients)


def _serves(port):
    url = f"http://127.0.0.1:{port}/web/health"
    try:
        with closing(urllib.request.urlopen(url, timeout=5)) as response:
            return response.status == 200
    except OSError:
        return False
