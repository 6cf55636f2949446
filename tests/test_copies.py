# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Installing: copies of a database beside it."""

from odoo.modules.registry import Registry
from odoo.sql_db import close_db

from .common.server_case import PREFORK, ServerCase

ONE_WORKER = *PREFORK, "--max-cron-threads=1"
COPIES = "are copies of each other, and the runners of both are at work"
NEW_UUID = """
    UPDATE ir_config_parameter SET value = gen_random_uuid() WHERE key = 'database.uuid'
"""


class TestCopies(ServerCase):
    """A copy on the same PostgreSQL server that nobody has neutralized."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        self.original, self.copy = self.database, f"{self.database[:58]}-copy"
        Registry.delete(self.original)
        close_db(self.original)
        self.addCleanup(self.drop_copy)
        self.database = self.copy
        self.on_cluster("CREATE DATABASE %s TEMPLATE %s", self.original)

    def drop_copy(self):
        self.database = self.copy
        self.cancel_timer()
        self.drop_database()
        self.database = self.original

    def use(self, database):
        """Let what follows be about that database."""
        self.database = database
        self.load_registry()

    def serve_both(self):
        """Let both be at work; return the server of the copy, which comes last."""
        for database in (self.original, self.copy):
            self.use(database)
            server = self.server(*ONE_WORKER)
            self.enqueue(["long"], "sleep", 60)
            self.wait(server, self.job_is("long", "started"), "it is at work")
        return server

    def hint(self, database):
        self.use(database)
        with self.transaction() as env:
            [hint] = env["queue.job.runner"].search([]).mapped("hint")
            return hint or ""

    def test_it_is_said_once_and_on_the_screen(self):
        server = self.serve_both()
        for database, other in (
            (self.original, self.copy),
            (self.copy, self.original),
        ):
            self.assertIn(f"This database and {other} {COPIES}", self.hint(database))
        self.assertEqual(server.log_text().count(COPIES), 1)

    def test_one_of_another_uuid_is_none(self):
        self.load_registry()
        with self.transaction() as env:
            env.cr.execute(NEW_UUID)
        server = self.serve_both()
        for database in (self.original, self.copy):
            self.assertNotIn(COPIES, self.hint(database))
        self.assertNotIn(COPIES, server.log_text())
