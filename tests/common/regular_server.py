# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import os
import socket
from contextlib import closing
from unittest.mock import patch

from odoo.addons.queue_job.jobrunner.runner import PG_ADVISORY_LOCK_ID

from .server import OdooServer

IN_CHARGE = f"""
    SELECT 1
      FROM pg_locks
     WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
       AND ((classid::bigint << 32) | objid::bigint) = {PG_ADVISORY_LOCK_ID}
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


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
        self.wait(server, lambda: self.query(IN_CHARGE), "it is in charge")
        return server
