# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 8: statements of a job that does nothing."""

from collections import Counter
from functools import wraps
from unittest.mock import patch

from psycopg2.extensions import STATUS_IN_TRANSACTION

from odoo.sql_db import Cursor

from .common.run_case import RunCase

# These may only become fewer.
STATEMENTS = 10
COMMITS = 2


class TestStatements(RunCase):
    """What a job costs that does nothing, from one claim to the next."""

    def counted(self, counter, name):
        method = getattr(Cursor, name)

        @wraps(method)
        def count(cursor, *args, **kwargs):
            # what nothing was executed for is no round trip
            in_transaction = cursor._cnx.status == STATUS_IN_TRANSACTION
            counter[name] += name == "execute" or in_transaction
            return method(cursor, *args, **kwargs)

        return patch.object(Cursor, name, count)

    def cost(self, jobs):
        """Return how often a run of so many jobs does what."""
        with self.transaction() as env:
            for _number in range(jobs):
                env["queue.job"].with_delay()._test_job()
        counter = Counter()
        with self.counted(counter, "execute"), self.counted(counter, "commit"):
            self.run_jobs(seconds=600)
        self.assertEqual(set(self.states()), {"done"})
        return counter

    def test_statements_and_commits_of_a_job(self):
        self.cost(1)  # fills the registry's caches
        few, many = self.cost(2), self.cost(12)
        each = {name: (many[name] - few[name]) / 10 for name in many}
        self.assertLessEqual(each["execute"], STATEMENTS)
        self.assertLessEqual(each["commit"], COMMITS)
