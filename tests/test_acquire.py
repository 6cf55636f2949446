# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The order of jobs, at a claim."""

from datetime import datetime, timedelta

from .common.runner_case import RunnerCase


class TestAcquire(RunnerCase):
    """The next job: by priority, then the oldest, then the smallest id."""

    def acquired(self):
        return self.env["queue.job"]._acquire_one_job()

    def test_nothing_to_do(self):
        job = self.acquired()
        self.assertFalse(job)
        self.assertEqual(job, self.env["queue.job"])

    def test_smallest_priority_first(self):
        self.enqueue("leave", "a", priority=11)
        first = self.enqueue("leave", "b", priority=1)
        self.enqueue("leave", "c", priority=2)
        self.assertEqual(self.acquired(), first)

    def test_oldest_first_among_equal_priorities(self):
        jobs = [self.enqueue("leave", name) for name in "abc"]
        sentinel = self.env["queue.job"].EDIT_SENTINEL
        for job, day in zip(jobs, (2, 1, 3), strict=True):
            job.with_context(_job_edit_sentinel=sentinel).date_created = datetime(
                2026, 1, day
            )
        self.assertEqual(self.acquired(), jobs[1])

    def test_smallest_id_first_among_equal_ages(self):
        jobs = self.enqueue_several(3)
        sentinel = self.env["queue.job"].EDIT_SENTINEL
        jobs.with_context(_job_edit_sentinel=sentinel).date_created = datetime.now()
        self.assertEqual(self.acquired(), jobs.sorted("id")[0])

    def test_future_eta_waits_and_past_eta_does_not(self):
        self.enqueue("leave", "later", eta=timedelta(minutes=1), priority=1)
        self.assertFalse(self.acquired())
        past = self.enqueue("leave", "past", eta=datetime.now() - timedelta(minutes=1))
        self.assertEqual(self.acquired(), past)

    def test_eta_changes_nothing_in_the_order(self):
        first = self.enqueue("leave", "first")
        self.enqueue("leave", "second", eta=datetime.now() - timedelta(days=1))
        self.assertEqual(self.acquired(), first)

    def test_only_pending_jobs(self):
        for state in self.env["queue.job"]._fields["state"].get_values(self.env):
            if state == "pending":
                continue
            with self.subTest(state=state):
                job = self.enqueue("leave", state)
                job.state = state
                self.assertFalse(self.acquired())

    def test_change_that_is_not_flushed_is_seen(self):
        first = self.enqueue("leave", "first")
        second = self.enqueue("leave", "second")
        first.priority = 20
        self.assertEqual(self.acquired(), second)

    def test_jobs_run_in_that_order(self):
        self.enqueue("leave", "second")
        self.enqueue("leave", "first", priority=5)
        self.enqueue("leave", "third")
        self.run_jobs()
        self.assertEqual(self.traces(), ["first", "second", "third"])
