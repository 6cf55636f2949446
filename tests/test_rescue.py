# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 5: dead workers' jobs are found."""

import tracemalloc
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from .common.run_case import ADDON, RunCase
from .common.runner_case import mute_sql_errors

HUGE = 100_000_000  # characters


class TestRescue(RunCase):
    """Jobs of dead workers: started, and nobody holds their lock's row."""

    def claim_and_die(self, *args, method="record", **options):
        """Return the id of a job whose worker died a minute ago."""
        job = self.enqueue(method, *args or ("job",), **options)
        self.assertEqual(self.claim().id, job)
        self.age(job)
        return job

    def rescue_and_log(self):
        with self.assertLogs(ADDON, "WARNING") as logs:
            self.rescue()
        return "\n".join(logs.output)

    def assertLeftAlone(self, job):
        before = self.job(job)
        with self.assertNoLogs(ADDON, "WARNING"):
            self.rescue()
        self.assertEqual(self.job(job), before)

    def assertDeadFails(self, job):
        log = self.rescue_and_log()
        row = self.job(job)
        self.assertEqual((row["state"], row["exc_name"]), ("failed", "JobFoundDead"))
        self.assertIn("was killed, crashed or ran into its time", row["exc_message"])
        self.assertIn(f"({row['worker_pid']})", row["exc_message"])
        self.assertRegex(row["exc_message"], r"at most (59|6\d) s after")
        self.assertIn(row["uuid"], log)
        return row

    def test_dead_job_runs_again_and_has_used_up_a_try(self):
        job = self.claim_and_die()
        log = self.rescue_and_log()
        row = self.job(job)
        self.assertIn(f"Job {row['uuid']} <queue.job.demo.ledger>.record", log)
        self.assertEqual((row["state"], row["retry"]), ("pending", 1))
        for field in ("date_started", "date_enqueued", "worker_pid", "runner_id"):
            self.assertIsNone(row[field])
        self.run_jobs()
        row = self.job(job)
        self.assertEqual((row["state"], row["retry"]), ("done", 2))

    def test_run_that_finds_a_job_dead_goes_on(self):
        self.claim_and_die(max_retries=1)
        for token in ("before", "after"):
            self.enqueue("record", token)
        self.run_jobs(seconds=5)
        self.assertEqual(self.states(), {"failed": 1, "done": 2})

    def test_rescued_job_tells_what_has_happened_and_when(self):
        dead, last_try = self.claim_and_die(), self.claim_and_die(max_retries=1)
        other = self.enqueue("record", "other")
        pid = self.job(dead)["worker_pid"]
        self.rescue_and_log()
        self.run_jobs()
        for job, tries in ((dead, "1 of 5"), (last_try, "1 of 1")):
            row = self.job(job)
            self.assertIn(f"({pid}) was killed, crashed", row["rescue_message"])
            self.assertIn(f"It was try {tries}.", row["rescue_message"])
            age = datetime.now(timezone.utc).replace(tzinfo=None) - row["date_rescued"]
            self.assertLess(abs(age), timedelta(minutes=5))
        self.assertEqual(self.job(last_try)["exc_message"], row["rescue_message"])
        row = self.job(other)
        self.assertEqual((row["state"], row["date_rescued"]), ("done", None))

    def test_every_run_rescues_first(self):
        job = self.claim_and_die()
        with self.assertLogs(ADDON, "WARNING"):
            self.run_jobs()
        self.assertEqual(self.state(job), "done")

    def test_living_job_is_left_alone_however_long_it_runs(self):
        job = self.enqueue("record", "job")
        record = self.claim()
        self.age(job, seconds=24 * 60 * 60)
        self.assertTrue(self.lock(record))
        self.assertLeftAlone(job)

    def test_job_claimed_a_moment_ago_is_left_alone(self):
        job = self.enqueue("record", "job")
        self.claim()
        self.assertLeftAlone(job)

    def test_overrides_of_write_see_what_no_claim_and_no_rescue_writes(self):
        """As README says."""
        seen, write = [], self.registry["queue.job"].write

        def override(jobs, vals):
            seen.extend(vals["state"] for _job in jobs if "state" in vals)
            return write(jobs, vals)

        with patch.object(self.registry["queue.job"], "write", override):
            for method, args, states in (
                ("record", (), ["done"]),
                ("flaky", (1, 3600), ["pending"]),
                ("fail", (), ["failed"]),
            ):
                seen.clear()
                self.enqueue(method, "job", *args)
                self.run_in_thread()
                self.assertEqual(seen, states)
            for max_retries in (1, 2):
                seen.clear()
                self.claim_and_die(max_retries=max_retries)
                self.rescue_and_log()
                self.assertEqual(seen, [])

    def test_orphan_of_the_regular_runner_has_not_used_up_a_try(self):
        orphan, recent = (self.enqueue("record", token) for token in ("a", "b"))
        self.execute(
            "UPDATE queue_job SET state = 'enqueued', date_enqueued ="
            " clock_timestamp() AT TIME ZONE 'UTC'"
        )
        self.age(orphan)
        self.rescue_and_log()
        self.assertEqual(
            (self.state(orphan), self.state(recent)), ("pending", "enqueued")
        )
        row = self.job(orphan)
        self.assertEqual(row["retry"], 0)
        self.assertIn("The regular runner had enqueued it", row["rescue_message"])

    def test_last_try_fails_and_tells_followers_and_on_fail(self):
        with self.transaction() as env:
            function = env.ref("queue_job_cron_jobrunner_demo.job_function_record")
            function.on_fail_method = "on_failure"
        job = self.claim_and_die(max_retries=1)
        row = self.assertDeadFails(job)
        self.assertEqual(row["retry"], 1)
        self.assertEqual(self.tokens(), ["on fail: JobFoundDead"])
        with self.transaction() as env:
            bodies = env["queue.job"].browse(job).message_ids.mapped("body")
        self.assertIn("Something bad happened", "".join(bodies))

    def test_unlimited_retries_never_fail(self):
        job = self.claim_and_die(max_retries=0)
        self.execute("UPDATE queue_job SET retry = 1000")
        self.rescue_and_log()
        self.assertEqual(self.state(job), "pending")

    def test_job_whose_model_is_gone_fails(self):
        job = self.claim_and_die(max_retries=1)
        self.execute("UPDATE queue_job SET model_name = 'gone', records = NULL")
        self.assertDeadFails(job)

    def test_broken_on_fail_method_does_not_stop_the_rescue(self):
        with self.transaction() as env:
            function = env.ref("queue_job_cron_jobrunner_demo.job_function_record")
            function.on_fail_method = "close_cursor"  # and wrong arguments
        job = self.claim_and_die(max_retries=1)
        self.assertDeadFails(job)

    def test_on_fail_method_that_rolls_back_does_not_stop_the_rescue(self):
        with self.transaction() as env:
            function = env.ref("queue_job_cron_jobrunner_demo.job_function_record")
            function.on_fail_method = "roll_back_on_failure"
        last_try = self.claim_and_die(max_retries=1)
        job = self.claim_and_die()
        with mute_sql_errors:
            self.assertDeadFails(last_try)
        self.run_jobs()
        self.assertEqual(self.state(job), "done")

    def test_started_jobs_without_dates_do_not_stop_the_rescue(self):
        """Such rows come from imports and from hands."""
        others = [self.claim_and_die(max_retries=retries) for retries in (1, 1, 5)]
        job = self.claim_and_die()
        self.execute(
            "UPDATE queue_job SET date_started = NULL WHERE id = %s", others[0]
        )
        self.execute(
            "UPDATE queue_job SET date_created = '2020-01-01', date_started = NULL,"
            " date_enqueued = NULL WHERE id IN %s",
            tuple(others[1:]),
        )
        self.rescue_and_log()
        self.assertEqual(self.state(job), "pending")
        states = [self.state(other) for other in others]
        self.assertEqual(states, ["failed", "failed", "pending"])

    def test_one_that_is_huge_or_can_t_be_read_does_not_stop_the_rescue(self):
        """Nothing is loaded with its arguments for being dead."""
        with self.transaction() as env:
            for number in range(100):
                delayed = env["queue.job.demo.ledger"].with_delay(max_retries=2)
                delayed.record(f"job {number}")
        self.execute(
            "UPDATE queue_job SET state = 'started', worker_pid = 1,"
            " date_started = '2020-01-01', date_enqueued = '2020-01-01',"
            " retry = mod(id, 2)"
        )
        ids = [row[0] for row in self.query("SELECT id FROM queue_job ORDER BY id")]
        unreadable = '[{"_type": "date_isoformat", "value": "no date"}]'
        set_args = "UPDATE queue_job SET args = {} WHERE id = ANY(%s)"
        self.execute(set_args.format("%s"), unreadable, ids[10:12])
        huge = "jsonb_build_array(repeat('x', %s))"
        self.execute(set_args.format(huge), HUGE, ids[20:22])
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.rescue_and_log()
        _now, peak = tracemalloc.get_traced_memory()
        self.assertEqual(self.states(), {"pending": 50, "failed": 50})
        self.assertLess(peak, HUGE)
