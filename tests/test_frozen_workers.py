# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 1: workers that are frozen at any moment."""

import os
import random
import signal
import time

from .common.server_case import PREFORK, ServerCase

FREEZES = 10
JOBS = 30
THROTTLE = 4  # seconds

# That of a job holds a row of queue_job_lock.
END_SESSION_OF_JOB = """
    SELECT pg_terminate_backend(pid)
      FROM pg_locks
     WHERE relation = 'queue_job_lock'::regclass AND mode = 'RowShareLock'
"""
ALL_ACTIVE = "SELECT bool_and(active) FROM ir_cron WHERE queue_job_runner"


class TestFrozenWorkers(ServerCase):
    def at_most_one_left(self):
        """A frozen worker may have one job; a claim it is in ends by a timeout."""
        states = self.states()
        return states.get("pending", 0) + states.get("started", 0) <= 1

    def test_worker_that_is_stopped_at_any_moment_does_not_stop_the_others(self):
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        tokens = []
        for freeze in range(FREEZES):
            worker = random.choice(server.cron_workers())
            tokens += self.enqueue([f"{freeze} {number}" for number in range(JOBS)])
            time.sleep(random.uniform(0, 0.2))  # at any moment
            os.kill(worker, signal.SIGSTOP)
            self.wait(server, self.at_most_one_left, "others go on", nudge=True)
            os.kill(worker, signal.SIGCONT)
        self.wait(server, self.all_in("done"), "the jobs are done", nudge=True)
        self.assertOnceEach(tokens)
        # Odoo counts a run whose transaction PostgreSQL has ended as a failure
        self.assertTrue(self.query(ALL_ACTIVE)[0][0])


class TestFrozenServer(ServerCase):
    """As if its host had vanished in the middle of a job."""

    def setUp(self):
        super().setUp()
        self.only_runners()
        self.add_runners(3)
        with self.transaction() as env:
            root = env.ref("queue_job.channel_root")
            values = {"name": "throttled", "parent_id": root.id, "throttle": THROTTLE}
            env["queue.job.channel"].create(values)

    def freeze(self, server, token):
        """Freeze it with the job in its hands, whose session ends."""
        self.enqueue([token], "sleep", 3)
        self.wait(server, self.job_is(token, "started"), "it runs")
        os.killpg(server.process.pid, signal.SIGSTOP)
        self.assertTrue(self.query(END_SESSION_OF_JOB))

    def test_others_work_as_if_it_were_not_there(self):
        frozen = self.server(*PREFORK, "--max-cron-threads=1")
        self.freeze(frozen, "victim")
        server = self.server(*PREFORK, "--max-cron-threads=3")
        is_ready = lambda: "Registry loaded" in server.log_text()  # noqa: E731
        self.wait(server, is_ready, "the other one is up")
        tokens = self.enqueue([f"job {number}" for number in range(30)], "sleep", 1)
        throttled = [f"throttled {number}" for number in range(4)]
        self.enqueue(throttled, channel="root.throttled", priority=1)
        self.wait(server, self.all_in("done"), "all are done")
        self.assertOnceEach(["victim", *tokens, *throttled])
        self.assertEqual(self.job("victim")["retry"], 2)
        starts = dict(self.query("SELECT name, date_started FROM queue_job"))
        of_jobs = sorted(starts[token] for token in tokens)
        seconds = (of_jobs[-1] - of_jobs[0]).total_seconds()
        of_throttled = sorted(starts[token] for token in throttled)
        gaps = [
            (later - earlier).total_seconds()
            for earlier, later in zip(of_throttled, of_throttled[1:], strict=False)
        ]
        print(f"\n30 jobs of 1 s in {seconds:.0f} s; throttled: {gaps}")  # pylint: disable=print-used
        self.assertLess(seconds, 20, "three work")
        self.assertGreaterEqual(min(gaps), THROTTLE)
        self.assertLess(max(gaps), THROTTLE + 4)
        self.assertCronsFine()
