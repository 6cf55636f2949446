# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The tests' own tools: what is left after a test."""

import threading
from contextlib import closing

from odoo.sql_db import db_connect

from .common.leaks import assert_nothing_left
from .common.run_case import RunCase


class TestLeaks(RunCase):
    """What every test with a database of its own ends with finds what is left."""

    def assertLeftNow(self, what):
        with self.assertRaisesRegex(AssertionError, what):
            assert_nothing_left(self.database, self.before, patience=0)

    def setUp(self):
        super().setUp()
        self.before = threading.enumerate()
        assert_nothing_left(self.database, self.before, patience=0)

    def test_open_transaction(self):
        with closing(db_connect(self.database).cursor()) as cr:
            cr.execute("SELECT 1")
            self.assertLeftNow("idle in transaction")

    def test_advisory_lock(self):
        with closing(db_connect(self.database).cursor()) as cr:
            cr.execute("SELECT pg_advisory_lock(1)")
            cr.commit()  # pylint: disable=invalid-commit
            self.assertLeftNow("advisory")
            cr.execute("SELECT pg_advisory_unlock(1)")

    def test_thread(self):
        end = threading.Event()
        thread = threading.Thread(target=end.wait, name="left over")
        thread.start()
        self.assertLeftNow("left over")
        end.set()
        thread.join()
