# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The tests' own tools: the watch of ./dev/capacity."""

from .common import channel_watch
from .common.run_case import RunCase

START = "UPDATE queue_job SET state = 'started' WHERE id = %s"


class TestChannelWatch(RunCase):
    """What ./dev/capacity goes by can fail, and doesn't without a reason."""

    def setUp(self):
        super().setUp()
        self.execute(channel_watch.CREATE)
        with self.transaction() as env:
            root = env.ref("queue_job.channel_root")
            values = {"name": "narrow", "parent_id": root.id, "capacity": 1}
            self.channel = root.create(values).id

    def enqueue_in(self, *channels):
        """Return the ids of new jobs, one for each of the channels."""
        return [self.enqueue("record", name, channel=name) for name in channels]

    def set_limits(self, **limits):
        with self.transaction() as env:
            env["queue.job.channel"].browse(self.channel).write(limits)

    def assertAbove(self, *expected):
        self.assertEqual(self.query(channel_watch.ABOVE_LIMIT), [*expected])

    def assertOverlapping(self, *expected):
        self.assertEqual(self.query(channel_watch.OVERLAPPING), [*expected])

    def test_claimed_jobs_are_within_the_limits(self):
        self.set_limits(capacity=2)
        self.enqueue_in("root.narrow", "root.narrow.sub", "narrow", "root", "other")
        self.run_jobs()
        self.assertEqual(self.states(), {"done": 5})
        self.assertAbove()
        self.assertOverlapping()

    def test_second_start_past_the_claim_is_recorded(self):
        self.enqueue_in("root.narrow")
        [second] = self.enqueue_in("root.narrow.sub.sub")
        self.claim()
        self.execute(START, second)
        violation = (second, "root.narrow", 1, 2)
        self.assertAbove(violation)
        self.assertOverlapping(violation)

    def test_start_in_a_paused_channel_is_recorded(self):
        [job] = self.enqueue_in("narrow")
        self.set_limits(paused=True)
        self.execute(START, job)
        self.assertAbove((job, "root.narrow", 0, 1))

    def test_lowered_limit_stops_no_running_job_but_the_next_start(self):
        self.set_limits(capacity=3)
        self.enqueue_in("root.narrow", "root.narrow")
        [third] = self.enqueue_in("root.narrow")
        self.claim()
        self.claim()
        self.set_limits(capacity=2)
        self.assertAbove()
        self.execute(START, third)
        self.assertAbove((third, "root.narrow", 2, 3))

    def test_starts_that_have_not_seen_each_other_overlap(self):
        first, second = self.enqueue_in("root.narrow", "root.narrow")
        one, other = self.cursor(), self.cursor()
        one.execute(START, [first])
        other.execute(START, [second])
        one.commit()
        other.commit()
        self.assertAbove()
        self.assertOverlapping((second, "root.narrow", 1, 2))

    def test_start_after_an_end_does_not_overlap(self):
        first, second = self.enqueue_in("root.narrow", "root.narrow")
        self.execute(START, first)
        self.execute("UPDATE queue_job SET state = 'done' WHERE id = %s", first)
        self.execute(START, second)
        self.assertAbove()
        self.assertOverlapping()
