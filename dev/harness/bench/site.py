"""One of the systems that are compared: its database, its users, its servers."""

import math
import re
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe

import psutil
import requests
from psycopg2.extensions import connection

from harness.cache import new_log
from harness.cluster import SUPERUSER
from harness.databases import Databases
from harness.environment import Environment
from harness.fleet import Fleet
from harness.process import die_with_us, free_port, odoo_shell, wait_until
from harness.report import Failure
from harness.templates import Templates

OURS, PEER, REGULAR = "ours", "peer", "regular"
TITLES = {OURS: "this addon", PEER: "peer", REGULAR: "regular"}
START_LIMIT = 90  # seconds
PATIENCE = 30  # seconds without a job that ends
ODOO_CRONS = 2  # cron workers, by default
IN_CHARGE = """
    SELECT count(*) FROM pg_locks
     WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND objsubid = 1
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
STARTS = """
    SELECT uuid, EXTRACT(EPOCH FROM date_started)::float8
      FROM queue_job
     WHERE name = %s AND date_started IS NOT NULL
     ORDER BY date_started
"""
ENDED = "SELECT count(*) FROM queue_job WHERE name = %s AND state IN ('done', 'failed')"
SPAN = """
    SELECT EXTRACT(EPOCH FROM max(date_done) - min(date_started))::float8
      FROM queue_job
     WHERE name = %s
"""
WARM_UP = 10  # jobs whose statements do not count
LINE_PREFIX = "%n %d "
LINE = re.compile(  # when, where: of statements that neither begin nor end transactions
    r"^([0-9.]+) (\S+) LOG:  (?:statement|execute [^:]+): "
    r"(?!BEGIN\b|COMMIT\b|ROLLBACK;?$)",
    re.M | re.I,
)


@dataclass
class Site:
    name: str
    env: Environment
    database: str
    connection: connection
    call: Callable  # a function of client.py: its name, its arguments but for `env`

    @property
    def regular(self):
        """Whether its jobs run in HTTP workers, by the regular runner of queue_job."""
        return self.name == REGULAR

    def execute(self, statement, parameters=()):
        """Execute a statement, commit, and return its rows, if it is a query."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.description and cursor.fetchall()

    def value(self, statement, *parameters):
        """Return what a query with one row of one column tells."""
        [[value]] = self.execute(statement, parameters)
        return value

    def prepare(self, parallel):
        """Have no jobs, and runners for so many in parallel."""
        self.call("prepare", runners=0 if self.regular else parallel)

    @contextmanager
    def server(self, parallel, *options):
        """A server that runs so many jobs in parallel, ready and warm. It is killed.

        Jobs that are there come after those that warm it up. All systems have the same
        HTTP workers, enough for the regular runner's jobs.
        """
        warm_up = {"name": "warm-up", "count": 20 * parallel}
        self.call("enqueue", **warm_up, priority=1, duration=0.02)
        ports, variables = [free_port(0), free_port(0)], dict(self.env.variables)
        options += f"--workers={parallel + 2}", f"--http-port={ports[0]}"
        options += (f"--gevent-port={ports[1]}",)
        if self.regular:
            options += ("--load=base,rpc,web,queue_job",)
            variables["ODOO_QUEUE_JOB_CHANNELS"] = f"root:{parallel}"
        size = ODOO_CRONS if self.regular else parallel
        fleet = Fleet(self.env, self.database, 1, size, *options, variables=variables)

        def is_ready():
            in_charge = not self.regular or self.value(IN_CHARGE)
            return in_charge and all(map(_serves, ports))

        with fleet:
            fleet.wait_until_listening()
            error = f"The server did not get ready. Logs: {fleet.logs}"
            wait_until(is_ready, START_LIMIT, error)
            self.notify()  # cron workers sleep for a minute when they start
            self.wait_until_ended(**warm_up)
            yield fleet.servers[0]

    def notify(self):
        """Let the cron workers look for what is due: they listen on `postgres`."""
        self.env.databases.notify(self.database)

    def starts(self, name):
        """Return when the jobs of that name have started, by uuid, the first first."""
        return dict(self.execute(STARTS, [name]))

    def wait_until_ended(self, name, count, patience=PATIENCE):
        """Wait until so many jobs of that name are done or have failed.

        Return how many have: fewer if none did for `patience` seconds.
        """
        best, since = -1, time.monotonic()
        while best < count and time.monotonic() - since < patience:
            time.sleep(0.05)
            if (ended := self.value(ENDED, name)) > best:
                best, since = ended, time.monotonic()
        return best

    def span(self, name, count):
        """Wait for so many jobs; return the seconds from the first start to the last
        end, infinite if not all ended."""
        ended = self.wait_until_ended(name, count)
        return self.value(SPAN, name) if ended == count else math.inf

    def statements_per_job(self, count):
        """Return those of the whole server, from one start to another of so many jobs,
        as PostgreSQL's log has them."""
        log = self.env.cluster.log
        offset = log.stat().st_size
        try:
            log_statements(self.env.cluster, "all")
            self.call("enqueue", count=count, name="logged")
            self.wait_until_ended("logged", count)
        finally:
            log_statements(self.env.cluster, "none")
        first, *_starts, last = list(self.starts("logged").values())[WARM_UP:]
        found = sum(
            database == self.database and first <= float(moment) < last
            for moment, database in LINE.findall(log.read_bytes()[offset:].decode())
        )
        return found / (count - WARM_UP - 1)

    def triggers_left(self):
        time.sleep(2.5)  # then the runs that had no more to do have ended
        return self.value("SELECT count(*) FROM ir_cron_trigger")


