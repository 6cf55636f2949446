# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Promise 5: jobs whose parents are done start."""

import json
import time

from odoo.addons.queue_job.delay import chain, group

from ..runner import wake
from .common.run_case import ADDON, PATIENCE, RunCase
from .common.runner_case import mute_sql_errors

NEVER_SWEPT = """
    UPDATE ir_config_parameter SET value = '0 0'
     WHERE key = 'queue_job_cron_jobrunner.last_sweep'
"""
FINISHED_BEFORE = "UPDATE queue_job SET date_done = date_done - INTERVAL '1 min'"
CHAIN = 5_000


class TestRelease(RunCase):
    """A job that waits for others is released when they are done, and once."""

    def enqueue_family(self):
        """Enqueue two parents and their child; return the child's id."""
        with self.transaction() as env:
            ledger = env["queue.job.demo.ledger"]
            child = ledger.delayable().record("child")
            parents = group(*(ledger.delayable().record(name) for name in "ab"))
            chain(parents, child).delay()
            child_id = child._generated_job.db_record().id
        self.assertEqual(self.state(child_id), "wait_dependencies")
        return child_id

    def finish_parent(self):
        """Perform a parent and commit, but do not release its dependents.

        :return: what releases them
        """
        record = self.claim()
        wake.keep_quiet(record.env.cr)
        record._lock_claimed()
        record._perform(True)
        self.assertEqual(self.state(record.id), "done")
        return record._release_dependents

    def assertReleasedOnce(self, child):
        self.assertEqual(self.state(child), "pending")
        self.run_jobs()
        self.assertEqual(sorted(self.tokens()), ["a", "b", "child"])

    def test_both_parents_are_done_before_either_releases(self):
        child = self.enqueue_family()
        releases = [self.finish_parent(), self.finish_parent()]
        self.triggers()
        for release in releases:
            release()
        self.assertReleasedOnce(child)

    def test_first_parent_releases_before_the_second_is_done(self):
        child = self.enqueue_family()
        self.finish_parent()()
        self.assertEqual(self.state(child), "wait_dependencies")
        release = self.finish_parent()
        self.triggers()
        release()
        self.assertReleasedOnce(child)

    def test_first_parent_releases_last(self):
        child = self.enqueue_family()
        first = self.finish_parent()
        self.triggers()
        self.finish_parent()()
        first()
        self.assertReleasedOnce(child)

    def test_both_parents_release_while_a_user_changes_the_child(self):
        child = self.enqueue_family()
        releases = [self.finish_parent(), self.finish_parent()]
        self.triggers()
        user = self.cursor()
        user.execute("UPDATE queue_job SET priority = 1 WHERE id = %s", [child])
        futures = [self.start(release) for release in releases]
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        self.wait_until(lambda: self.query(waiting) == [(2,)], "both wait")
        with mute_sql_errors:
            user.commit()
            for future in futures:
                future.result(PATIENCE)
        self.assertReleasedOnce(child)

    def test_child_is_released_if_the_process_died_before_it_could(self):
        child = self.enqueue_family()
        self.finish_parent()
        self.execute(NEVER_SWEPT)
        self.rescue()
        self.assertEqual(self.state(child), "wait_dependencies")
        self.finish_parent()
        self.execute(NEVER_SWEPT)
        self.rescue()
        self.assertEqual(self.state(child), "wait_dependencies", "too early to tell")
        self.execute(FINISHED_BEFORE)
        self.triggers()
        self.execute(NEVER_SWEPT)
        with self.assertLogs(ADDON, "WARNING") as logs:
            self.rescue()
        self.assertIn("was left waiting", logs.output[0])
        self.assertReleasedOnce(child)

    def test_stranded_jobs_are_looked_for_once_a_minute(self):
        self.execute(NEVER_SWEPT)
        self.rescue()
        child = self.enqueue_family()
        self.finish_parent()
        self.finish_parent()
        self.execute(FINISHED_BEFORE)
        self.rescue()
        self.assertEqual(self.state(child), "wait_dependencies")
        self.execute(NEVER_SWEPT)
        with self.assertLogs(ADDON, "WARNING"):
            self.rescue()
        self.assertEqual(self.state(child), "pending")

    def test_long_chain_costs_a_rescue_little(self):
        with self.registry.cursor() as cr:
            for number in range(CHAIN):
                depends = {"depends_on": [f"chain-{number - 1}"] if number else []}
                cr.execute(
                    "INSERT INTO queue_job (uuid, state, dependencies, eta)"
                    " VALUES (%s, %s, %s, '2222-02-22')",
                    (
                        f"chain-{number}",
                        "wait_dependencies" if number else "pending",
                        json.dumps(depends),
                    ),
                )
        self.execute("ANALYZE queue_job")
        self.execute(NEVER_SWEPT)
        for what in ("with a sweep", "without"):
            cr = self.cursor()
            start = time.monotonic()
            self.rescue(cr)
            cost = 1000 * (time.monotonic() - start)
            print(f"\nA rescue {what}, {CHAIN} waiting jobs: {cost:.1f} ms")  # pylint: disable=print-used
        self.assertEqual(self.states(), {"pending": 1, "wait_dependencies": CHAIN - 1})
