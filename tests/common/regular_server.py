# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The regular runner of queue_job, in charge of a database: its connection, or all."""

import os
import socket
from contextlib import closing, contextmanager
from unittest.mock import patch

from odoo.sql_db import db_connect

from odoo.addons.queue_job.jobrunner.runner import Database

from ...runner.regular import IS_ACTIVE
from .server import OdooServer, wait_until


@contextmanager
def regular_runner(dbname):
    """Its connection, with its lock, which PostgreSQL releases after it is closed."""
    with closing(Database(dbname)) as runner:
        yield runner
    with closing(db_connect(dbname).cursor()) as cr:

        def has_gone():
            cr.execute(IS_ACTIVE)
            return not cr.fetchone()[0]

        wait_until(has_gone, 60, "its lock is released")


class RegularServer:
    """A server with queue_job's own runner, for a ``ServerCase``."""

    def regular_server(self, **variables):
        """Start a server without cron threads and wait for its runner.

        It is killed at the test's end.

        :param variables: of its environment
        """
        with closing(socket.create_server(("127.0.0.1", 0))) as listener:
            port = listener.getsockname()[1]
        server = OdooServer(
            self.database,
            "--load=base,web,queue_job",
            "--workers=0",
            "--max-cron-threads=0",
            f"--http-port={port}",
            log=self.folder / "regular.log",
        )
        self.addCleanup(server.kill)
        with patch.dict(os.environ, {"ODOO_QUEUE_JOB_CHANNELS": "root:1", **variables}):
            server.start()
        self.wait(server, lambda: self.query(IS_ACTIVE)[0][0], "it is in charge")
        return server
