# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 8: PostgreSQL's plans on a queue that has grown."""

from ..runner.look import heads, look
from .common.runner_case import RunnerCase

SCANS = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'queue_job'"


class TestPlans(RunnerCase):
    """What looks at the queue is planned while that is short, and used when it is long.

    PostgreSQL would rather read a small table than look into an index.
    """

    def scans(self):
        self.env.cr.execute(SCANS)
        return self.env.cr.fetchone()[0]

    def test_looks_never_read_the_whole_table(self):
        self.env.cr.execute("ANALYZE queue_job")
        before = self.scans()
        self.env.cr.execute("SELECT 1 FROM queue_job WHERE priority = 1")
        self.assertEqual(self.scans(), before + 1)
        jobs = self.env["queue.job"]
        seen = look(self.env.cr, jobs._time_of_decision())
        look(self.env.cr, seen.now, seen)
        heads(self.env.cr)
        self.assertEqual(self.scans(), before + 1)
