# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 4: order in sequential channels."""

from .common.run_case import ADDON, RunCase
from .common.runner_case import MODELS_LOGGER


class TestSequential(RunCase):
    """The jobs of a sequential channel run in order, whatever happens to them."""

    def setUp(self):
        super().setUp()
        self.add_runners(1)
        with self.transaction() as env:
            root = env.ref("queue_job.channel_root")
            env["queue.job.channel"].create(
                {"name": "seq", "parent_id": root.id, "capacity": 1, "sequential": True}
            )

    def enqueue(self, method, *args, **options):
        return super().enqueue(method, *args, channel="root.seq", **options)

    def enqueue_behind(self):
        return [self.enqueue("record", token) for token in ("second", "third")]

    def test_order_through_retries(self):
        self.only_runners()  # no run leaves for another cron
        self.enqueue("flaky", "first", 2, 1)
        self.enqueue_behind()
        self.run_in_thread(60)
        self.assertEqual(self.tokens(), ["first", "second", "third"])

    def test_job_that_waits_for_its_retry_holds_those_behind_it(self):
        self.enqueue("flaky", "first", 1, 600)
        self.enqueue_behind()
        self.run_jobs()
        self.assertEqual(self.tokens(), [])
        self.assertEqual(self.states(), {"pending": 3})

    def test_failed_job_holds_those_behind_it_until_somebody_decides(self):
        first = self.enqueue("fail", "first")
        self.enqueue_behind()
        with self.assertLogs(MODELS_LOGGER, "ERROR"):
            self.run_jobs()
        self.assertEqual(self.states(), {"failed": 1, "pending": 2})
        with self.transaction() as env:
            env["queue.job"].browse(first).button_cancelled()
        self.run_jobs()
        self.assertEqual(self.tokens(), ["second", "third"])

    def test_job_of_a_killed_worker_holds_those_behind_it_and_runs_first(self):
        first = self.enqueue("record", "first")
        self.enqueue_behind()
        self.assertEqual(self.claim().id, first)
        self.run_jobs()
        self.assertEqual(self.tokens(), [])
        self.age(first)
        with self.assertLogs(ADDON, "WARNING"):
            self.run_jobs()
        self.assertEqual(self.tokens(), ["first", "second", "third"])

    def test_job_held_by_a_user_holds_those_behind_it(self):
        first = self.enqueue("record", "first")
        self.enqueue_behind()
        user = self.cursor()
        user.execute("SELECT 1 FROM queue_job WHERE id = %s FOR UPDATE", [first])
        self.assertFalse(self.claim())
        user.rollback()
        self.run_jobs()
        self.assertEqual(self.tokens(), ["first", "second", "third"])

    def test_two_runs_at_the_same_time_keep_the_order(self):
        tokens = [str(number) for number in range(20)]
        for token in tokens:
            self.enqueue("sleep", token, 0.01)
        runs = [self.start(self.run_jobs, 60) for _number in range(3)]
        for run in runs:
            run.result(120)
        self.assertEqual(self.tokens(), tokens)
