# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 8: a run ends with its slice."""

from .common.run_case import RUNNER, RunCase


class TestSlice(RunCase):
    """A run whose slice is over leaves the rest to the next run of its runner."""

    def setUp(self):
        super().setUp()
        self.jobs = [self.enqueue("record", str(number)) for number in range(3)]
        self.triggers()

    def triggered(self):
        return self.query("SELECT cron_id FROM ir_cron_trigger")

    def test_run_does_one_job_at_least_and_triggers_its_own_runner(self):
        self.run_jobs(seconds=-1)
        self.assertEqual(self.states(), {"done": 1, "pending": 2})
        with self.transaction() as env:
            runner = env.ref(RUNNER).id
        self.assertEqual(self.triggered(), [(runner,)])

    def test_run_that_has_done_everything_triggers_nobody(self):
        self.run_jobs(seconds=60)
        self.assertEqual(self.states(), {"done": 3})
        self.assertEqual(self.triggered(), [])

    def test_run_that_is_nobodys_cron_goes_on_to_the_end(self):
        self.run_jobs()
        self.assertEqual(self.states(), {"done": 3})
