"""What every command works with: Odoo, PostgreSQL, and databases with the addon."""

import os
import shlex
import sys
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from psycopg2.errors import DuplicateDatabase

from . import cache, packages
from .cluster import postgres
from .databases import Databases
from .odoo import odoo
from .templates import Templates

CHECKOUT = Path(__file__).resolve().parents[2]
ADDON = CHECKOUT / "setup" / cache.NAME / "odoo" / "addons" / cache.NAME
LAUNCHER = """\
#!/bin/sh
PYTHONPATH={} exec {} {} "$@"
"""
CONFIGURATION = """\
[options]
addons_path = {addons}
data_dir = {folder}/data
http_interface = 127.0.0.1
without_demo = True
skip_auto_install = True
"""


@contextmanager
def environment(purpose=None):
    """An Environment, its PostgreSQL server running for as long as the block lasts.

    purpose: see postgres().
    """
    with cache.setup_lock():
        server, queue_job = odoo(), packages.queue_job(sys.executable)
    with postgres(purpose) as (connection, cluster):
        yield Environment(server, queue_job, connection, cluster)


class Environment:
    """Attributes: `checkout`, the repository's Path; `addon`, its folder of links that
    bears the addon's name; `demo`, the addons path of the demo addon; `variables`, a
    whole environment (dict of str) for child processes, in which `odoo` is a command
    that is configured."""

    def __init__(self, server, queue_job, connection, cluster, peer=None):
        """server: an Odoo; queue_job: an addons path; connection: libpq variables;
        cluster: the Cluster that they lead to, None if it is not ours; peer: an addons
        path with another addon of the same name, to use in place of ours."""
        self.checkout = CHECKOUT
        self.home = peer or CHECKOUT
        self.addon = peer / cache.NAME if peer else ADDON
        self.demo = None if peer else CHECKOUT / "dev" / ".addons"
        self.odoo = server
        self.queue_job = queue_job
        self.cluster = cluster
        self.databases = Databases(connection)
        self.versions = (server.version, packages.queue_job_version(queue_job))
        self.variables = {**os.environ, **connection}
        for name in ("PYTHONPATH", "PGDATABASE"):
            self.variables.pop(name, None)
        self._configure(cache.folder() / "checkouts")

    def with_peer(self, path):
        """The same, but with the addon in that addons path in place of ours."""
        connection = self.databases.variables
        return Environment(self.odoo, self.queue_job, connection, self.cluster, path)

    def _configure(self, parent):
        """Write the files for this addon, when it uses this Odoo and Python."""
        # the second one for scripts of shells
        path = f"{self.odoo.root}{os.pathsep}{CHECKOUT / 'dev'}"
        used = [path, sys.executable, self.odoo.script]
        key = f"{self.home} {used} {self.databases.variables}"
        folder = parent / sha256(key.encode()).hexdigest()[:10]
        own = [self.addon.parent, *filter(None, [self.demo])]
        addons = ",".join(map(str, [*self.odoo.addons, self.queue_job, *own]))
        configuration = CONFIGURATION.format(addons=addons, folder=folder)
        launcher = LAUNCHER.format(*(shlex.quote(str(part)) for part in used))
        cache.write(folder / "odoo.conf", configuration)
        cache.write(folder / "bin" / "odoo", launcher, 0o755)
        self.variables["ODOO_RC"] = str(folder / "odoo.conf")
        self.variables["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"

    @contextmanager
    def database(self, label):
        """The name of a new database with the addon and the demo addon installed.

        It is dropped at the end, and so is every one whose name begins with its name.
        From here on `variables` and `template` tell what it was copied from.
        """
        templates = Templates(self)
        self.template = templates.addon()
        self.variables["QUEUE_JOB_CRON_JOBRUNNER_TEMPLATE"] = self.template
        self.variables["QUEUE_JOB_CRON_JOBRUNNER_BASE"] = templates.base()
        with self.databases.name(label) as name:
            self.databases.copy(self.template, name)
            yield name

    def keep_database(self, name):
        """Make a database that stays, unless it is there already."""
        if not self.databases.exists(name):
            with self.database("kept") as copy, suppress(DuplicateDatabase):
                self.databases.rename(copy, name)
