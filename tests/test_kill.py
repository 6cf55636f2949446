# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promises 2 and 3: processes that are killed."""

import os
import re
import signal

from .common.server_case import PREFORK, ServerCase


class TestKill(ServerCase):
    """A killed process costs its job a try, and nobody anything else."""

    def test_job_of_a_killed_worker_runs_again(self):
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=2")
        # busy runners look for dead jobs; idle ones only at the cron's interval
        tokens = self.enqueue([f"other {n}" for n in range(60)], "sleep", 0.5)
        tokens += self.enqueue(["victim"], "sleep", 2, priority=1)
        self.wait(server, self.job_is("victim", "started"), "the job is started")
        victim = self.job("victim")
        self.assertIn(victim["worker_pid"], server.cron_workers())
        self.assertIn(victim["runner_id"], self.runner_ids())
        self.assertTrue(victim["date_started"])
        os.kill(victim["worker_pid"], signal.SIGKILL)
        before = len(self.ledger())
        self.wait(server, lambda: len(self.ledger()) > before + 2, "others go on")
        self.assertEqual(self.job("victim"), victim)
        self.wait(server, self.all_in("done"), "all are done", nudge=True)
        self.assertEqual(self.job("victim")["retry"], 2)
        self.assertOnceEach(tokens)
        self.assertEqual(server.log_text().count("found dead"), 1)
        self.assertCronsFine()
        self.assertNoErrorIn(server)

    def test_job_of_a_killed_threaded_server_runs_again(self):
        server = self.server("--workers=0", "--max-cron-threads=1")
        tokens = self.enqueue([f"other {n}" for n in range(40)], "sleep", 0.3)
        tokens += self.enqueue(["victim"], "sleep", 2, priority=1)
        self.wait(server, self.job_is("victim", "started"), "the job is started")
        self.assertEqual(self.job("victim")["worker_pid"], server.process.pid)
        server.kill()
        self.assertEqual(self.job("victim")["state"], "started")
        server.start()
        self.wait(server, self.all_in("done"), "all are done", nudge=True)
        self.assertEqual(self.job("victim")["retry"], 2)
        self.assertEqual(self.job("victim")["worker_pid"], server.process.pid)
        self.assertOnceEach(tokens)
        self.assertCronsFine()
        self.assertNoErrorIn(server)

    def test_run_that_comes_too_early_for_the_rescue_comes_again(self):
        self.only_runners()
        with self.transaction() as env:
            env.ref("queue_job.channel_root").capacity = 1
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.enqueue(["victim"], "sleep", 1)
        self.wait(server, self.job_is("victim", "started"), "the job is started")
        os.kill(self.job("victim")["worker_pid"], signal.SIGKILL)
        # the killed run's trigger is due again, and used up by a run that finds the
        # job too young; from then on nobody is notified but by that run
        self.wait(server, self.has_ended_a_run(server), "a run has ended", nudge=True)
        self.assertEqual(self.job("victim")["state"], "started")
        self.wait(server, self.all_in("done"), "the job is done")
        self.assertEqual(self.job("victim")["retry"], 2)
        self.assertCronsFine()
        self.assertNoErrorIn(server)

    def test_next_run_of_a_killed_one_keeps_its_session(self):
        """Though it began at once, and has the same job when the other is rescued."""
        self.only_runners()
        self.add_runners(1)
        server = self.server(*PREFORK, "--max-cron-threads=3")
        tokens = self.enqueue(["victim"], "sleep", 1)
        tokens += self.enqueue(["rescuer's"], "sleep", 7)
        self.wait(server, self.all_in("started"), "both run")
        victim = self.job("victim")
        os.kill(victim["worker_pid"], signal.SIGKILL)
        tokens += self.enqueue(["next"], "sleep", 20)
        self.wait(server, self.job_is("next", "started"), "it runs", nudge=True)
        self.assertEqual(self.job("next")["runner_id"], victim["runner_id"])
        tokens += self.enqueue([f"other {n}" for n in range(20)], "sleep", 0.5)
        self.wait(server, self.all_in("done"), "all are done")
        self.assertEqual(self.job("victim")["retry"], 2)
        self.assertOnceEach(tokens)
        self.assertCronsFine()
        self.assertNoErrorIn(server)

    def test_jobs_that_kill_their_worker_fail_and_block_nobody(self):
        poison = [f"poison {number}" for number in range(3)]
        self.enqueue(poison, "die", priority=1, max_retries=2)
        tokens = self.enqueue([f"other {number}" for number in range(50)], "sleep", 0.4)
        server = self.server(*PREFORK, "--max-cron-threads=1")
        self.wait(server, self.all_in("done", "failed"), "all have ended", nudge=True)
        for token in poison:
            job = self.job(token)
            self.assertEqual((job["state"], job["retry"]), ("failed", 2))
            self.assertEqual(job["exc_name"], "JobFoundDead")
            self.assertIn("try 2 of 2", job["exc_message"])
        self.assertOnceEach(tokens)
        self.assertEqual(server.log_text().count("found dead"), 6)
        self.assertCronsFine()
        self.assertNoErrorIn(server)

    def test_job_longer_than_the_limit_fails_and_others_go_on(self):
        self.only_runners()
        self.add_runners(1)
        with self.transaction() as env:
            sleep = env.ref("queue_job_cron_jobrunner_demo.job_function_sleep")
            sleep.on_fail_method = "record_failure"
        # a worker that is notified all the time is fed all the time
        server = self.server(
            "--workers=1", "--max-cron-threads=2", "--limit-time-real-cron=12"
        )
        self.enqueue(["long"], "sleep", 60, priority=1, max_retries=2)
        tokens = self.enqueue([f"other {number}" for number in range(24)], "sleep", 0.5)
        self.wait(server, self.all_in("done", "failed"), "all have ended", nudge=True)
        job = self.job("long")
        self.assertEqual((job["state"], job["retry"]), ("failed", 2))
        self.assertEqual(job["exc_name"], "Interrupted")
        self.assertIn("the limit of real time of its process", job["exc_message"])
        told = [*tokens, "Interrupted"]
        self.wait(server, lambda: len(self.ledger()) == len(told), "on fail is called")
        self.assertOnceEach(told)
        self.assertNotEqual(self.ledger()[0][0], "Interrupted")
        self.assertEqual(self.failure_messages("long"), 1)
        lost = "its process is lost"
        self.wait(server, lambda: server.log_text().count(lost) == 2, "it is logged")
        self.assertCronsFine()
        self.assertNoErrorIn(server, lost)

    def has_ended_a_run(self, server):
        """A condition: Odoo logs that a runner's run is over, once more than now."""
        ends = re.compile(r"'Queue Job Runner' \(\d+\) (fully|partially) done")
        before = len(ends.findall(server.log_text()))
        return lambda: len(ends.findall(server.log_text())) > before

    def runner_ids(self):
        with self.transaction() as env:
            return env["ir.cron"]._queue_job_runners().ids

    def failure_messages(self, token):
        """Return how often the followers of a job were told that it has failed."""
        with self.transaction() as env:
            job = env["queue.job"].search([("name", "=", token)])
            subtype = env.ref("queue_job.mt_job_failed")
            self.assertTrue(job.message_follower_ids)
            return len(job.message_ids.filtered(lambda msg: msg.subtype_id == subtype))
