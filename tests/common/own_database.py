# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import os
import threading
from contextlib import closing

from odoo.modules.registry import Registry
from odoo.sql_db import close_db, db_connect
from odoo.tests.common import get_db_name
from odoo.tools import SQL

from .leaks import assert_nothing_left

# Variables that name the templates of ./dev/test: with the addon and the demo addon,
# and with queue_job alone.
TEMPLATE = "QUEUE_JOB_CRON_JOBRUNNER_TEMPLATE"
BASE = "QUEUE_JOB_CRON_JOBRUNNER_BASE"
END_SESSIONS = """
    SELECT pg_terminate_backend(pid)
      FROM pg_stat_activity
     WHERE datname = %s AND usename = current_user
"""


class OwnDatabase:
    """A copy of a template for each test, dropped at its end."""

    template = TEMPLATE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.template not in os.environ:
            raise AssertionError(f"{cls.template} is not set: run ./dev/test")

    def setUp(self):
        super().setUp()
        self.make_database()
        self.prepare_database()

    def prepare_database(self):
        """Do something to the database before its registry is loaded."""

    def make_database(self):
        self.database = f"{get_db_name()}-{self._testMethodName}"[:63]
        self.drop_database()
        self.addCleanup(self.drop_database)
        self.addCleanup(assert_nothing_left, self.database, threading.enumerate())
        self.on_cluster("CREATE DATABASE %s TEMPLATE %s", os.environ[self.template])

    def on_cluster(self, statement, *names):
        names = [SQL.identifier(name) for name in (self.database, *names)]
        with closing(db_connect("postgres").cursor()) as cr:
            cr._cnx.autocommit = True
            cr.execute(SQL(statement, *names))

    def drop_database(self):
        Registry.delete(self.database)
        close_db(self.database)
        # WITH (FORCE) would fail on an autovacuum, which DROP DATABASE itself ends
        with closing(db_connect("postgres").cursor()) as cr:
            cr.execute(END_SESSIONS, [self.database])
        self.on_cluster("DROP DATABASE IF EXISTS %s")