@contextmanager
def open_sites(env, peer, database):
    """A Site of each system; `peer`: the folder of another addon of our name."""
    ours = Templates(env).addon()  # on top of the other one
    systems = [(REGULAR, env, Templates(env).base()), (OURS, env, ours)]
    if peer:
        with_peer = env.with_peer(peer.parent)
        systems.append((PEER, with_peer, Templates(with_peer).addon()))
    with ExitStack() as stack:
        sites = []
        for name, each, template in systems:
            own = f"{database}_{name}"
            each.databases.copy(template, own)
            connected = stack.enter_context(each.databases.connect(database=own))
            call = stack.enter_context(_client(each, own))
            sites.append(Site(name, each, own, connected, call))
        yield sites


def log_statements(cluster, which):
    """Let all sessions log such statements (`log_statement`), as a superuser may."""
    databases = Databases({**cluster.variables, "PGUSER": SUPERUSER})
    with databases.connect() as connected, connected.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET log_line_prefix = %s", [LINE_PREFIX])
        cursor.execute("ALTER SYSTEM SET log_statement = %s", [which])
        cursor.execute("SELECT pg_reload_conf()")


def cpu_seconds(*pids):
    """Return the CPU seconds that these processes and all below them have used, to the
    nanosecond: what matters when they do next to nothing."""
    total = 0
    for parent in map(psutil.Process, pids):
        for process in (parent, *parent.children(recursive=True)):
            with suppress(OSError, psutil.NoSuchProcess):
                # clock_getcpuclockid(3), which Python does not have
                total += time.clock_gettime(~process.pid << 3 | 2)
                total += sum(process.cpu_times()[2:4])  # of children that have ended
    return total


@contextmanager
def _client(env, database):
    """A function that calls one of client.py in a process of its own."""
    log, (ours, theirs) = new_log(f"{database}-client"), Pipe()
    code = f"from harness.bench import client; client.serve(env, {theirs.fileno()})"
    options = {"preexec_fn": die_with_us, "pass_fds": [theirs.fileno()]}

    def call(function, **arguments):
        try:
            ours.send((function, arguments))
            return ours.recv()
        except (EOFError, OSError):
            raise Failure(f"A client has failed. Log: {log}") from None

    with ours, odoo_shell(env, database, code, log, **options):
        theirs.close()
        yield call


def _serves(port):
    with suppress(requests.RequestException):
        return requests.get(f"http://127.0.0.1:{port}/web/health", timeout=5).ok
